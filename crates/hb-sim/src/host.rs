//! One machine: its program, its clock, its jobs, and the groups that really run there.

use std::collections::{BTreeMap, VecDeque};

use hb_engine::{Action, Command, GroupId, HoldSet, JobId, LinkId, Outcome};
use hb_wire::Message;

use crate::brain::Brain;
use crate::clock::Clock;
use crate::scenario::Kind;

/// Datagrams that wait in a socket at most; more are lost.
const SOCKET_ROOM: usize = 400;

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) kind: Kind,
    pub(crate) brain: Option<Brain>,
    pub(crate) clock: Clock,
    pub(crate) wall_offset: i64,
    pub(crate) generation: u64,
    /// Counts boots and deaths; what belongs to an earlier life is void.
    pub(crate) life: u32,
    pub(crate) booted: u64,
    pub(crate) next_wake: Option<u64>,
    /// How many freezes hold it.
    pub(crate) frozen: u32,
    pub(crate) jobs_frozen: u32,
    pub(crate) deaf: u32,
    pub(crate) frozen_since: u64,
    pub(crate) clock_stopped: Option<u64>,
    /// When it last woke from a freeze, and how long that was by its own clock.
    pub(crate) thawed: u64,
    pub(crate) waiting: VecDeque<(LinkId, Message)>,
    pub(crate) ended: VecDeque<(JobId, Outcome)>,
    pub(crate) asked: VecDeque<Command>,
    pub(crate) held_jobs: Vec<(u32, JobId)>,
    /// Unfinished jobs, whether each will hang, and the life in which it was begun.
    pub(crate) jobs: BTreeMap<JobId, (Action, bool, u32)>,
    /// Groups that run, or of which something may run.
    pub(crate) running: Vec<bool>,
    /// What of it has ended by itself, group by group.
    pub(crate) dead: Vec<bool>,
    /// The daemon is dead and its guard has not yet removed everything.
    pub(crate) guarded: bool,
    /// The life in which it began the reset that runs.
    pub(crate) resets_since: Option<u32>,
    pub(crate) starts_fail: u32,
    pub(crate) stops_fail: u32,
    pub(crate) hang: u32,
    pub(crate) slow: u32,
    /// Start again so long after the orderly stop that is under way.
    pub(crate) restart_after: Option<u64>,
}

impl Host {
    pub(crate) fn new(kind: Kind, clock: Clock, groups: usize) -> Self {
        Self {
            kind,
            brain: None,
            clock,
            wall_offset: 0,
            generation: 100,
            life: 0,
            booted: 0,
            next_wake: None,
            frozen: 0,
            jobs_frozen: 0,
            deaf: 0,
            frozen_since: 0,
            clock_stopped: None,
            thawed: 0,
            waiting: VecDeque::new(),
            ended: VecDeque::new(),
            asked: VecDeque::new(),
            held_jobs: Vec::new(),
            jobs: BTreeMap::new(),
            running: vec![false; groups],
            dead: vec![false; groups],
            guarded: false,
            resets_since: None,
            starts_fail: 0,
            stops_fail: 0,
            hang: 0,
            slow: 0,
            restart_after: None,
        }
    }

    /// The program is gone; what it had not yet read goes with it.
    pub(crate) fn die(&mut self) {
        self.brain = None;
        self.life += 1;
        self.next_wake = None;
        self.frozen = 0;
        self.jobs_frozen = 0;
        self.deaf = 0;
        self.clock_stopped = None;
        self.waiting.clear();
        self.ended.clear();
        self.asked.clear();
        self.restart_after = None;
    }

    /// A datagram comes while nobody reads.
    pub(crate) fn wait_in_socket(&mut self, link: LinkId, message: Message) {
        if self.deaf == 0 && self.waiting.len() < SOCKET_ROOM {
            self.waiting.push_back((link, message));
        }
    }

    /// What really runs here, as a hold set of this node. A group that is lent belongs to who lends it.
    pub(crate) fn truth(&self, own: usize, homes: &[u16], lent: &[GroupId], to_us: &[GroupId]) -> HoldSet {
        let groups = self.running.iter().zip(homes).zip(0..);
        groups
            .filter(|((running, _), id)| {
                lent.contains(&GroupId(*id)) || (**running && !to_us.contains(&GroupId(*id)))
            })
            .fold(HoldSet::NONE, |sum, ((_, home), _)| sum.union(set_of(own, *home)))
    }
}

/// Which set a group belongs to in the terms of a node.
pub(crate) fn set_of(own: usize, home: u16) -> HoldSet {
    if usize::from(home) == own { HoldSet::LOCAL } else { HoldSet::FOREIGN }
}
