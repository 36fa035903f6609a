//! What the live lab shows, as data: gathered from the nodes, the probe and the logs, drawn elsewhere.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::node::{Account, Node, NodeProgram};
use crate::probe::Sight;

/// Everything on the screen.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    pub(super) nodes: Vec<NodePicture>,
    pub(super) probed: Option<IpAddr>,
    /// The cluster's times, for people.
    pub(super) times: String,
    pub(super) sight: Sight,
    pub(super) events: VecDeque<Line>,
    /// Interruptions seen so far.
    pub(super) interruptions: u32,
    pub(super) last_interruption: Option<Interruption>,
}

/// One node.
#[derive(Clone, Debug, Default)]
pub(super) struct NodePicture {
    pub(super) name: String,
    pub(super) program: &'static str,
    pub(super) mood: Mood,
    /// What it says of itself.
    pub(super) state: String,
    /// What it says of the other node.
    pub(super) peer: String,
    pub(super) holds: Vec<IpAddr>,
}

/// The condition of a node in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mood {
    #[default]
    Good,
    /// On its way to somewhere.
    Moving,
    Bad,
}

/// A time without answers that is over, or a change of the node that answers.
#[derive(Clone, Debug)]
pub(super) struct Interruption {
    pub(super) ms: f64,
    pub(super) from: String,
    pub(super) to: String,
}

/// A line of the account of events.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Seconds since the lab began.
    pub(super) at_s: f64,
    /// A node, or the client, or the lab.
    pub(super) who: String,
    pub(super) text: String,
}

/// Keeps the picture up to date.
pub(super) struct Painter {
    pub(super) picture: Picture,
    begun_ns: u64,
    /// Beginning of the last spell that was told of.
    told_ns: u64,
    logs: Vec<Tail>,
}

impl Painter {
    pub(super) fn new(cluster: &Cluster, now_ns: u64) -> Self {
        let logs = cluster.nodes.iter().map(Tail::new).collect();
        let probed = cluster.floating.iter().find(|floating| floating.home == "alpha");
        let time = |name| cluster.files.time(name).map(|time| format!("{name} {time:?}")).unwrap_or_default();
        let times = format!("{}  {}", time("keepalive"), time("deadtime"));
        let picture =
            Picture { probed: probed.map(|floating| floating.address), times, ..Picture::default() };
        Self { picture, begun_ns: now_ns, told_ns: 0, logs }
    }

    /// Adds a line in the order of time: what the client saw is known later than what the nodes logged.
    pub(super) fn tell(&mut self, at_ns: u64, who: &str, text: &str) {
        let age = Duration::from_nanos(at_ns.saturating_sub(self.begun_ns));
        let line = Line { at_s: age.as_secs_f64(), who: who.to_owned(), text: text.to_owned() };
        let events = &mut self.picture.events;
        let place = events.iter().rposition(|other| other.at_s <= line.at_s).map_or(0, |last| last + 1);
        events.insert(place, line);
        if events.len() > LINES {
            events.pop_front();
        }
    }

    /// New nodes' accounts.
    pub(super) fn nodes(&mut self, nodes: Vec<NodePicture>) {
        self.picture.nodes = nodes;
    }

    /// A new look of the probe; tells of what has changed since the last one.
    pub(super) fn sight(&mut self, sight: Sight) {
        let mut news = Vec::new();
        for pair in sight.spells.windows(2) {
            let [before, after] = pair else { continue };
            if after.time.from_ns <= self.told_ns {
                continue;
            }
            self.told_ns = after.time.from_ns;
            let silent = after.time.from_ns.saturating_sub(before.time.to_ns);
            let ms = Duration::from_nanos(silent).as_secs_f64() * 1000.0;
            let (from, to) = (before.node.clone(), after.node.clone());
            news.push((after.time.from_ns, format!("served by {to} after {ms:.1} ms without an answer")));
            self.picture.interruptions += 1;
            self.picture.last_interruption = Some(Interruption { ms, from, to });
        }
        for (at_ns, text) in news {
            self.tell(at_ns, "client", &text);
        }
        self.picture.sight = sight;
    }

    /// New lines of the nodes' logs.
    pub(super) fn logs(&mut self, now_ns: u64) {
        let mut news = Vec::new();
        for tail in &mut self.logs {
            let lines = tail.lines();
            let told = lines.iter().map(|line| short(line)).filter(|line| !is_chatter(line));
            news.extend(told.map(|line| (tail.node.clone(), line.to_owned())));
        }
        for (node, line) in news {
            self.tell(now_ns, &node, &line);
        }
    }
}

