//! What the kernel knows about a time in which the heart's thread should have run and did not.
//!
//! Counters of the kernel's are read about once a second and again after a stall; what they grew by since the last reading
//! before it is told. What no counter explains is time in which the thread was stopped, frozen, or held up in the kernel. A
//! paused virtual machine stops its clock too and shows in none of them.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use hb_engine::Tick;
use rustix::thread::Pid;

use super::{INTERVAL, text};
use crate::clock;

/// The files, kept open, and what they said.
pub(super) struct Stall {
    files: Files,
    /// The latest readings, oldest first: who reads may have stood still as well, and have read before it was told.
    before: VecDeque<(Tick, Counters)>,
}

struct Files {
    /// Of the heart's thread: `schedstat`.
    thread: Option<File>,
    /// Of the machine: `/proc/stat`.
    machine: Option<File>,
    /// Of the control group: `cpu.stat`.
    group: Option<File>,
}

/// Times since the machine, the thread or the control group began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counters {
    /// The thread could run, but others had the processor.
    waited: Option<Duration>,
    /// A hypervisor gave the processors to others, all processors together.
    stolen: Option<Duration>,
    /// The control group had used up its share.
    throttled: Option<Duration>,
}

impl Stall {
    /// For this thread of the process.
    pub(super) fn of(thread: Pid) -> Self {
        let mut stall = Self { files: Files::open(thread), before: VecDeque::with_capacity(READINGS + 1) };
        stall.look(clock::tick());
        stall
    }

    /// Reads the counters if the last time was long enough ago.
    pub(super) fn look(&mut self, now: Tick) {
        if self.before.back().is_none_or(|(then, _)| now.since(*then) >= INTERVAL) {
            self.before.push_back((now, self.files.read()));
            if self.before.len() > READINGS {
                self.before.pop_front();
            }
        }
    }

    /// In words, why the thread, awake since that time, was late by so much.
    pub(super) fn explain(&self, at: Tick, by: Duration) -> String {
        let began =
            Tick::from_nanos(at.as_nanos().saturating_sub(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)));
        words(self.last_before(began), self.files.read(), by)
    }

    /// What was read last before then; the oldest if there is none.
    fn last_before(&self, then: Tick) -> Counters {
        let earlier = self.before.iter().rev().find(|(when, _)| *when <= then);
        earlier.or_else(|| self.before.front()).map(|(_, counters)| *counters).unwrap_or_default()
    }
}

impl Files {
    fn open(thread: Pid) -> Self {
        let group = std::fs::read_to_string("/proc/self/cgroup").ok();
        let group =
            group.and_then(|text| text.lines().find_map(|line| line.strip_prefix("0::/")).map(str::to_owned));
        let group = group.map(|path| Path::new("/sys/fs/cgroup").join(path).join("cpu.stat"));
        Self {
            thread: File::open(format!("/proc/self/task/{thread}/schedstat")).ok(),
            machine: File::open("/proc/stat").ok(),
            group: group.and_then(|path| File::open(path).ok()),
        }
    }

    fn read(&self) -> Counters {
        Counters {
            waited: text(self.thread.as_ref()).and_then(|text| waited(&text)),
            stolen: text(self.machine.as_ref()).and_then(|text| stolen(&text)),
            throttled: text(self.group.as_ref()).and_then(|text| throttled(&text)),
        }
    }
}

/// The second number: nanoseconds.
fn waited(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

/// The eighth number of the first line, hundredths of a second.
fn stolen(stat: &str) -> Option<Duration> {
    let numbers = stat.lines().next()?.strip_prefix("cpu ")?;
    let hundredths: u64 = numbers.split_whitespace().nth(7)?.parse().ok()?;
    Some(Duration::from_millis(hundredths.saturating_mul(10)))
}

fn throttled(cpu_stat: &str) -> Option<Duration> {
    let micros = cpu_stat.lines().find_map(|line| line.strip_prefix("throttled_usec "))?;
    micros.trim().parse().ok().map(Duration::from_micros)
}

fn words(before: Counters, after: Counters, by: Duration) -> String {
    let grown = |before: Option<Duration>, after: Option<Duration>| Some(after?.saturating_sub(before?));
    let causes = [
        (grown(before.waited, after.waited), "waited for a processor"),
        (grown(before.stolen, after.stolen), "taken by the hypervisor (all processors)"),
        (grown(before.throttled, after.throttled), "held back by the limit of the control group"),
    ];
    let told: Vec<_> = causes
        .iter()
        .filter_map(|(time, what)| Some(format!("{what} {} ms", (*time)?.as_millis())))
        .collect();
    let known = causes.iter().filter_map(|(time, _)| *time).max().unwrap_or_default();
    let rest = if known * 2 < by { "; so it was stopped, frozen, or held up in the kernel" } else { "" };
    let told = if told.is_empty() { "the kernel tells nothing".to_owned() } else { told.join(", ") };
    format!("The stall of {} ms, by the kernel's account: {told}{rest}", by.as_millis())
}

/// How many readings are kept.
const READINGS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_kernel_s_files_are_understood() {
        assert_eq!(waited("123456 7000000 42\n"), Some(ms(7)));
        assert_eq!(stolen("cpu  1 2 3 4 5 6 7 80 9 10\ncpu0 1 1 1 1 1 1 1 1 1 1\n"), Some(ms(800)));
        assert_eq!(throttled("usage_usec 5\nnr_throttled 3\nthrottled_usec 9000\n"), Some(ms(9)));
        for broken in ["", "cpu", "cpu  1 2", "x y z"] {
            assert_eq!((stolen(broken), throttled(broken)), (None, None), "{broken}");
        }
        assert_eq!((waited(""), waited("1"), waited("x y z")), (None, None, None));
        let here = Files::open(rustix::thread::gettid()).read();
        assert!(here.stolen.is_some() && here.waited.is_some(), "{here:?}");
    }

    #[test]
    fn what_no_counter_explains_was_a_stop() {
        let before = Counters { waited: Some(ms(10)), stolen: Some(ms(0)), throttled: None };
        let waited = Counters { waited: Some(ms(910)), ..before };
        assert_eq!(
            words(before, waited, Duration::from_secs(1)),
            "The stall of 1000 ms, by the kernel's account: waited for a processor 900 ms, taken by the hypervisor (all \
             processors) 0 ms"
        );
        let stopped = words(before, before, Duration::from_secs(3));
        assert!(stopped.ends_with("0 ms; so it was stopped, frozen, or held up in the kernel"), "{stopped}");
        let blind = words(Counters::default(), Counters::default(), Duration::from_secs(3));
        assert!(blind.contains("the kernel tells nothing"), "{blind}");
    }

    #[test]
    fn what_was_read_after_a_stall_is_not_taken_for_before() {
        let at = |millis: u64| Tick::from_nanos(millis * 1_000_000);
        let counters = |waited| Counters { waited: Some(ms(waited)), ..Counters::default() };
        let mut stall = Stall::of(rustix::thread::gettid());
        stall.before =
            VecDeque::from([(at(1000), counters(1)), (at(2000), counters(2)), (at(5000), counters(5))]);
        assert_eq!(stall.last_before(at(2500)), counters(2));
        assert_eq!(stall.last_before(at(6000)), counters(5));
        assert_eq!(stall.last_before(at(500)), counters(1), "the oldest is the best there is");
        for second in 6..20 {
            stall.look(at(second * 1000));
            stall.look(at(second * 1000 + 500));
        }
        assert_eq!((stall.before.len(), stall.before.front().unwrap().0), (READINGS, at(16_000)));
    }
}
