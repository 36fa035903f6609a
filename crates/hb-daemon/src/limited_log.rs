//! A log for what others can cause: lines of a cause at the rate of [`Limiter`], and how many were left out.

use std::time::Duration;

use hb_engine::Tick;

use crate::limiter::Limiter;
use crate::log::{Level, Log};

/// The way of one thread to the log.
pub(crate) struct LimitedLog {
    log: Log,
    limiter: Limiter,
    summary_at: Option<Tick>,
}

impl LimitedLog {
    /// Nothing was said yet.
    pub(crate) fn new(log: Log) -> Self {
        Self { log, limiter: Limiter::default(), summary_at: None }
    }

    /// A line about something that nobody outside can cause.
    pub(crate) fn say(&self, level: Level, text: &str) {
        self.log.line(level, text);
    }

    /// A line of which at most `burst` are written at once for this cause, and one a second in the long run.
    pub(crate) fn limited(
        &mut self,
        now: Tick,
        cause: &'static str,
        burst: u32,
        level: Level,
        text: impl FnOnce() -> String,
    ) {
        match self.limiter.admit(now, cause, burst) {
            Some(0) => self.log.line(level, &text()),
            Some(more) => self.log.line(level, &format!("{} ({more} more were left out)", text())),
            None => {
                self.summary_at.get_or_insert(now.plus(SUMMARY));
            }
        }
    }

    /// Lines left out so far.
    pub(crate) const fn suppressed(&self) -> u64 {
        self.limiter.suppressed()
    }

    /// When [`LimitedLog::tell_suppressed`] may have something to tell.
    pub(crate) const fn next_summary(&self) -> Option<Tick> {
        self.summary_at
    }

    /// Says what was left out, where its second is over and nothing followed.
    pub(crate) fn tell_suppressed(&mut self, now: Tick) {
        if self.summary_at.is_none_or(|at| now < at) {
            return;
        }
        while let Some((cause, count)) = self.limiter.overdue(now) {
            self.log.line(Level::Info, &format!("{count} more lines were left out [{cause}]"));
        }
        self.summary_at = self.limiter.has_suppressed().then(|| now.plus(SUMMARY));
    }
}

/// Pause before lines that were left out are summed up.
const SUMMARY: Duration = Duration::from_secs(1);
