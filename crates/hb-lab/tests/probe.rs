//! The probe against responders, with the address moved by hand: it must see exactly what was done.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails loudly")]

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use hb_lab::{
    Agent, Direction, ECHO_PORT, Host, HostSpec, InterfaceAddress, Lab, Probe, ProbeSpec, Signal, start_echo,
};
use tokio::time::sleep;

const LIMIT: Duration = Duration::from_secs(10);
const FLOATING: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);

struct Scene {
    _lab: Lab,
    alpha: Host,
    beta: Host,
    client: Host,
    probe: Probe,
}

fn floating() -> InterfaceAddress {
    InterfaceAddress { interface: "eth0".to_owned(), address: FLOATING.into(), prefix: 24 }
}

/// Two nodes and a client; alpha holds the address, and the client sees it.
async fn scene() -> Scene {
    let agent = Agent::new(PathBuf::from(env!("CARGO_BIN_EXE_hb-lab-agent")), Vec::new());
    let mut lab = Lab::start(agent).unwrap();
    lab.add_network("front").await.unwrap();
    let mut hosts = Vec::new();
    for (name, last) in [("alpha", 1), ("beta", 2), ("client", 9)] {
        let spec = HostSpec::new(name).plug("front", Ipv4Addr::new(10, 77, 0, last));
        hosts.push(lab.add_host(spec).await.unwrap());
    }
    let [alpha, beta, client] = hosts.try_into().unwrap();
    for node in [&alpha, &beta] {
        start_echo(node, &[FLOATING.into()], ECHO_PORT).await.unwrap();
    }
    alpha.add_address(&floating()).await.unwrap();
    let probe = Probe::start(&client, &[&alpha, &beta], &ProbeSpec::new("front", FLOATING)).await.unwrap();
    let scene = Scene { _lab: lab, alpha, beta, client, probe };
    scene.answered_by("alpha", 100).await;
    scene.probe.begin().await.unwrap();
    scene
}

impl Scene {
    /// Waits until this node has answered so many probes in a row.
    async fn answered_by(&self, node: &str, answers: u64) -> hb_lab::Sight {
        let what = format!("{node} answers");
        let served = self.probe.until(&what, LIMIT, |sight| {
            sight.spells.last().is_some_and(|spell| spell.node == node && spell.answers >= answers)
        });
        served.await.unwrap()
    }

    async fn move_to(&self, node: &Host) {
        node.add_address(&floating()).await.unwrap();
        self.client.forget_neighbour(FLOATING).await.unwrap();
    }
}

#[tokio::test]
async fn it_sends_at_its_rate_and_loses_nothing_while_nothing_happens() {
    let scene = scene().await;
    let sight = scene.answered_by("alpha", 8000).await;
    let rate = sight.sent * 1_000_000_000 / (sight.now_ns - sight.begun_ns);
    assert!((3800..4200).contains(&rate), "{rate} probes a second");
    assert_eq!((sight.lost, sight.both_ns), (0, 0), "{sight:?}");
    assert_eq!(sight.spells.len(), 1);
}

#[tokio::test]
async fn an_outage_is_as_long_as_it_was() {
    let scene = scene().await;
    let begun = std::time::Instant::now();
    scene.alpha.remove_address(&floating()).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    scene.move_to(&scene.beta).await;
    let limit = begun.elapsed();
    let sight = scene.answered_by("beta", 1000).await;
    let gap = Duration::from_nanos(sight.longest_gap.length_ns());
    // The first packet after the move waits for the answer to an ARP request.
    assert!(
        gap >= Duration::from_millis(299) && gap < limit + Duration::from_millis(50),
        "{gap:?} {limit:?}"
    );
    let lost = Duration::from_micros(sight.lost * 250);
    assert!(lost.abs_diff(gap) < Duration::from_millis(50), "{lost:?} lost, {gap:?}");
    assert_eq!(sight.spells.iter().map(|spell| spell.node.as_str()).collect::<Vec<_>>(), ["alpha", "beta"]);
    assert_eq!(sight.both_ns, 0);
}

