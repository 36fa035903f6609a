//! Every event of the engine as a log line: level, text, and how often it may come.
//!
//! Where administrators and tools look for a line of Heartbeat 3.0.6 the text is the same (`config.md` 10.4,
//! `wire.md` 13). Ends of verdicts and jobs carry `mono_ns=`, the monotonic clock in nanoseconds.

use std::time::Duration;

use hb_engine::{Event, GroupId, HoldSet, LinkId, NodeId, PingId};

use crate::excerpt::excerpt;
use crate::files_digest;
use crate::log::Level;

/// Names for the numbers in events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// Our own node name.
    pub(crate) local: String,
    /// Normal nodes by number.
    pub(crate) nodes: Vec<String>,
    /// Media by number.
    pub(crate) links: Vec<String>,
    /// Ping members by number.
    pub(crate) pings: Vec<String>,
    /// Keys of the resource groups by number.
    pub(crate) groups: Vec<String>,
    /// The digest of our own files (`files_digest`).
    pub(crate) files: String,
}

/// A log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// How urgent it is.
    pub(crate) level: Level,
    /// What it says.
    pub(crate) text: String,
    /// How often it may come.
    pub(crate) limit: Limit,
}

/// How often a line may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Each one counts.
    None,
    /// What any sender can trigger as often as it likes: one a second for each cause.
    Second(&'static str),
    /// Changes that a peer can bring about, and that come a few at a time: these at once, one a second in the long run.
    Burst(&'static str),
}

impl Names {
    /// The name of a node; `?` for a number that the engine never uses.
    pub(crate) fn node(&self, node: NodeId) -> &str {
        self.nodes.get(usize::from(node.0)).map_or("?", String::as_str)
    }

    /// The name of a medium.
    pub(crate) fn link(&self, link: LinkId) -> &str {
        self.links.get(usize::from(link.0)).map_or("?", String::as_str)
    }

    /// The name of a ping member.
    pub(crate) fn ping(&self, ping: PingId) -> &str {
        self.pings.get(usize::from(ping.0)).map_or("?", String::as_str)
    }

    /// The key of a group.
    pub(crate) fn group(&self, group: GroupId) -> &str {
        self.groups.get(usize::from(group.0)).map_or("?", String::as_str)
    }
}

/// The line for an event that was decided at `mono_ns` of the monotonic clock.
pub(crate) fn line(event: &Event, names: &Names, mono_ns: u64) -> Line {
    let node = |node: &NodeId| names.node(*node);
    let link = |link: &LinkId| names.link(*link);
    let ping = |ping: &PingId| names.ping(*ping);
    let group = |group: &GroupId| names.group(*group);
    match event {
        Event::LocalStatus { status } => info(format!("Local status now set to: '{status}'")),
        Event::CommunicationUp => info("Comm_now_up(): updating status to active".to_owned()),
        Event::NodeStatus { node: who, status } => status_update(node(who), status),
        Event::NodeDead { node: who, silence } => dead(node(who), *silence, mono_ns),
        Event::NodeRestarted { node: who } => restarted(node(who)),
        Event::NodeReturned { node: who } => returned(node(who)),
        Event::NotHeard { node: who, left } => not_heard(node(who), *left),
        Event::HeardAgain { node: who } => heard_again(node(who)),
        Event::LateHeartbeat { node: who, interval, beyond_deadtime } => {
            late(node(who), *interval, *beyond_deadtime)
        }
        Event::LinkUp { node: who, link: on } => link_up(node(who), link(on)),
        Event::LinkDown { node: who, link: on } => link_down(node(who), link(on)),
        // The link of a ping member has its name.
        Event::PingLinkUp { ping: who } => link_up(ping(who), ping(who)),
        Event::PingLinkDown { ping: who } => link_down(ping(who), ping(who)),
        Event::PingAnswers { ping: who } => status_update(ping(who), "ping"),
        Event::PingDead { ping: who, silence } => dead(ping(who), *silence, mono_ns),
        Event::PingsDiffer { ours, theirs } => pings_differ(*ours, *theirs),
        Event::PingsBalanced => pings_balanced(),
        Event::PingListsDiffer { .. } | Event::PingListsAgree => ping_lists(event),
        Event::WokeLate { by } => woke_late(*by),
        Event::Gap { node: who, lost, last, seen } => gap(node(who), *lost, *last, *seen),
        Event::GapClosed { node: who } => gap_closed(node(who)),
        Event::GapTooWide { node: who, lost } => gap_too_wide(node(who), *lost),
        Event::Irretrievable { node: who, seq } => irretrievable(node(who), *seq),
        Event::CannotRetransmit { node: who, seq, why } => cannot_retransmit(node(who), *seq, why),
        Event::Replay { node: who, generation, known } => replay(node(who), *generation, *known),
        Event::NodeAdded { name, .. } => node_added(name),
        Event::NodeDeleted { name, .. } => node_deleted(name),
        Event::MembersChanged => {
            second("changes of the host cache", Level::Debug, "the host cache is written anew".to_owned())
        }
        Event::Deleted => {
            second("changes of nodes", Level::Error, "This node was deleted from the cluster".to_owned())
        }
        Event::NotChanged { why } => {
            second("refused changes of nodes", Level::Warn, format!("a change of nodes is refused: {why}"))
        }
        Event::UnknownNode { name } => unknown_node(name),
        Event::BadMessage { why } => bad_message(why),
        Event::NameClash { uuid } => name_clash(&names.local, *uuid),
        Event::PeerHolds { node: who, hold, stable } => peer_holds(node(who), *hold, *stable),
        Event::TooMuch { node: who } => too_much(node(who)),
        Event::Acquiring { set, why } => acquiring(*set, why),
        Event::Acquired { set } => {
            burst("acquisitions completed", Level::Info, format!("Resource acquisition completed [{set}]."))
        }
        Event::Releasing { set, why } => releasing(*set, why),
        Event::Released { set } => released(*set),
        Event::GroupUp { group: which } => {
            burst("groups up", Level::Info, format!("Resource group {} up mono_ns={mono_ns}", group(which)))
        }
        Event::GroupDown { group: which } => burst(
            "groups down",
            Level::Info,
            format!("Resource group {} down mono_ns={mono_ns}", group(which)),
        ),
        Event::GroupFailed { group: which, reason } => group_failed(group(which), reason, mono_ns),
        Event::CheckFailed { group: which, reason } => check_failed(group(which), reason),
        Event::Restarting { group: which } => restarting(group(which)),
        Event::Offering { group: which } => offering(group(which)),
        Event::OfferRefused { group: which } => offer_refused(group(which)),
        Event::TransitionComplete { hold } => transition_complete(*hold),
        Event::StandbyBegins { giver, set } => standby_begins(node(giver), *set),
        Event::StandbyDone { giver, set } => standby_done(node(giver), *set),
        Event::StandbyRefused { why } => standby_refused(why),
        Event::Lending { group: which } => {
            moves(format!("Resource group {} moves to the other node", group(which)))
        }
        Event::Recalling { group: which } => {
            moves(format!("Resource group {} is asked back from the other node", group(which)))
        }
        Event::Borrowing { group: which } => {
            moves(format!("Resource group {} moves here; the other node holds its set", group(which)))
        }
        Event::Returning { group: which } => {
            moves(format!("Resource group {} goes back to the node that holds its set", group(which)))
        }
        Event::PeerShutdown { node: who } => peer_shutdown(node(who)),
        Event::BothOwn { node: who, set } => both_own(node(who), *set),
        Event::NobodyOwns { set } => nobody_owns(*set),
        Event::LegacyPeer { node: who } => legacy_peer(node(who)),
        Event::NotFenced { node: who } => not_fenced(node(who)),
        Event::FencingUnneeded { node: who } => fencing_unneeded(node(who)),
        Event::Fencing { node: who, delay } => fencing(node(who), *delay),
        Event::FencingFailed { node: who, reason } => fencing_failed(node(who), reason),
        Event::Fenced { node: who, by_hand } => fenced(node(who), *by_hand),
        Event::FencingEnded { node: who } => fencing_ended(node(who)),
        Event::StopDelayed => info("Shutdown delayed until current resource activity finishes.".to_owned()),
        Event::OtherMessage => other_message(),
        Event::Stopping => info(format!("Heartbeat shutdown in progress. ({})", std::process::id())),
        Event::FilesDiffer { node: who, theirs } => files_differ(node(who), &names.files, theirs),
        Event::FilesAgree { node: who } => files_agree(node(who)),
        Event::Stopped => info(format!("{} Heartbeat shutdown complete.", names.local)),
    }
}

fn node_added(name: &str) -> Line {
    let name = excerpt(name, OUTSIDE);
    let text = format!("process_clustermsg: Adding new node [{name}] to configuration.");
    burst("changes of nodes", Level::Info, text)
}

fn node_deleted(name: &str) -> Line {
    let text = format!("Node {} deleted from the configuration", excerpt(name, OUTSIDE));
    burst("changes of nodes", Level::Info, text)
}

fn restarting(group: &str) -> Line {
    burst("restarts", Level::Warn, format!("Resource group {group} is started again"))
}

fn status_update(node: &str, status: &str) -> Line {
    burst(
        "status updates",
        Level::Info,
        format!("Status update for node {node}: status {}", excerpt(status, OUTSIDE)),
    )
}

fn dead(node: &str, silence: Duration, mono_ns: u64) -> Line {
    let text = format!("node {node}: is dead silence_ms={} mono_ns={mono_ns}", silence.as_millis());
    burst("dead nodes", Level::Warn, text)
}

fn restarted(node: &str) -> Line {
    burst("restarts of nodes", Level::Info, format!("Heartbeat restart on node {node}"))
}

fn returned(node: &str) -> Line {
    burst("returns after partition", Level::Crit, format!("Cluster node {node} returning after partition."))
}

fn late(node: &str, interval: Duration, beyond_deadtime: bool) -> Line {
    let (level, end) = if beyond_deadtime { (Level::Error, " (> deadtime)") } else { (Level::Warn, "") };
    let text = format!("Late heartbeat: Node {node}: interval {} ms{end}", interval.as_millis());
    second("late heartbeats", level, text)
}

fn link_up(node: &str, link: &str) -> Line {
    burst("links up", Level::Info, format!("Link {node}:{link} up."))
}

fn link_down(node: &str, link: &str) -> Line {
    burst("links down", Level::Warn, format!("Link {node}:{link} dead."))
}

fn pings_differ(ours: u32, theirs: u32) -> Line {
    let what = if ours < theirs {
        "the other node takes over if that lasts"
    } else {
        "this node takes over if that lasts"
    };
    burst(
        "counts of ping nodes",
        Level::Warn,
        format!("This node reaches {ours} ping nodes, the other one {theirs}; {what}"),
    )
}

fn ping_lists(event: &Event) -> Line {
    let cause = "lists of ping nodes";
    let Event::PingListsDiffer { told } = event else {
        return burst(cause, Level::Info, "Counts of ping nodes are compared again.".to_owned());
    };
    let why = if *told {
        "The other node asks other ping nodes; until it asks the same ones, or as many for ten minutes,"
    } else {
        "The ping nodes of this node have changed; until the other one starts anew, for ten minutes at most,"
    };
    burst(cause, Level::Warn, format!("{why} nothing moves by their counts"))
}

fn pings_balanced() -> Line {
    burst("balances of ping nodes", Level::Info, "Ping node count is balanced.".to_owned())
}

fn not_heard(node: &str, left: Duration) -> Line {
    let left = left.as_millis();
    burst(
        "nodes that do not hear this one",
        Level::Warn,
        format!(
            "{node} does not hear this node, although this node hears it, and will take everything in {left} ms: \
             releasing what is here"
        ),
    )
}

fn heard_again(node: &str) -> Line {
    burst("nodes that hear this one again", Level::Info, format!("{node} hears this node again."))
}

fn woke_late(by: Duration) -> Line {
    let text = "This node itself stalled; it judges nobody before it has listened again.";
    second("stalls", Level::Warn, format!("{text} late_ms={}", by.as_millis()))
}

fn gap(node: &str, count: u64, last: u64, seen: u64) -> Line {
    second("lost packets", Level::Info, format!("{count} lost packet(s) for [{node}] [{last}:{seen}]"))
}

fn gap_closed(node: &str) -> Line {
    second("closed gaps", Level::Info, format!("No pkts missing from {node}!"))
}

fn gap_too_wide(node: &str, lost: u64) -> Line {
    second("wide gaps", Level::Warn, format!("lost a lot of packets! {lost} of [{node}]"))
}

fn irretrievable(node: &str, seq: u64) -> Line {
    second("irretrievable packets", Level::Warn, format!("Irretrievably lost packet: node {node} seq {seq}"))
}

fn cannot_retransmit(node: &str, seq: u64, why: &str) -> Line {
    second("requests in vain", Level::Warn, format!("Cannot rexmit pkt {seq} for {node}: {why}"))
}

fn replay(node: &str, generation: u64, known: u64) -> Line {
    let numbers = format!("[gen = {generation}, curgen = {known}]");
    second(
        "replays",
        Level::Warn,
        format!("should_drop_message: attempted replay attack [{node}]? {numbers}"),
    )
}

fn unknown_node(name: &str) -> Line {
    let name = excerpt(name, OUTSIDE);
    second("unknown nodes", Level::Warn, format!("process_status_message: bad node [{name}] in message"))
}

fn bad_message(why: &str) -> Line {
    second("bad messages", Level::Warn, format!("process_clustermsg: dropped a message: {why}"))
}

fn name_clash(local: &str, uuid: [u8; 16]) -> Line {
    let uuid = format!("{:032x}", u128::from_be_bytes(uuid));
    second(
        "name clashes",
        Level::Warn,
        format!("Another node speaks under our name [{local}]: its uuid is {uuid}"),
    )
}

fn peer_holds(node: &str, hold: HoldSet, stable: bool) -> Line {
    let stable = if stable { "stable" } else { "in transition" };
    burst("announcements", Level::Info, format!("node {node} holds [{hold}], {stable}"))
}

fn too_much(node: &str) -> Line {
    let text = format!("node {node} asks for too much; some of it is neither answered nor done");
    second("excessive demands", Level::Warn, text)
}

fn acquiring(set: HoldSet, why: &str) -> Line {
    burst("acquisitions", Level::Info, format!("Acquiring [{set}] resources: {why}"))
}

fn releasing(set: HoldSet, why: &str) -> Line {
    burst("releases", Level::Info, format!("Giving up [{set}] HA resources: {why}"))
}

fn released(set: HoldSet) -> Line {
    let text = if set == HoldSet::ALL {
        "All HA resources relinquished.".to_owned()
    } else {
        format!("HA resources relinquished [{set}].")
    };
    burst("releases completed", Level::Info, text)
}

fn transition_complete(hold: HoldSet) -> Line {
    burst("transitions", Level::Info, format!("local resource transition completed. [{hold}]"))
}

fn files_differ(node: &str, ours: &str, theirs: &str) -> Line {
    let files = files_digest::differing(ours, theirs).join(" and ");
    let text = format!("{files} of {node} and of this node say different things; see `hb-ctl status`");
    burst("other files", Level::Warn, text)
}

fn files_agree(node: &str) -> Line {
    burst("equal files", Level::Info, format!("The files of {node} and of this node say the same again."))
}

fn group_failed(group: &str, reason: &str, mono_ns: u64) -> Line {
    let text = format!("Resource group {group} failed: {reason} mono_ns={mono_ns}");
    burst("failed groups", Level::Error, text)
}

fn standby_begins(giver: &str, set: HoldSet) -> Line {
    burst("standby requests", Level::Info, format!("{giver} wants to go standby [{set}]"))
}

fn check_failed(group: &str, reason: &str) -> Line {
    burst("failed checks", Level::Warn, format!("Resource group {group} has failed: {reason}"))
}

fn offering(group: &str) -> Line {
    let text = format!("Resource group {group} cannot be started here: the other node shall try");
    burst("offers", Level::Warn, text)
}

fn offer_refused(group: &str) -> Line {
    let text = format!(
        "The other node cannot serve resource group {group}: it is tried here, and offered again in an hour"
    );
    burst("offers", Level::Error, text)
}

fn standby_done(giver: &str, set: HoldSet) -> Line {
    burst("standby ends", Level::Info, format!("Standby resource acquisition done [{set}] of {giver}."))
}

fn standby_refused(why: &str) -> Line {
    burst("standby refusals", Level::Warn, format!("Standby request refused: {why}"))
}

fn moves(text: String) -> Line {
    burst("moves of groups", Level::Info, text)
}

fn peer_shutdown(node: &str) -> Line {
    burst("shutdown notices", Level::Info, format!("Received shutdown notice from '{node}'."))
}

fn both_own(node: &str, set: HoldSet) -> Line {
    let text = format!("Both machines own {}! The other is {node}.", whose(set));
    burst("double ownership", Level::Error, text)
}

fn nobody_owns(set: HoldSet) -> Line {
    burst("lack of an owner", Level::Error, format!("No one owns {}!", whose(set)))
}

fn not_fenced(node: &str) -> Line {
    let text = format!("No STONITH device configured. Shared data is not protected against {node}.");
    burst("lack of fencing", Level::Warn, text)
}

fn fencing_unneeded(node: &str) -> Line {
    burst("needless fencing", Level::Info, format!("Dead node {node} gave up resources."))
}

fn legacy_peer(node: &str) -> Line {
    let text = format!("{node} has auto_failback legacy: each node asks the other for its own resources");
    burst("legacy peers", Level::Info, text)
}

/// The words of the classic audit messages (`failover.md` 3.3).
const fn whose(set: HoldSet) -> &'static str {
    match (set.contains(HoldSet::LOCAL), set.contains(HoldSet::FOREIGN)) {
        (true, true) => "all resources",
        (true, false) => "our local resources",
        (false, _) => "foreign resources",
    }
}

