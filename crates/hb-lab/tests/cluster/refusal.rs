//! Wrong files at the start: exit code 6, as 3.0.6 has it, and every error with its place on stderr.

use std::net::Ipv4Addr;

use hb_lab::{ClusterFiles, Host, HostSpec, Lab, NodeProgram};

use crate::pair::{agent, program};
use crate::scene::{LIMIT, NETWORK};

/// One wrong configuration.
struct Wrong {
    what: &'static str,
    change: fn(&mut ClusterFiles),
    /// Mode of `authkeys`.
    mode: u32,
    /// What stderr must show.
    told: &'static [&'static str],
}

const KINDS: [Wrong; 6] = [
    Wrong {
        what: "ha.cf",
        change: |files| {
            files.ha_cf.insert_str(0, "logacility local0\n");
            files.ha_cf.push_str("baud 19600\n");
        },
        mode: 0o600,
        told: &["ha.cf:1:1", "ha.cf:10:6", "logfacility", "19200"],
    },
    Wrong {
        what: "haresources",
        change: |files| files.haresources += "gamma 10.77.0.102/24/eth0\n",
        mode: 0o600,
        told: &["haresources:2:1", "gamma"],
    },
    Wrong {
        what: "authkeys",
        change: |files| files.authkeys = "auth 1\n1 sha256 secret\n".to_owned(),
        mode: 0o600,
        told: &["authkeys:2:3", "sha256"],
    },
    Wrong {
        what: "key that does not exist",
        change: |files| files.authkeys = "auth 2\n1 sha1 secret\n".to_owned(),
        mode: 0o600,
        told: &["authkeys:1:6"],
    },
    Wrong { what: "mode of authkeys", change: |_| {}, mode: 0o644, told: &["authkeys", "600"] },
    Wrong {
        what: "all three",
        change: |files| {
            files.ha_cf = files.ha_cf.replace("bcast eth0", "Udp eth0");
            files.haresources = "gamma 10.77.0.102/24/eth0\n".to_owned();
            files.authkeys = "auth 1\n1 sha256 secret\n".to_owned();
        },
        mode: 0o600,
        told: &["ha.cf:6:1", "haresources:1:1", "authkeys:2:3"],
    },
];

#[tokio::test]
async fn wrong_files_do_not_start() {
    let mut lab = Lab::start(agent()).unwrap();
    lab.add_network(NETWORK).await.unwrap();
    let spec = HostSpec::new("alpha").plug(NETWORK, Ipv4Addr::new(10, 77, 0, 1));
    let host = lab.add_host(spec).await.unwrap();
    let ours = program("hb-node");
    let ours = ours.to_str().unwrap();
    NodeProgram::heartbeat().unwrap_or_else(|error| panic!("{error}"));
    let real = ["/usr/libexec/heartbeat/heartbeat", "/usr/lib/heartbeat/heartbeat"];
    let real = real.into_iter().find(|path| std::path::Path::new(path).is_file()).unwrap();
    for wrong in KINDS {
        let mut files = good();
        (wrong.change)(&mut files);
        files.install(&host).unwrap();
        host.write("/etc/ha.d/authkeys", &files.authkeys, wrong.mode).unwrap();
        for argv in [&[ours, "--foreground"][..], &[ours], &[real]] {
            let stderr = refused(&host, wrong.what, argv).await;
            for told in wrong.told.iter().filter(|_| argv[0] == ours) {
                assert!(stderr.contains(told), "{}: {argv:?} does not tell {told}:\n{stderr}", wrong.what);
            }
        }
        assert!(host.processes(ours.as_ref()).await.unwrap().is_empty(), "{}", wrong.what);
    }
}

fn good() -> ClusterFiles {
    ClusterFiles {
        ha_cf: "keepalive 200ms\ndeadtime 1\nwarntime 500ms\ninitdead 10\nudpport 694\nbcast eth0\n\
                auto_failback on\nnode alpha beta\n"
            .to_owned(),
        haresources: "alpha 10.77.0.100/24/eth0\n".to_owned(),
        authkeys: "auth 1\n1 sha1 secret\n".to_owned(),
        hb_toml: String::new(),
    }
}

/// Starts it in vain; what it wrote to stderr.
async fn refused(host: &Host, what: &str, argv: &[&str]) -> String {
    let output = host.run(argv, LIMIT).await.unwrap();
    assert_eq!(output.exit.code, Some(6), "{what}: {argv:?}: {}", output.stderr);
    output.stderr
}
