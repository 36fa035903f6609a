//! The rules that must hold in every run, and what must be remembered to check them.
//!
//! [`ownership`] knows who runs what, [`messages`] what nodes say, [`liveness`] whom they declare dead and when,
//! [`classic`] what only a 3.0.6 peer can be blamed for.

mod classic;
mod liveness;
mod messages;
mod ownership;
mod settled;

pub(crate) use messages::number;

use std::time::Duration;

use hb_engine::{HoldSet, Tick};

use self::classic::HandOver;
use crate::scenario::{Kind, Setup, What};
use crate::world::nanos;

#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) faults_left: usize,
    /// When the last fault ended, or anything that hides one node from another.
    pub(crate) healed_since: u64,
    faults_active: u32,
    /// Nothing befalls the nodes that rightly leaves a group away from its home.
    has_home: bool,
    /// All has been well since then.
    pub(crate) quiet_since: Option<u64>,
    /// A living node was declared dead; until all is well again two owners are possible.
    split: bool,
    /// Since when some group has run twice.
    overlap_since: Option<u64>,
    /// How long two owners may last after everything is healed.
    overlap_bound: u64,
    /// How long it may take until all is well after the last fault.
    quiet_bound: u64,
    rate_bound: u32,
    /// The hand-over that a 3.0.6 node takes part in.
    hand_over: Option<HandOver>,
    nodes: Vec<Watched>,
}

/// What is remembered of one node.
#[derive(Clone, Debug)]
struct Watched {
    /// The last heartbeat of each other node that reached it: generation, number, its own time.
    heard: Vec<(u64, u64, Tick)>,
    /// The first message of its present run that came.
    first: Vec<(u64, u64)>,
    /// The dead time that it asked for.
    deadtime: Vec<Option<Duration>>,
    active: bool,
    /// Its boot, or since when it is active.
    started: Tick,
    /// When it lost power, if that was not during another fault of it.
    dead_since: Option<u64>,
    /// When it declared the other one dead, which then was off; until it serves everything.
    taking_since: Option<u64>,
    seq: u64,
    generation: u64,
    giver: bool,
    /// The hold set that it announced last.
    said: HoldSet,
    second: u64,
    /// New messages and repeated ones.
    in_second: [u32; 2],
}

impl Watch {
    pub(crate) fn new(setup: &Setup) -> Self {
        let longest = nanos(setup.job_limit.max(5 * setup.job_time.1));
        let has_legacy = setup.kinds.contains(&Kind::Legacy);
        let second = nanos(Duration::from_secs(1));
        let nodes = setup.kinds.len();
        let watched = Watched {
            heard: vec![(0, 0, Tick::from_nanos(0)); nodes],
            first: vec![(0, 0); nodes],
            deadtime: vec![None; nodes],
            active: false,
            started: Tick::from_nanos(0),
            dead_since: None,
            taking_since: None,
            seq: 0,
            generation: 0,
            giver: false,
            said: HoldSet::NONE,
            second: 0,
            in_second: [0; 2],
        };
        let beats = u32::try_from(second / nanos(setup.keepalive).max(1)).unwrap_or(1);
        Self {
            faults_left: 0,
            healed_since: 0,
            faults_active: 0,
            has_home: false,
            quiet_since: None,
            split: false,
            overlap_since: None,
            // 3.0.6 releases two seconds after it hears of the other again; we wait five for that.
            overlap_bound: (if has_legacy { 9 } else { 3 }) * second
                + 5 * nanos(setup.keepalive)
                + 4 * longest,
            quiet_bound: 36 * second
                + nanos(setup.initdead)
                + 8 * nanos(setup.deadtime)
                + 10 * longest
                + if has_legacy { 60 * second } else { 0 }
                // A reset that fails is tried again after five seconds.
                + if setup.fencing { 90 * second } else { 0 },
            hand_over: None,
            rate_bound: 60 + 12 * beats * u32::try_from(nodes).unwrap_or(2),
            nodes: vec![watched; nodes],
        }
    }

    pub(crate) fn expect(&mut self, faults: &[crate::scenario::Fault]) {
        self.faults_left = faults.len();
        let displaces = |what: &What| {
            what.breaks_jobs() || matches!(what, What::Command(..) | What::GroupDies(..) | What::JobsSlow(_))
        };
        self.has_home = !faults.iter().any(|fault| displaces(&fault.what));
        if faults.iter().any(|fault| fault.what.breaks_jobs()) {
            // A failed job is tried again after half a minute, and the retry may hang or fail as well.
            let retry = nanos(Duration::from_secs(35));
            self.overlap_bound += retry;
            self.quiet_bound += 2 * retry;
        }
    }

    pub(crate) fn fault_begins(&mut self, what: &What) {
        self.faults_active += 1;
        if !matches!(what, What::Command(..) | What::WallStep(..)) {
            self.quiet_since = None;
        }
    }

    pub(crate) fn fault_ends(&mut self, now: u64) {
        self.faults_active -= 1;
        self.faults_left -= 1;
        self.healed_since = now;
    }

    pub(crate) fn booted(&mut self, node: usize, tick: Tick) {
        let watched = &mut self.nodes[node];
        watched.heard.fill((0, 0, tick));
        watched.deadtime.fill(None);
        watched.first.fill((0, 0));
        watched.active = false;
        watched.started = tick;
        watched.dead_since = None;
        watched.taking_since = None;
        watched.seq = 0;
        watched.giver = false;
        watched.said = HoldSet::NONE;
    }

    pub(crate) fn died(&mut self, node: usize, now: u64, frozen: bool) {
        self.nodes[node].dead_since = (!frozen && self.faults_active == 1).then_some(now);
    }
}
