//! The texts that administrators and tools look for, letter by letter.

use super::*;

const CC2: NodeId = NodeId(1);
const ETH0: LinkId = LinkId(0);
const WWW: GroupId = GroupId(0);

fn names() -> Names {
    Names {
        local: "cc1".to_owned(),
        nodes: vec!["cc1".to_owned(), "cc2".to_owned()],
        links: vec!["eth0".to_owned()],
        pings: vec!["10.0.0.254".to_owned()],
        groups: vec!["IPaddr::10.0.0.1".to_owned()],
        files: "1 2 3".to_owned(),
    }
}

fn text(event: &Event) -> (Level, String) {
    let line = line(event, &names(), 4_200);
    (line.level, line.text)
}

#[track_caller]
fn check(event: &Event, level: Level, expected: &str) {
    assert_eq!(text(event), (level, expected.to_owned()));
}

#[test]
fn membership_lines_are_those_of_the_classic_daemon() {
    check(&Event::LocalStatus { status: "up" }, Level::Info, "Local status now set to: 'up'");
    check(&Event::CommunicationUp, Level::Info, "Comm_now_up(): updating status to active");
    check(
        &Event::NodeStatus { node: CC2, status: "active".to_owned() },
        Level::Info,
        "Status update for node cc2: status active",
    );
    check(&Event::NodeRestarted { node: CC2 }, Level::Info, "Heartbeat restart on node cc2");
    check(&Event::NodeReturned { node: CC2 }, Level::Crit, "Cluster node cc2 returning after partition.");
    let left = Duration::from_millis(1900);
    check(
        &Event::NotHeard { node: CC2, left },
        Level::Warn,
        "cc2 does not hear this node, although this node hears it, and will take everything in 1900 ms: releasing what is here",
    );
    check(&Event::HeardAgain { node: CC2 }, Level::Info, "cc2 hears this node again.");
    check(&Event::LinkUp { node: CC2, link: ETH0 }, Level::Info, "Link cc2:eth0 up.");
    check(&Event::LinkDown { node: CC2, link: ETH0 }, Level::Warn, "Link cc2:eth0 dead.");
    let interval = Duration::from_secs(2);
    check(
        &Event::LateHeartbeat { node: CC2, interval, beyond_deadtime: false },
        Level::Warn,
        "Late heartbeat: Node cc2: interval 2000 ms",
    );
    check(
        &Event::LateHeartbeat { node: CC2, interval, beyond_deadtime: true },
        Level::Error,
        "Late heartbeat: Node cc2: interval 2000 ms (> deadtime)",
    );
}

#[test]
fn verdicts_and_jobs_end_with_the_monotonic_clock() {
    let silence = Duration::from_millis(1003);
    check(
        &Event::NodeDead { node: CC2, silence },
        Level::Warn,
        "node cc2: is dead silence_ms=1003 mono_ns=4200",
    );
    check(&Event::GroupUp { group: WWW }, Level::Info, "Resource group IPaddr::10.0.0.1 up mono_ns=4200");
    check(&Event::GroupDown { group: WWW }, Level::Info, "Resource group IPaddr::10.0.0.1 down mono_ns=4200");
    check(
        &Event::GroupFailed { group: WWW, reason: "Return code 1 from /etc/init.d/www".to_owned() },
        Level::Error,
        "Resource group IPaddr::10.0.0.1 failed: Return code 1 from /etc/init.d/www mono_ns=4200",
    );
}

#[test]
fn packet_lines_are_those_of_the_classic_daemon() {
    check(
        &Event::Gap { node: CC2, lost: 2, last: 26, seen: 29 },
        Level::Info,
        "2 lost packet(s) for [cc2] [26:29]",
    );
    check(&Event::GapClosed { node: CC2 }, Level::Info, "No pkts missing from cc2!");
    check(
        &Event::Irretrievable { node: CC2, seq: 7 },
        Level::Warn,
        "Irretrievably lost packet: node cc2 seq 7",
    );
    check(
        &Event::CannotRetransmit { node: CC2, seq: 210, why: "seqno too low" },
        Level::Warn,
        "Cannot rexmit pkt 210 for cc2: seqno too low",
    );
    check(
        &Event::Replay { node: CC2, generation: 1, known: 2 },
        Level::Warn,
        "should_drop_message: attempted replay attack [cc2]? [gen = 1, curgen = 2]",
    );
    check(
        &Event::UnknownNode { name: "wa9".to_owned() },
        Level::Warn,
        "process_status_message: bad node [wa9] in message",
    );
}

#[test]
fn resource_lines_are_those_of_the_classic_daemon() {
    check(&Event::PeerShutdown { node: CC2 }, Level::Info, "Received shutdown notice from 'cc2'.");
    check(&Event::Released { set: HoldSet::ALL }, Level::Info, "All HA resources relinquished.");
    check(
        &Event::StandbyBegins { giver: CC2, set: HoldSet::FOREIGN },
        Level::Info,
        "cc2 wants to go standby [foreign]",
    );
    check(&Event::NobodyOwns { set: HoldSet::LOCAL }, Level::Error, "No one owns our local resources!");
    check(&Event::Stopped, Level::Info, "cc1 Heartbeat shutdown complete.");
    let stopping = text(&Event::Stopping).1;
    assert!(stopping.starts_with("Heartbeat shutdown in progress. ("), "{stopping}");
}

