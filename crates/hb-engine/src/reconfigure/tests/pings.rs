//! Ping members that come and go beside a peer that knows no lists, and what is known of those that stay.

use super::*;

/// Members of that name, the first ones as they were.
fn members(names: &[&str], kept: u16) -> Vec<PingPlan> {
    let plan = |(name, number): (&&str, u16)| PingPlan {
        name: (*name).to_string(),
        before: (number < kept).then_some(PingId(number)),
    };
    names.iter().zip(0..).map(plan).collect()
}

/// The rule is in force, one member answers, and the peer, a 3.0.6, reaches as many.
fn beside_306() -> Bench {
    let mut bench = Bench::with(Config { failback: Failback::Off, ..config() });
    bench.classic = true;
    bench.engine.partner_is_nice();
    bench.heartbeat("");
    bench.reconfigure(|plan| {
        plan.ipfail = true;
        (plan.pings, plan.ping_list, plan.deadping) = (members(&["router"], 0), 1, 10 * SECOND);
    });
    bench.answers = 1;
    // The first list is a change, too.
    bench.pass(LEFT_ASIDE + 1000);
    reaches(&mut bench, "1");
    bench.pass(20_000);
    bench
}

const LEFT_ASIDE: u64 = 600_000;

/// The counts that were told since the last look.
fn told(bench: &mut Bench) -> Vec<alloc::string::String> {
    let sent = bench.drain().into_iter();
    let count = |output| match output {
        Output::Send(message) => message.text("num_ping").map(ToString::to_string),
        Output::Do { .. } | Output::Check { .. } | Output::Fence { .. } | Output::Report(_) => None,
    };
    sent.filter_map(count).collect()
}

/// Whether we begin to give everything away within that time.
fn gives_within(bench: &mut Bench, millis: u64) -> bool {
    (0..millis / 100).any(|_| {
        bench.pass(100);
        bench.engine.failover.standby != crate::failover::Standby::Not
    })
}

#[test]
fn counts_of_306_are_left_aside_for_ten_minutes_after_a_change() {
    let mut bench = beside_306();
    bench.reconfigure(|plan| {
        (plan.pings, plan.ping_list) = (members(&["router", "gate"], 1), 2);
    });
    assert!(told(&mut bench).is_empty(), "it would compare the count with that of its own list");
    for count in ["2", "3"] {
        reaches(&mut bench, count);
        assert!(told(&mut bench).is_empty());
    }
    assert!(!gives_within(&mut bench, LEFT_ASIDE - 1000));
    let until = bench.engine.failover.ipfail.next_deadline();
    assert!(until.is_some_and(|until| until > now(bench.millis).tick));
    assert!(gives_within(&mut bench, 5000), "1 of ours, 3 of its");
}

/// Nothing needs to come in between.
#[test]
fn a_move_that_waits_ends_with_the_reload() {
    let mut bench = beside_306();
    reaches(&mut bench, "2");
    let before = bench.millis;
    let at = |bench: &Bench| bench.engine.failover.ipfail.next_deadline();
    assert!(at(&bench).is_some_and(|at| at < now(before + 5000).tick));
    bench.reconfigure(|plan| {
        (plan.pings, plan.ping_list) = (members(&["router", "gate"], 1), 2);
    });
    assert_eq!(at(&bench), Some(now(before + LEFT_ASIDE).tick));
}

#[test]
fn a_306_that_starts_anew_has_read_its_file_anew() {
    for (count, gives) in [("1", false), ("2", true)] {
        let mut bench = beside_306();
        bench.reconfigure(|plan| {
            (plan.pings, plan.ping_list) = (members(&["router", "gate"], 1), 2);
        });
        bench.pass(30_000);
        bench.generation += 1;
        bench.heartbeat("");
        bench.engine.partner_is_nice();
        let failover = &mut bench.engine.failover;
        failover.phase = Phase::Stable;
        failover.partner.hold = Some(HoldSet::LOCAL);
        failover.partner.stable = true;
        reaches(&mut bench, count);
        assert_eq!(gives_within(&mut bench, 5000), gives, "{count}");
        // The ten minutes still run, and bring nothing.
        assert_eq!(gives_within(&mut bench, LEFT_ASIDE), gives, "{count}");
    }
}

#[test]
fn what_is_known_of_members_that_stay_stays_and_new_ones_are_judged_from_now_on() {
    let mut bench = beside_306();
    let before = bench.engine.pings[0].clone();
    bench.reconfigure(|plan| {
        let mut pings = members(&["new", "router"], 0);
        pings[1].before = Some(PingId(0));
        (plan.pings, plan.ping_list, plan.hops) = (pings, 2, plan.hops + 1);
    });
    assert_eq!(bench.engine.pings[1], before);
    let begun = bench.millis;
    let snapshot = bench.engine.snapshot(now(begun));
    let seen: Vec<_> = snapshot.pings.iter().map(|ping| (ping.name.as_str(), ping.status)).collect();
    assert_eq!(seen, [("new", "init"), ("router", "ping")]);
    bench.pass(9000);
    assert_eq!(bench.engine.pings[0].status(), "init");
    bench.pass(2000);
    assert_eq!(bench.engine.pings[0].status(), "dead");
    assert_eq!(bench.engine.pings[1].status(), "ping");
    bench.reconfigure(|plan| {
        plan.pings = Vec::new();
        (plan.ping_list, plan.hops) = (3, 1);
    });
    assert!(bench.engine.snapshot(now(bench.millis)).pings.is_empty());
    bench.engine.handle(now(bench.millis), Input::Ping { ping: PingId(1) });
    bench.drain();
    bench.heartbeat("");
    bench.engine.reconfigure(now(bench.millis), {
        let mut plan = bench.plan();
        plan.deadtime += SECOND;
        plan
    });
    let ttl = bench.drain().into_iter().find_map(|output| match output {
        Output::Send(message) => message.text("ttl").map(ToString::to_string),
        Output::Do { .. } | Output::Check { .. } | Output::Fence { .. } | Output::Report(_) => None,
    });
    assert_eq!(ttl.as_deref(), Some("3"));
}

#[test]
fn a_start_no_longer_waits_for_a_member_that_goes() {
    let mut config = config();
    config.nodes.truncate(1);
    config.groups.clear();
    config.pings.names = vec!["router".to_string()];
    let mut engine = Engine::new(config, 1, now(0));
    engine.handle(now(1000), Input::Wake);
    assert!(!engine.is_active());
    let mut bench = Bench { engine, ..Bench::new() };
    bench.millis = 2000;
    bench.reconfigure(|plan| plan.pings = Vec::new());
    assert!(bench.events().contains(&Event::CommunicationUp));
}