impl NodePicture {
    /// Asks a node; takes up to a second when the node hangs.
    pub(super) async fn of(node: &Node) -> Self {
        let name = node.host().name().to_owned();
        let program = match node.program() {
            NodeProgram::Ours { .. } => "hb-node",
            NodeProgram::Heartbeat306 => "heartbeat 3.0.6",
        };
        let own: Vec<_> = node.host().links().iter().map(|link| IpAddr::V4(link.address)).collect();
        let held = node.host().addresses().await.unwrap_or_default();
        let holds =
            held.into_iter().map(|entry| entry.address).filter(|address| !own.contains(address)).collect();
        let (mood, state, peer) = describe(&node.account().await);
        Self { name, program, mood, state, peer, holds }
    }
}

fn describe(account: &Account) -> (Mood, String, String) {
    let bad = |text: &str| (Mood::Bad, text.to_owned(), String::new());
    match account {
        Account::Off => bad("no power"),
        Account::NotRunning => bad("no daemon"),
        Account::Mute => bad("does not answer"),
        Account::Heartbeat { hold, peer } => {
            let mood = if account.is_settled() { Mood::Good } else { Mood::Moving };
            (mood, format!("holds {hold}"), format!("sees the other {peer}"))
        }
        Account::Ours(status) => {
            let (own, others): (Vec<_>, Vec<_>) =
                status.nodes.iter().partition(|node| node.name == status.node);
            let own = own.first().map_or("", |node| node.status.as_str());
            let moving = match (status.stopping, status.stable) {
                (true, _) => ", stopping",
                (false, false) => ", moving",
                (false, true) => "",
            };
            let mood = if account.is_settled() { Mood::Good } else { Mood::Moving };
            let others: Vec<_> = others
                .iter()
                .map(|node| match node.silence_ms {
                    Some(silence) => format!("sees {} {}, heard {silence} ms ago", node.name, node.status),
                    None => format!("sees {} {}, never heard", node.name, node.status),
                })
                .collect();
            (mood, format!("{own}, holds {}{moving}", status.hold), others.join("; "))
        }
    }
}

/// A log line without what every line has: time, host and program in front, the verdict's clock at the end.
fn short(line: &str) -> &str {
    let text = line.split_once("]: ").map_or(line, |(_, text)| text);
    text.split_once(" mono_ns=").map_or(text, |(text, _)| text).trim()
}

/// What resource agents of 3.0.6 tell about each of their commands, and debug lines.
fn is_chatter(line: &str) -> bool {
    line.starts_with("INFO:") || line.starts_with("debug:")
}

/// Reads what comes to a log, also when the log is not there yet.
struct Tail {
    node: String,
    path: Option<PathBuf>,
    read: u64,
    rest: String,
}

impl Tail {
    fn new(node: &Node) -> Self {
        let path = node.host().outside(node.log_file());
        Self { node: node.host().name().to_owned(), path, read: 0, rest: String::new() }
    }

    fn lines(&mut self) -> Vec<String> {
        let Some(mut file) = self.path.as_ref().and_then(|path| File::open(path).ok()) else {
            return Vec::new();
        };
        let mut bytes = Vec::new();
        // A log that cannot be read now is read the next time.
        if file.seek(SeekFrom::Start(self.read)).is_err() {
            return Vec::new();
        }
        let read = file.take(CHUNK).read_to_end(&mut bytes).unwrap_or_default();
        self.read += read as u64;
        self.rest.push_str(&String::from_utf8_lossy(&bytes));
        let end = self.rest.rfind('\n').map_or(0, |end| end + 1);
        let rest = self.rest.split_off(end);
        std::mem::replace(&mut self.rest, rest).lines().map(str::to_owned).collect()
    }
}

/// Events that are kept.
const LINES: usize = 200;
/// Bytes of a log that are read at a time.
const CHUNK: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_without_what_they_all_have() {
        let ours = "Nov 21 22:21:12 alpha heartbeat: [3]: WARN: node beta: is dead mono_ns=3349533907323";
        assert_eq!(short(ours), "WARN: node beta: is dead");
        assert_eq!(
            short("2026/11/21_22:23:23  harc(default)[11]:    info: Running status"),
            "info: Running status"
        );
        assert_eq!(short("something else"), "something else");
    }
}
