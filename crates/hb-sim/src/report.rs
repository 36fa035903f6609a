//! What a run leaves behind: a broken rule if there is one, numbers, a timeline.

use std::fmt;
use std::time::Duration;

/// A rule that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Nanoseconds since the begin of the run.
    pub at: u64,
    /// The short, stable name of the rule.
    pub rule: &'static str,
    /// What was seen.
    pub detail: String,
    /// Which defect of a 3.0.6 node beside a node of ours is the reason; `None`: ours must do better.
    pub classic: Option<ClassicDefect>,
}

/// Why a mixed pair may end badly although the node of ours did what it could. `watch/classic.rs` decides whether a
/// run is such a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClassicDefect {
    /// It waits up to an hour for the next step of a hand-over, and the run of the other node that was to make it has
    /// ended, or the two lost sight of each other meanwhile (`failover.md` 3.7 and 11.13). Nothing that it is sent ends
    /// that wait without a risk unless its answer was heard, and nothing else that it says shows it.
    WaitsAnHour,
    /// It runs what it says that it does not hold: a start that it no longer wanted ran after the release
    /// (`failover.md` 11.7). Nobody can know.
    RunsUnclaimed,
}

impl ClassicDefect {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::WaitsAnHour, Self::RunsUnclaimed];

    /// A few words for a summary.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::WaitsAnHour => "3.0.6 waits for an hour",
            Self::RunsUnclaimed => "3.0.6 runs unclaimed groups",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:.6} s: {}", self.rule, seconds(self.at), self.detail)
    }
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Inputs handed to programs.
    pub inputs: u64,
    /// Messages sent.
    pub messages: u64,
    /// A node was declared dead and another took what it had.
    pub failovers: u64,
    /// A node stopped in an orderly way and another took what it had.
    pub stops: u64,
    /// Hand-overs that ended well.
    pub handovers: u64,
    /// Starts of groups.
    pub starts: u64,
    /// Living nodes that were declared dead.
    pub wrong_verdicts: u64,
    /// Time during which a group ran twice.
    pub overlap: Duration,
    /// The longest such time after everything was healed.
    pub overlap_after_healing: Duration,
    /// From a power cut to the verdict.
    pub detections: Vec<Duration>,
    /// From that verdict until the other node serves everything.
    pub takeovers: Vec<Duration>,
    /// Most messages of one node in one second.
    pub busiest_second: u32,
    /// Most outputs of one input.
    pub longest_answer: u32,
    /// Simulated time.
    pub simulated: Duration,
}

impl Numbers {
    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        self.inputs += other.inputs;
        self.messages += other.messages;
        self.failovers += other.failovers;
        self.stops += other.stops;
        self.handovers += other.handovers;
        self.starts += other.starts;
        self.wrong_verdicts += other.wrong_verdicts;
        self.overlap += other.overlap;
        self.overlap_after_healing = self.overlap_after_healing.max(other.overlap_after_healing);
        self.detections.extend_from_slice(&other.detections);
        self.takeovers.extend_from_slice(&other.takeovers);
        self.busiest_second = self.busiest_second.max(other.busiest_second);
        self.longest_answer = self.longest_answer.max(other.longest_answer);
        self.simulated += other.simulated;
    }
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The first rule that did not hold; the run ends there.
    pub violation: Option<Violation>,
    /// What was counted.
    pub numbers: Numbers,
    /// Changes with anything that any node says or does.
    pub trace: u64,
    /// The timeline, one line each; empty unless it was asked for.
    pub story: Vec<String>,
}

/// The `share` (0.0 to 1.0) quantile of a list; zero if it is empty. Sorts the list.
pub fn quantile(list: &mut [Duration], share: f64) -> Duration {
    list.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "lists are far shorter than 2^52"
    )]
    let index = ((list.len() as f64 * share) as usize).min(list.len().saturating_sub(1));
    list.get(index).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "for people's eyes")]
pub(crate) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