fn fencing(node: &str, delay: Duration) -> Line {
    let text = format!(
        "{node} may still hold what it held: nothing is taken before its reset, in {delay:?}; if nothing can reset it, \
         `hb-ctl fence confirm {node}` after it was switched off by hand"
    );
    Line { level: Level::Warn, text, limit: Limit::None }
}

fn fencing_failed(node: &str, reason: &str) -> Line {
    let text = format!(
        "Host {node} not reset! {reason}. Retrying in 5 s; `hb-ctl fence confirm {node}` after it was switched off by hand"
    );
    Line { level: Level::Error, text, limit: Limit::None }
}

fn fenced(node: &str, by_hand: bool) -> Line {
    info(if by_hand {
        format!("node {node} is off: an operator says so")
    } else {
        format!("node {node} now reset.")
    })
}

fn fencing_ended(node: &str) -> Line {
    info(format!(
        "no other reset of node {node} begins, one that runs comes to its end: it was heard, was deleted, or this node stops"
    ))
}

fn other_message() -> Line {
    let text = "a message that asks for nothing here: it is for scripts, if there are any".to_owned();
    Line { level: Level::Debug, text, limit: Limit::Second("other messages") }
}

const fn info(text: String) -> Line {
    Line { level: Level::Info, text, limit: Limit::None }
}

const fn second(cause: &'static str, level: Level, text: String) -> Line {
    Line { level, text, limit: Limit::Second(cause) }
}

const fn burst(cause: &'static str, level: Level, text: String) -> Line {
    Line { level, text, limit: Limit::Burst(cause) }
}

/// Bytes of a text from outside that a line takes.
const OUTSIDE: usize = 100;

#[cfg(test)]
mod tests;
