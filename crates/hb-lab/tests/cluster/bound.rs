//! How long a story may take until it is stable after what was done last: a sum of the waits that this causes, by the times of the
//! files and those of `failover.md`, and of the groups that move then. Derived, not measured; the matrix shows both.

use std::time::Duration;

use hb_lab::ClusterFiles;

use crate::pair::{Case, Failback, Pair};

/// The times of a story.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    with_306: bool,
    failback: Failback,
    keepalive: Duration,
    deadtime: Duration,
    initdead: Duration,
    /// Messages may have to be sent again.
    pub(crate) is_disturbed: bool,
    /// What the story itself adds: limits of its scripts, delays of its messages.
    pub(crate) more: Duration,
}

impl Bound {
    pub(crate) fn new(case: Case, files: &ClusterFiles) -> Self {
        let time = |name| files.time(name).unwrap_or_else(|| panic!("{case}: no {name}"));
        Self {
            with_306: case.pair != Pair::BothOurs,
            failback: case.failback,
            keepalive: time("keepalive"),
            deadtime: time("deadtime"),
            initdead: time("initdead"),
            is_disturbed: false,
            more: Duration::ZERO,
        }
    }

    /// How long after this act all is stable. Each act has a bound: its first word says which.
    pub(crate) fn after(&self, act: &str) -> Duration {
        let word = act.split_whitespace().next().unwrap_or_default();
        let of_306 = |time| if self.with_306 { time } else { Duration::ZERO };
        let waits = match word {
            // Alone it waits for the other one; a 3.0.6 that is younger than ten seconds lets it wait; then its groups come home.
            "start" => self.initdead + of_306(YOUNG_HOLDER) + self.groups(2) + self.way_home(),
            "crash" | "freeze" | "cut" | "down" => self.death() + self.groups(2),
            "stop" | "kill" => self.groups(4) + FAREWELL + self.deadtime,
            "standby" | "takeover" | "move" => self.groups(4),
            "heal" | "resume" | "up" => of_306(self.restart()) + self.groups(4),
            "reload" => of_306(self.initdead + YOUNG_HOLDER) + self.groups(2),
            "lose" | "delay" => of_306(ANSWER) + RESENDING,
            // The dead time of the ping node, the timer of ipfail, and the hand-over.
            "ping" => self.deadtime + self.keepalive * 2 + self.groups(4) + self.balance(),
            // The reset is tried again after its pause.
            "the" => RESET_PAUSE + self.groups(2),
            "fence" | "meatclient" | "end" | "dies" => self.groups(2),
            _ => panic!("no bound is stated for `{act}`"),
        };
        let resent = if self.is_disturbed { RESENDING } else { Duration::ZERO };
        LOOK + waits + resent + self.more
    }

    /// So many groups are stopped or started, one after the other.
    fn groups(&self, number: u32) -> Duration {
        let one = if self.with_306 { GROUP_OF_306 } else { GROUP_OF_OURS };
        one * number * SLOWNESS
    }

    fn death(&self) -> Duration {
        self.deadtime + YOUTH
    }

    fn way_home(&self) -> Duration {
        match self.failback {
            Failback::On | Failback::Legacy => LOOK + self.groups(2),
            Failback::Off => Duration::ZERO,
        }
    }

    /// After that much of balance ours gives back what came by a lost ping node; 3.0.6 does at once.
    fn balance(&self) -> Duration {
        if self.failback == Failback::On { Duration::from_secs(10) } else { Duration::ZERO }
    }

    /// A 3.0.6 after a partition (`failover.md` 3.8): it waits, releases, ends, waits for its dead time in whole seconds and one more,
    /// and starts.
    fn restart(&self) -> Duration {
        let pause = Duration::from_secs(self.deadtime.as_secs() + 1);
        HEALED + self.groups(2) + FAREWELL + pause + self.initdead + YOUNG_HOLDER
    }
}

/// Both programs look four times a second at what is due, and try again after a second what could not be done (`failover.md` 3.3).
const LOOK: Duration = Duration::from_secs(1);
/// A node that dies soon after its start is declared dead that much later (3.5).
const YOUTH: Duration = Duration::from_secs(2);
/// For so long a 3.0.6 that has just started is not stable itself (3.4).
const YOUNG_HOLDER: Duration = Duration::from_secs(10);
/// A stopped node goes on sending, and answering, for so long (3.6).
const FAREWELL: Duration = Duration::from_secs(3);
/// So much later a 3.0.6 acts upon the end of a partition (3.8).
const HEALED: Duration = Duration::from_secs(2);
/// For so long a giver waits for the answer of the taker (3.7).
const ANSWER: Duration = Duration::from_secs(10);
/// What is lost is asked for once a second (`wire.md` 6). With a fifth lost each way two of three requests are served, so that one
/// of twenty thousand messages is not there after ten.
const RESENDING: Duration = Duration::from_secs(10);
/// Between two attempts of a reset (6.2).
const RESET_PAUSE: Duration = Duration::from_secs(5);
/// What 3.0.6 needs to stop or start a group with its hooks, on an idle machine (3.7: two in 0.4 s), rounded up.
const GROUP_OF_306: Duration = Duration::from_millis(400);
/// The same of ours, if its scripts do not wait.
const GROUP_OF_OURS: Duration = Duration::from_millis(200);
/// Six stories share two cores; a debug build is twice as slow as that.
const SLOWNESS: u32 = if cfg!(debug_assertions) { 6 } else { 3 };
