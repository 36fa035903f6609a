//! The table of failover.md 1.3 as text, and the rule of route choice row by row.

use super::*;

/// Interfaces by index: 2 = e0, 3 = e1, 9 = rejecting.
fn routes(text: &str) -> Vec<Route> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (destination, prefix) = words[0].split_once('/').expect("destination/prefix");
        let interface = match words[1] {
            "e0" => Some(2),
            "e1" => Some(3),
            "reject" => None,
            other => panic!("{other}"),
        };
        let metric = words.get(2).map_or(0, |metric| metric.parse().unwrap());
        Route {
            destination: destination.parse().unwrap(),
            prefix: prefix.parse().unwrap(),
            metric,
            interface,
        }
    };
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(row).collect()
}

fn placed(spec: &str, table: &str) -> String {
    let spec: AddressSpec = spec.parse().unwrap();
    let named = spec.interface.as_deref().map(|name| if name == "e0" { 2 } else { 3 });
    match place(&spec, named, &routes(table)) {
        Ok(placement) => {
            let name = if placement.interface == 2 { "e0" } else { "e1" };
            let broadcast = placement.broadcast.map_or("-".to_owned(), |address| address.to_string());
            format!("{name}/{} {broadcast}", placement.prefix)
        }
        Err(error) => format!("{error:?}"),
    }
}

/// The table of failover.md 1.3: given -> interface/mask broadcast.
#[test]
fn the_table_of_forms() {
    const CONNECTED: &str = "10.79.0.0/24 e0";
    const DEFAULT: &str = "0.0.0.0/0 e0";
    let rows = [
        ("10.79.0.100", CONNECTED, "e0/24 10.79.0.255"),
        ("10.79.0.100/25", CONNECTED, "e0/25 10.79.0.127"),
        ("10.79.0.100/255.255.255.0", CONNECTED, "e0/24 10.79.0.255"),
        ("10.79.0.100/24/10.79.0.7", CONNECTED, "e0/24 10.79.0.7"),
        // "no route needed"
        ("10.79.0.100/24/e0", "", "e0/24 10.79.0.255"),
        ("10.79.0.100/24/e0:3", "", "e0/24 10.79.0.255"),
        // "taken verbatim, not validated against the mask"
        ("10.79.0.100/24/e0/192.0.2.1", "", "e0/24 192.0.2.1"),
        // a named interface wins over the route
        ("10.79.0.100/24/e1", CONNECTED, "e1/24 10.79.0.255"),
        ("192.0.2.9", CONNECTED, "NoRoute"),
        ("192.0.2.9/24", CONNECTED, "NoRoute"),
        ("192.0.2.9", DEFAULT, "DefaultRouteWithoutMask"),
        ("192.0.2.9/32", DEFAULT, "e0/32 192.0.2.9"),
        ("192.0.2.9", "192.0.2.0/24 reject", "Rejected"),
        ("0.0.0.0/24/e0", "", "NotUnicast"),
        ("224.0.0.1/24/e0", "", "NotUnicast"),
        ("255.255.255.255/24/e0", "", "NotUnicast"),
    ];
    for (spec, table, expected) in rows {
        assert_eq!(placed(spec, table), expected, "{spec} with {table:?}");
    }
}

#[test]
fn among_equal_metrics_the_longest_prefix_wins_in_any_order() {
    assert_eq!(placed("10.1.2.3", "10.0.0.0/8 e0\n10.1.0.0/16 e1"), "e1/16 10.1.255.255");
    assert_eq!(placed("10.1.2.3", "10.1.0.0/16 e1\n10.0.0.0/8 e0"), "e1/16 10.1.255.255");
    assert_eq!(placed("10.1.2.3", "0.0.0.0/0 e0 100\n10.1.0.0/16 e1 100"), "e1/16 10.1.255.255");
}

