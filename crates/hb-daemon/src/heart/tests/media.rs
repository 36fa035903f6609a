//! Media that come, move, go, are renewed, or cannot send.

use super::*;

fn port(name: &str) -> (TestPort, UnixDatagram) {
    let (ours, network) = UnixDatagram::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    (TestPort { socket: ours, next: None, bell: None, name: name.to_owned() }, network)
}

#[test]
fn media_come_move_and_go_while_the_others_are_heard() {
    let mut bench = bench();
    let (port, other) = port("eth1");
    bench.network.send(&heartbeat(1, &keys("secret"))).unwrap();
    bench.turn();
    // In front of the old one, which has something in its queue meanwhile.
    bench.network.send(&heartbeat(2, &keys("secret"))).unwrap();
    bench.change(|change| {
        let config = LinkConfig { name: "eth1".to_owned() };
        change.engine.links.insert(0, LinkPlan { config, before: None });
        change.ports.push(port);
        change.names.links.insert(0, "eth1".to_owned());
    });
    bench.turn();
    let names: Vec<_> =
        bench.heart.report(clock::now()).media.into_iter().map(|medium| medium.name).collect();
    assert_eq!(names, ["eth1", "eth0"]);
    bench.turn();
    assert_eq!(bench.heart.wires[1].counts.received, 2);
    other.send(&heartbeat(3, &keys("secret"))).unwrap();
    bench.turn();
    assert_eq!(bench.heart.wires[0].counts.received, 1);
    assert!(bench.texts().contains(&"Link cc2:eth1 up.".to_owned()));
    bench.change(|change| {
        change.engine.links[0] =
            LinkPlan { config: LinkConfig { name: "eth1".to_owned() }, before: Some(LinkId(0)) };
        change.names.links = vec!["eth1".to_owned()];
    });
    bench.turn();
    assert_eq!(bench.heart.wires.len(), 1);
    assert!(bench.outbox.take().iter().any(|message| matches!(message, FromHeart::Discarded(_))));
    assert!(bench.network.send(b"x").is_err(), "the socket is closed when that is dropped");
    other.send(&heartbeat(4, &keys("secret"))).unwrap();
    bench.turn();
    assert_eq!(bench.heart.wires[0].counts.received, 2);
}

#[test]
fn what_comes_over_a_line_goes_out_on_the_other_lines() {
    let mut config = config();
    // With two nodes both lines would end at the other one.
    config.nodes.push(NodeConfig { name: "cc3".to_owned() });
    let mut bench = bench_of(config);
    let (first, first_line) = port("ttyS0");
    let (second, second_line) = port("ttyS1");
    for end in [&first_line, &second_line, &bench.network] {
        end.set_nonblocking(true).unwrap();
    }
    bench.change(|change| {
        for port in [first, second] {
            let config = LinkConfig { name: port.name.clone() };
            change.engine.links.push(LinkPlan { config, before: None });
            change.names.links.push(port.name.clone());
            change.ports.push(port);
        }
    });
    bench.turn();
    let farewell = bench.left.try_iter().last().unwrap();
    let [packet, text] = [&farewell.packet, &farewell.text].map(|bytes| keys("secret").open(bytes).unwrap());
    assert!(farewell.text.starts_with(b">>>\n") && farewell.routes.len() == 3);
    assert_eq!(
        ["t", "src", "seq"].map(|name| packet.text(name)),
        ["t", "src", "seq"].map(|name| text.text(name))
    );
    bench.network.send(&heartbeat(1, &keys("secret"))).unwrap();
    first_line.send(&heartbeat(2, &keys("secret"))).unwrap();
    second_line.send(&heartbeat(2, &keys("secret"))).unwrap();
    bench.turn();
    let passed_on = |end: &UnixDatagram| {
        let mut packet = [0; 2048];
        let packets =
            std::iter::from_fn(|| end.recv(&mut packet).ok().map(|length| packet[..length].to_vec()));
        let of_peer = packets.filter_map(|packet| {
            let message = keys("secret").open(&packet).unwrap();
            let text = |name| message.text(name).unwrap().to_owned();
            (text("src") == "cc2").then(|| (packet.starts_with(b">>>"), text("seq"), text("ttl")))
        });
        of_peer.collect::<Vec<_>>()
    };
    assert_eq!(passed_on(&second_line), [(true, "2".to_owned(), "2".to_owned())]);
    assert_eq!((passed_on(&first_line), passed_on(&bench.network)), (vec![], vec![]));
}

#[test]
fn a_change_that_does_not_fit_changes_nothing() {
    let mut bench = bench();
    bench.change(|change| {
        change.keys = keys("new");
        change.engine.links[0].before = Some(LinkId(1));
    });
    bench.turn();
    assert_eq!(bench.heart.wires.len(), 1);
    bench.network.send(&heartbeat(1, &keys("secret"))).unwrap();
    bench.turn();
    assert_eq!(bench.counts().received, 1);
}

#[test]
fn a_renewed_medium_is_used_at_the_next_beat_and_watched() {
    let mut bench = bench();
    let (ours, network) = UnixDatagram::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    network.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    bench.heart.wires[0].port.next = Some(ours);
    while bench.heart.wires[0].port.is_renewable() {
        bench.heart.waiter.wait(bench.heart.next_deadline()).unwrap();
        bench.heart.turn();
    }
    let mut packet = [0; 2048];
    let length = network.recv(&mut packet).unwrap();
    assert!(keys("secret").open(&packet[..length]).is_ok());
    network.send(&heartbeat(1, &keys("secret"))).unwrap();
    bench.heart.waiter.wait(None).unwrap();
    assert!(bench.heart.waiter.is_wire_ready(0));
    bench.heart.turn();
    assert_eq!(bench.counts().received, 1);
}

#[test]
fn what_cannot_be_sent_is_told_once() {
    let mut bench = bench();
    bench.network.set_nonblocking(true).unwrap();
    let (deaf, _) = UnixDatagram::pair().unwrap();
    bench.heart.wires[0].port.next = Some(deaf);
    while bench.counts().send_errors < 5 {
        bench.heart.waiter.wait(bench.heart.next_deadline()).unwrap();
        bench.heart.turn();
    }
    let failures = bench.texts().into_iter().filter(|text| text.starts_with("cannot send on eth0"));
    assert_eq!(failures.count(), 1);
}
