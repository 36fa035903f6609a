//! A run in which both nodes answered explains itself: when exactly they did, who answered around that, and what both said.
//!
//! It judges nothing: whose doing it was is for a reader.

use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use hb_sys::localtime::{LocalTime, local_time};

use crate::Node;
use crate::cluster::Cluster;
use crate::probe::runner::now_ns;
use crate::probe::{Interval, Sight};

/// When both nodes answered, as text of many lines; empty if they never did.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Overlap(String);

impl fmt::Display for Overlap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Readable in the message of a failed test as well.
impl fmt::Debug for Overlap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Cluster {
    /// What this sight says of times at which both nodes answered, with the lines of both logs from some seconds before each
    /// such time until shortly after it.
    #[must_use]
    pub fn overlap(&self, sight: &Sight) -> Overlap {
        if sight.both.is_empty() {
            return Overlap::default();
        }
        let since = |ns: u64| {
            let us = ns.saturating_sub(sight.begun_ns) / 1000;
            format!("{}.{:03} s ({})", us / 1_000_000, us / 1000 % 1000, clock(wall(ns)))
        };
        let span = |time: Interval| format!("from {} to {}", since(time.from_ns), since(time.to_ns));
        let mut text =
            "\nboth nodes answered, times since the measurement began and by the clock:\n".to_owned();
        // Writing to a string cannot fail, here and below.
        for both in &sight.both {
            let _ = writeln!(text, "    {}", span(*both));
        }
        text += "who answered the client:\n";
        for spell in &sight.spells {
            let _ = writeln!(text, "    {} {}, {} answers", spell.node, span(spell.time), spell.answers);
        }
        for node in &self.nodes {
            let _ = writeln!(text, "{} said:", node.host().name());
            for line in around(node, &sight.both) {
                let _ = writeln!(text, "    {line}");
            }
        }
        Overlap(text)
    }
}

/// The lines that a node logged around these times. Both logs tell the time of day in whole seconds.
fn around(node: &Node, times: &[Interval]) -> Vec<String> {
    let mut seconds: Vec<String> = Vec::new();
    for time in times {
        let (from, to) = (wall(time.from_ns) - BEFORE, wall(time.to_ns) + AFTER);
        let length = to.duration_since(from).unwrap_or_default().as_secs();
        seconds.extend((0..=length).map(|second| clock(from + Duration::from_secs(second))));
    }
    let is_near = |line: &&str| seconds.iter().any(|second| line.contains(second.as_str()));
    node.log().lines().filter(is_near).map(ToOwned::to_owned).collect()
}

/// The time of day at that time of the monotonic clock.
fn wall(ns: u64) -> SystemTime {
    SystemTime::now() - Duration::from_nanos(now_ns().saturating_sub(ns))
}

/// As it stands in the lines of both programs' logs, whose dates differ.
fn clock(time: SystemTime) -> String {
    let LocalTime { hour, minute, second, .. } = local_time(time);
    format!("{hour:02}:{minute:02}:{second:02}")
}

/// A verdict, and the beginning of a takeover by scripts.
const BEFORE: Duration = Duration::from_secs(12);
const AFTER: Duration = Duration::from_secs(4);
