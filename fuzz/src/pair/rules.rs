//! What must hold for one node whatever comes in, and for what runs on it.
//!
//! The same rules as the simulator's (`crates/hb-sim/src/watch`), as far as they hold against liars too.

use hb_engine::{Action, GroupId, HoldSet, JobId, Outcome, Snapshot};
use hb_wire::{Message, netstring};

use super::index;

/// One node, seen from outside.
#[derive(Clone)]
pub(super) struct Rules {
    jobs: Vec<(JobId, Action)>,
    last_job: u64,
    /// Groups that run, or of which something may run.
    pub(super) running: [bool; 2],
    /// Groups of a set that it need not hold, because the other node has lent them, until they are stopped.
    borrowed: [bool; 2],
    /// Groups whose start began since the last look.
    begun: Vec<usize>,
    generation: u64,
    /// The highest number that it used.
    pub(super) seq: u64,
    /// It declared a living node dead in this run, or a job's end is not known: then two owners are possible.
    pub(super) was_wrong: bool,
    stopped: bool,
}

impl Rules {
    pub(super) const fn new() -> Self {
        Self {
            jobs: Vec::new(),
            last_job: 0,
            running: [false; 2],
            borrowed: [false; 2],
            begun: Vec::new(),
            generation: 0,
            seq: 0,
            was_wrong: false,
            stopped: false,
        }
    }

    pub(super) fn boot(&mut self, generation: u64) {
        let was_wrong = self.was_wrong;
        *self = Self { generation, running: self.running, was_wrong, ..Self::new() };
    }

    pub(super) fn power_off(&mut self) {
        self.jobs.clear();
        self.running = [false; 2];
    }

    pub(super) fn ended(&mut self) {
        assert!(self.jobs.is_empty(), "it ended while jobs run: {:?}", self.jobs);
        assert_eq!(self.running, [false; 2], "it ended while groups run");
        self.stopped = true;
    }

    pub(super) const fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    pub(super) fn is_under_way(&self, job: JobId) -> bool {
        self.jobs.iter().any(|(other, _)| *other == job)
    }

    /// Ends one of its jobs.
    pub(super) fn end_job(&mut self, which: u8, outcome: &Outcome) -> Option<JobId> {
        if self.jobs.is_empty() {
            return None;
        }
        let (job, action) = self.jobs.remove(usize::from(which) % self.jobs.len());
        match (action, outcome) {
            (Action::Start(group), Outcome::Failed { residue, .. }) => self.running[index(group)] = *residue,
            (Action::Stop(group), Outcome::Ok) => {
                (self.running[index(group)], self.borrowed[index(group)]) = (false, false);
            }
            (Action::Start(_), Outcome::Ok)
            | (Action::Stop(_), Outcome::Failed { .. })
            | (Action::Announce(_), _) => {}
        }
        Some(job)
    }

    /// A job begins.
    pub(super) fn begins(&mut self, job: JobId, action: Action) {
        let group = group(action);
        assert!(job.0 > self.last_job, "job {job:?} after {}", self.last_job);
        self.last_job = job.0;
        assert!(
            self.jobs.iter().all(|(_, other)| self::group(*other) != group),
            "two jobs for group {group}"
        );
        self.jobs.push((job, action));
        if let Action::Start(_) = action {
            self.running[group] = true;
            self.begun.push(group);
        }
    }

    /// A message leaves: well formed, numbered without gaps, and true.
    pub(super) fn said(&mut self, message: &Message, node: usize) {
        assert!(!self.stopped, "it speaks after its end");
        // Heartbeats differ little, and writing them takes most of the time.
        if message.kind() != Some("status") || self.seq % 16 == 0 {
            let body = netstring::encode(message).expect("what is sent can be written");
            assert!(body.len() <= LONGEST_MESSAGE, "{} bytes", body.len());
            assert_eq!(netstring::decode(&body).as_ref(), Ok(message), "what is sent can be read");
        }
        let name = if node == 0 { "node0" } else { "node1" };
        assert_eq!(message.text("src"), Some(name));
        assert_eq!(message.text("hg").map(str::to_owned), Some(format!("{:x}", self.generation)));
        let is_plain = message.kind().is_some_and(|kind| kind.starts_with("NS_"));
        let Some(seq) = message.text("seq").and_then(|text| u64::from_str_radix(text, 16).ok()) else {
            assert!(is_plain, "no number: {message:?}");
            return;
        };
        if seq <= self.seq {
            return; // Sent again.
        }
        assert_eq!(seq, self.seq + 1, "numbers have no gaps");
        self.seq = seq;
        let said = message.text("rsc_hold").and_then(HoldSet::parse).unwrap_or_default();
        let full = message.kind() == Some("resource") && message.text("rtype") == Some("full");
        let gone = message.kind() == Some("shutdone");
        let borrowed = message.text("hb-borrowed").unwrap_or_default();
        for (group, running) in self.running.into_iter().enumerate() {
            let is_said =
                said.contains(set_of(node, group)) || borrowed.split(' ').any(|key| key == KEYS[group]);
            assert!(!running || !full || is_said, "{said} is said of more");
            assert!(!running || !gone, "it says that it is gone and still runs group {group}");
        }
    }

    /// What it shows of itself after an input.
    pub(super) fn seen(&mut self, snapshot: &Snapshot, node: usize) {
        assert_eq!(snapshot.generation, self.generation);
        assert_eq!(snapshot.seq, self.seq);
        for peer in &snapshot.nodes {
            assert!(peer.missing <= MOST_MISSING, "{} numbers of {} are missing", peer.missing, peer.name);
            assert!(peer.status.len() <= LONGEST_STATUS && !peer.status.contains(char::is_control));
        }
        let active = snapshot.nodes.get(node).is_some_and(|own| own.status == "active");
        for group in self.begun.drain(..) {
            let set = set_of(node, group);
            let is_held = snapshot.hold.contains(set) || self.borrowed[group];
            assert!(is_held, "group {group} starts and is not held");
            assert!(active, "group {group} starts before communication is up");
            assert!(!snapshot.stopping, "group {group} starts while the node stops");
        }
        for (group, running) in self.running.into_iter().enumerate() {
            let is_held = snapshot.hold.contains(set_of(node, group)) || self.borrowed[group];
            assert!(!running || is_held, "group {group} runs, not held");
        }
    }

    pub(super) fn borrows(&mut self, group: GroupId) {
        self.borrowed[index(group)] = true;
    }

    pub(super) fn declared_dead(&mut self, lives: bool) {
        self.was_wrong |= lives;
    }
}

fn group(action: Action) -> usize {
    match action {
        Action::Start(group) | Action::Stop(group) | Action::Announce(group) => index(group),
    }
}

fn set_of(node: usize, group: usize) -> HoldSet {
    if node == group { HoldSet::LOCAL } else { HoldSet::FOREIGN }
}

/// The names of the groups.
pub(super) const KEYS: [&str; 2] = ["10.0.0.0", "10.0.0.1"];
/// Bytes of a message without its signature: half of what a classic peer reads.
const LONGEST_MESSAGE: usize = 2000;
/// Numbers of a node that are remembered as missing.
const MOST_MISSING: u32 = 500;
/// Bytes of a status text.
const LONGEST_STATUS: usize = 31;