#[test]
fn what_a_packet_can_trigger_is_limited() {
    let limited = [
        Event::Gap { node: CC2, lost: 1, last: 1, seen: 3 },
        Event::GapClosed { node: CC2 },
        Event::GapTooWide { node: CC2, lost: 300 },
        Event::Irretrievable { node: CC2, seq: 1 },
        Event::CannotRetransmit { node: CC2, seq: 1, why: "" },
        Event::Replay { node: CC2, generation: 1, known: 2 },
        Event::UnknownNode { name: String::new() },
        Event::BadMessage { why: "" },
        Event::NameClash { uuid: [0; 16] },
        Event::TooMuch { node: CC2 },
        Event::WokeLate { by: Duration::ZERO },
        Event::MembersChanged,
        Event::Deleted,
        Event::NotChanged { why: hb_engine::MembershipError::Known },
    ];
    for event in limited {
        assert!(matches!(line(&event, &names(), 0).limit, Limit::Second(_)), "{event:?}");
    }
    let a_few_at_once = [
        Event::NodeDead { node: CC2, silence: Duration::ZERO },
        Event::NodeStatus { node: CC2, status: String::new() },
        Event::Acquiring { set: HoldSet::ALL, why: "" },
        Event::Released { set: HoldSet::ALL },
        Event::GroupUp { group: WWW },
        Event::GroupFailed { group: WWW, reason: String::new() },
        Event::CheckFailed { group: WWW, reason: String::new() },
        Event::Restarting { group: WWW },
        Event::Offering { group: WWW },
        Event::OfferRefused { group: WWW },
        Event::TransitionComplete { hold: HoldSet::ALL },
        Event::FilesDiffer { node: CC2, theirs: String::new() },
        Event::FilesAgree { node: CC2 },
        Event::NotHeard { node: CC2, left: Duration::ZERO },
        Event::HeardAgain { node: CC2 },
        Event::NodeAdded { node: CC2, name: String::new() },
        Event::NodeDeleted { node: CC2, name: String::new() },
    ];
    for event in a_few_at_once {
        assert!(matches!(line(&event, &names(), 0).limit, Limit::Burst(_)), "{event:?}");
    }
    // What happens once in a run.
    for event in [Event::CommunicationUp, Event::Stopping, Event::Stopped] {
        assert_eq!(line(&event, &names(), 0).limit, Limit::None, "{event:?}");
    }
}

#[test]
fn other_files_are_named() {
    let event = Event::FilesDiffer { node: CC2, theirs: "1 0 4".to_owned() };
    check(
        &event,
        Level::Warn,
        "haresources and authkeys of cc2 and of this node say different things; see `hb-ctl status`",
    );
    let event = Event::FilesAgree { node: CC2 };
    check(&event, Level::Info, "The files of cc2 and of this node say the same again.");
}

#[test]
fn a_long_name_from_outside_is_shortened() {
    let (_, text) = text(&Event::UnknownNode { name: "ä".repeat(10_000) });
    assert!(text.len() < 200);
}

#[test]
fn a_number_without_name_does_no_harm() {
    check(&Event::GapClosed { node: NodeId(99) }, Level::Info, "No pkts missing from ?!");
}

#[test]
fn a_reset_is_told_with_the_way_out() {
    let by_hand = "`hb-ctl fence confirm cc2` after it was switched off by hand";
    check(
        &Event::Fencing { node: CC2, delay: Duration::from_millis(100) },
        Level::Warn,
        &format!(
            "cc2 may still hold what it held: nothing is taken before its reset, in 100ms; if nothing can reset it, {by_hand}"
        ),
    );
    check(
        &Event::FencingFailed { node: CC2, reason: "no answer".to_owned() },
        Level::Error,
        &format!("Host cc2 not reset! no answer. Retrying in 5 s; {by_hand}"),
    );
    check(&Event::Fenced { node: CC2, by_hand: false }, Level::Info, "node cc2 now reset.");
    check(&Event::Fenced { node: CC2, by_hand: true }, Level::Info, "node cc2 is off: an operator says so");
    check(
        &Event::FencingEnded { node: CC2 },
        Level::Info,
        "no other reset of node cc2 begins, one that runs comes to its end: it was heard, was deleted, or this node stops",
    );
}

#[test]
fn lists_of_ping_nodes_that_differ_are_told_with_what_they_wait_for() {
    check(
        &Event::PingListsDiffer { told: true },
        Level::Warn,
        "The other node asks other ping nodes; until it asks the same ones, or as many for ten minutes, nothing moves by their counts",
    );
    check(
        &Event::PingListsDiffer { told: false },
        Level::Warn,
        "The ping nodes of this node have changed; until the other one starts anew, for ten minutes at most, nothing moves by their counts",
    );
    check(&Event::PingListsAgree, Level::Info, "Counts of ping nodes are compared again.");
}