#[tokio::test]
async fn two_owners_are_seen_although_the_client_reaches_only_one() {
    let scene = scene().await;
    scene.beta.add_address(&floating()).await.unwrap();
    let begun = std::time::Instant::now();
    sleep(Duration::from_millis(200)).await;
    scene.alpha.remove_address(&floating()).await.unwrap();
    let limit = begun.elapsed() + Duration::from_millis(20);
    scene.client.forget_neighbour(FLOATING).await.unwrap();
    let sight = scene.answered_by("beta", 1000).await;
    let both = Duration::from_nanos(sight.both_ns);
    assert!(both >= Duration::from_millis(190) && both < limit, "{both:?} {limit:?}");
}

#[tokio::test]
async fn a_stopped_service_is_an_outage_and_a_power_cut_too() {
    let scene = scene().await;
    let agent = PathBuf::from(env!("CARGO_BIN_EXE_hb-lab-agent"));
    // The responder and the init execute the same program; the init is spared.
    assert_eq!(scene.alpha.signal_program(&agent, Signal::STOP).await.unwrap(), 1);
    let silent = |sight: &hb_lab::Sight| sight.silence_ns() > 100_000_000;
    scene.probe.until("silence", LIMIT, silent).await.unwrap();
    scene.alpha.signal_program(&agent, Signal::CONT).await.unwrap();
    scene.answered_by("alpha", 100).await;
    scene.alpha.crash().await.unwrap();
    scene.probe.until("silence", LIMIT, silent).await.unwrap();
    scene.move_to(&scene.beta).await;
    scene.answered_by("beta", 100).await;
}

#[tokio::test]
async fn loss_is_as_high_as_it_was_set() {
    let scene = scene().await;
    for direction in [Direction::Incoming, Direction::Outgoing] {
        scene.alpha.lose("front", direction, 20, "").await.unwrap();
        scene.probe.begin().await.unwrap();
        let sight = scene.probe.until("4000 probes", LIMIT, |sight| sight.sent >= 4000).await.unwrap();
        let percent = (sight.sent - sight.answered) * 100 / sight.sent;
        assert!((15..25).contains(&percent), "{percent} % {direction:?}");
        scene.alpha.lose("front", direction, 0, "").await.unwrap();
    }
    scene.alpha.lose("front", Direction::Incoming, 100, "udp dport 694").await.unwrap();
    scene.probe.begin().await.unwrap();
    let sight = scene.probe.until("1000 probes", LIMIT, |sight| sight.sent >= 1000).await.unwrap();
    assert_eq!(sight.lost, 0);
}

#[tokio::test]
async fn a_slow_cable_delays_and_reorders_and_loses_nothing() {
    let scene = scene().await;
    let there = scene.alpha.udp_socket(0).await.unwrap();
    let here = scene.client.udp_socket(SLOW_PORT).await.unwrap();
    here.set_read_timeout(Some(LIMIT)).unwrap();
    let carried = || {
        let begun = std::time::Instant::now();
        for number in 0..DATAGRAMS {
            there.send_to(&[number], (Ipv4Addr::new(10, 77, 0, 9), SLOW_PORT)).unwrap();
        }
        let mut first = Duration::MAX;
        let arrived = (0..DATAGRAMS).map(|_| {
            let mut number = [0];
            here.recv_from(&mut number).unwrap();
            first = first.min(begun.elapsed());
            number[0]
        });
        let arrived: Vec<_> = arrived.collect();
        (first, begun.elapsed(), arrived)
    };
    let in_order: Vec<_> = (0..DATAGRAMS).collect();
    assert_eq!(carried().2, in_order);
    let (shortest, longest) = (Duration::from_millis(50), Duration::from_millis(250));
    scene.alpha.delay("front", Duration::ZERO..=Duration::ZERO, shortest..=longest).await.unwrap();
    let (first, last, mut arrived) = carried();
    // Two hundred draws leave no half of the range empty.
    assert!(first >= shortest && last >= (shortest + longest) / 2, "{first:?} to {last:?}");
    assert_ne!(arrived, in_order);
    arrived.sort_unstable();
    assert_eq!(arrived, in_order);
    scene
        .alpha
        .delay("front", Duration::ZERO..=Duration::ZERO, Duration::ZERO..=Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(carried().2, in_order);
}

const SLOW_PORT: u16 = 7117;
const DATAGRAMS: u8 = 200;
