//! The load average for the field `ld`: the first line of `/proc/loadavg`, looked at once a second at most.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use hb_engine::Tick;

/// `/proc/loadavg`, kept open: reading it touches no disk.
pub(super) struct LoadAverage {
    file: Option<File>,
    next: Tick,
}

impl LoadAverage {
    /// Without `/proc` there is no load average, and messages go without it.
    pub(super) fn open() -> Self {
        Self { file: File::open("/proc/loadavg").ok(), next: Tick::from_nanos(0) }
    }

    /// The load average if the last look was long enough ago.
    pub(super) fn look(&mut self, now: Tick) -> Option<String> {
        if now < self.next {
            return None;
        }
        self.next = now.plus(INTERVAL);
        let mut buffer = [0; 128];
        let count = self.file.as_ref()?.read_at(&mut buffer, 0).ok()?;
        let text = std::str::from_utf8(buffer.get(..count)?).ok()?;
        text.lines().next().map(str::to_owned)
    }
}

const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_a_second() {
        let mut load = LoadAverage::open();
        let start = Tick::from_nanos(5_000_000_000);
        let text = load.look(start).unwrap();
        assert_eq!(text.split(' ').count(), 5, "{text}");
        assert_eq!(load.look(start.plus(Duration::from_millis(999))), None);
        assert!(load.look(start.plus(Duration::from_secs(1))).is_some());
    }
}
