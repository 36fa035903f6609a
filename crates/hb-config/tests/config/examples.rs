//! The shipped examples are accepted.

use std::path::Path;
use std::time::Duration;

use hb_config::{AddressSpec, Failback, Medium, ResourceKind, Severity, load};

use super::fake_host::{DIR, FakeHost, direct};

#[test]
fn the_two_node_example_is_accepted_on_both_nodes() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/conf/two-node");
    for node in ["alpha", "Beta"] {
        let mut host = FakeHost::new();
        host.name = node.into();
        host.routes = vec![direct("eth0", [10, 77, 0, 0])];
        for (name, mode) in [("ha.cf", 0o644), ("authkeys", 0o600), ("haresources", 0o644)] {
            host.file(Path::new(DIR).join(name), &std::fs::read(directory.join(name)).unwrap(), mode);
        }
        let loaded = load(Path::new(DIR), &host);
        let text = loaded.render(false);
        // The initial dead time of 3 s is short on purpose: this is a demonstration.
        let warnings: Vec<&str> = loaded
            .diagnostics
            .iter()
            .filter(|found| found.severity != Severity::Note)
            .map(|found| found.code.id())
            .collect();
        assert_eq!(warnings, ["HB032"], "{text}");
        let config = loaded.config.expect(&text);
        assert_eq!(config.node_name, node.to_ascii_lowercase());
        assert_eq!(config.nodes, ["alpha", "beta"]);
        assert_eq!(config.media, [Medium::Bcast { interface: "eth0".into(), port: 694 }]);
        assert_eq!(config.keepalive, Duration::from_millis(200));
        assert_eq!(config.deadtime, Duration::from_secs(1));
        assert_eq!(config.warntime, Duration::from_millis(500));
        assert_eq!(config.initdead, Duration::from_secs(3));
        assert_eq!(config.failback, Failback::On);
        assert_eq!(config.not_in_force, []);
        let groups: Vec<(&str, &ResourceKind)> =
            config.groups.iter().map(|group| (group.node.as_str(), &group.resources[0].kind)).collect();
        let address = |last| {
            ResourceKind::Address(AddressSpec {
                address: [10, 77, 0, last].into(),
                prefix: Some(24),
                interface: Some("eth0".into()),
                label: None,
                broadcast: None,
            })
        };
        assert_eq!(groups, [("alpha", &address(100)), ("beta", &address(101))]);
    }
}