#[test]
fn a_lower_metric_seen_first_excludes_longer_prefixes_with_a_worse_one() {
    assert_eq!(placed("10.1.2.3", "10.0.0.0/8 e0 1\n10.1.0.0/16 e1 2"), "e0/8 10.255.255.255");
    // Seen first, the longer prefix stays, because a better metric does not make up for a shorter mask.
    assert_eq!(placed("10.1.2.3", "10.1.0.0/16 e1 2\n10.0.0.0/8 e0 1"), "e1/16 10.1.255.255");
    // A default route without metric, first in the kernel's order, hides a connected network with one.
    assert_eq!(placed("10.1.2.3", "0.0.0.0/0 e0 0\n10.1.0.0/16 e1 100"), "DefaultRouteWithoutMask");
}

#[test]
fn among_equal_rows_the_last_one_wins() {
    assert_eq!(placed("10.1.2.3", "10.1.0.0/16 e0\n10.1.0.0/16 e1"), "e1/16 10.1.255.255");
    assert_eq!(placed("10.1.2.3", "10.1.0.0/16 e0 5\n10.1.0.0/16 e1 6"), "e0/16 10.1.255.255");
}

#[test]
fn without_a_mask_the_route_through_the_named_interface_gives_it() {
    let spec = AddressSpec {
        address: Ipv4Addr::new(10, 1, 2, 3).into(),
        prefix: None,
        interface: Some("e1".into()),
        label: None,
        broadcast: None,
    };
    let table = routes("10.0.0.0/8 e0\n10.1.0.0/16 e1");
    assert_eq!(place(&spec, Some(3), &table).unwrap().prefix, 16);
    assert_eq!(place(&spec, Some(4), &table), Err(PlacementError::MaskUnknown));
    assert_eq!(place(&spec, Some(3), &routes("0.0.0.0/0 e1")), Err(PlacementError::MaskUnknown));
}

#[test]
fn ipv6_goes_where_the_longest_prefix_leads() {
    let table = "fd00::/64 e0 256\n::/0 e1 1024\nfd00::/48 e1 1\nfe80::/64 e0 256\nfe80::/64 e1 256\nfd01::/64 e0 9\nfd01::/64 e1 5";
    for (spec, expected) in [
        ("fd00::5", "e0/64 -"),
        ("fd00::5/128", "e0/128 -"),
        ("fd00::5/64/e1", "e1/64 -"),
        ("fd00:0:0:7::5", "e1/48 -"),
        ("fd01::5", "e1/64 -"),
        ("fd99::5", "DefaultRouteWithoutMask"),
        ("fd99::5/128", "e1/128 -"),
        ("fe80::5", "LinkLocal"),
        ("fe80::5/64/e1", "e1/64 -"),
        ("ff02::1/64/e0", "NotUnicast"),
        ("::/64/e0", "NotUnicast"),
        ("10.0.0.1", "NoRoute"),
    ] {
        assert_eq!(placed(spec, table), expected, "{spec}");
    }
    assert_eq!(network("fd00::5".parse().unwrap(), 0), "::".parse::<IpAddr>().unwrap());
}

#[test]
fn masks_of_all_lengths() {
    assert_eq!(mask(0), 0);
    assert_eq!(mask(1), 0x8000_0000);
    assert_eq!(mask(24), 0xffff_ff00);
    assert_eq!(mask(32), 0xffff_ffff);
    assert_eq!(mask(200), 0xffff_ffff);
}

#[test]
fn the_first_free_number_makes_the_label() {
    assert_eq!(free_label("eth0", &[]).unwrap(), "eth0:0");
    assert_eq!(free_label("eth0", &["eth0", "eth0:1", "eth0:0", "eth1:2"]).unwrap(), "eth0:2");
    assert_eq!(free_label("eth0", &["eth0:1"]).unwrap(), "eth0:0");
    assert_eq!(free_label("enp0s31f6.123", &[]).unwrap(), "enp0s31f6.123:0");
    assert_eq!(free_label("enp0s31f6.1234", &[]), None);
}
