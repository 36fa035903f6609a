//! What the kernel knows about a time in which the heart's thread should have run and did not.
//!
//! Counters of the kernel's are read about once a second and again after a stall; what they grew by in between is told.
//! Reading them touches no disk. What no counter explains is time in which the thread was stopped, frozen, or held up in
//! the kernel. A paused virtual machine stops its clock too and shows in none of them.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use hb_engine::Tick;

/// The files, kept open, and what they said last.
#[derive(Default)]
pub(super) struct Stall {
    files: Option<Files>,
    before: Counters,
    next: Option<Tick>,
}

struct Files {
    /// Of this thread: `/proc/thread-self/schedstat`.
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
    /// Reads the counters if the last time was long enough ago. To be called by the thread that is meant.
    pub(super) fn look(&mut self, now: Tick) {
        if self.next.is_none_or(|next| next <= now) {
            self.before = self.read();
            self.next = Some(now.plus(INTERVAL));
        }
    }

    /// In words, why the thread was late by this time.
    pub(super) fn explain(&mut self, now: Tick, by: Duration) -> String {
        let after = self.read();
        let text = words(self.before, after, by);
        self.before = after;
        self.next = Some(now.plus(INTERVAL));
        text
    }

    fn read(&mut self) -> Counters {
        let files = self.files.get_or_insert_with(Files::open);
        Counters {
            waited: text(files.thread.as_ref()).and_then(|text| waited(&text)),
            stolen: text(files.machine.as_ref()).and_then(|text| stolen(&text)),
            throttled: text(files.group.as_ref()).and_then(|text| throttled(&text)),
        }
    }
}

impl Files {
    fn open() -> Self {
        let group = std::fs::read_to_string("/proc/self/cgroup").ok();
        let group =
            group.and_then(|text| text.lines().find_map(|line| line.strip_prefix("0::/")).map(str::to_owned));
        let group = group.map(|path| Path::new("/sys/fs/cgroup").join(path).join("cpu.stat"));
        Self {
            thread: File::open("/proc/thread-self/schedstat").ok(),
            machine: File::open("/proc/stat").ok(),
            group: group.and_then(|path| File::open(path).ok()),
        }
    }
}

fn text(file: Option<&File>) -> Option<String> {
    // The first line of `/proc/stat` is all that is wanted of it.
    let mut buffer = [0; 512];
    let count = file?.read_at(&mut buffer, 0).ok()?;
    Some(String::from_utf8_lossy(buffer.get(..count)?).into_owned())
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

const INTERVAL: Duration = Duration::from_secs(1);

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
        let here = Stall::default().read();
        assert!(here.stolen.is_some(), "{here:?}");
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
}
