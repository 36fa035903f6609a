//! Whether the heart hangs: felt by the guard, which ends such a heart so that what it runs can be stopped.
//!
//! ```text
//! beat   |                                     (32 looks within the limit)                              silent for the limit
//! looks    .  b  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  x  |
//!             felt here, at most a look after it was                         ended before the limit is over
//! ```
//! Who looks late has slept itself, with the whole machine perhaps, and counts anew: only a silence through which the guard
//! itself was awake says that the heart alone stands still. A heart that has not beaten yet is still being started.

use std::time::Duration;

use hb_sys::process::Signal;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Patient;
use crate::beat::{Felt, feel};

/// What is counted between two looks.
#[derive(Debug, Default)]
struct Pulse {
    /// When it was looked last.
    last: Option<Instant>,
    /// The first look of the silence that lasts: nothing was felt at any after it, and each came in time.
    since: Option<Instant>,
    has_beaten: bool,
}

impl Pulse {
    /// Whether the heart hangs, at that look.
    fn look(&mut self, now: Instant, limit: Duration, felt: Felt) -> bool {
        let in_time = self.last.replace(now).is_some_and(|last| now - last <= limit / 4);
        match felt {
            Felt::Beats => self.has_beaten = true,
            Felt::Farewell => self.has_beaten = false,
            Felt::Nothing => {}
        }
        if felt != Felt::Nothing || !in_time {
            self.since = Some(now);
        }
        let silent = self.since.map_or(Duration::ZERO, |since| now - since);
        // The beat may have been a pause before it was felt, and the next look is a pause away: two of 32.
        self.has_beaten && silent >= limit.saturating_sub(limit / 16)
    }

    /// What was counted does not count any more.
    fn count_anew(&mut self) {
        (self.last, self.since) = (None, None);
    }
}

/// Ends a heart that hangs, and returns then: one that has beaten, and then not for nearly as long as the limit says at the time,
/// and not longer unless the guard itself came late. Nothing of it runs from then on, also if the kernel does not let go of it yet.
/// Without a limit, and for nobody, it never returns.
pub(super) async fn hangs(patient: Option<Patient>, mut limit: watch::Receiver<Option<Duration>>) {
    let Some((place, heart)) = patient else { return std::future::pending().await };
    let mut pulse = Pulse::default();
    loop {
        let silence = *limit.borrow_and_update();
        tokio::select! {
            changed = limit.changed() => {
                if changed.is_err() {
                    return std::future::pending().await;
                }
                pulse.count_anew();
            }
            silence = next_look(silence) => {
                if pulse.look(Instant::now(), silence, feel(&place)) {
                    // If it fails, the heart has just died by itself.
                    let _ = heart.signal(Signal::KILL);
                    return;
                }
            }
        }
    }
}

async fn next_look(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            sleep(pause(limit)).await;
            limit
        }
        None => std::future::pending().await,
    }
}

/// From one look to the next. A sleep below 10 ms is often late.
fn pause(limit: Duration) -> Duration {
    (limit / 32).max(Duration::from_millis(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(3200);
    const PAUSE: Duration = Duration::from_millis(100);

    /// Looks each pause; the first one feels the last beat, which was `before` it. One comes late by so many pauses. When after that beat
    /// the heart is found to hang.
    fn looks(limit: Duration, before: Duration, late: Option<(u32, u32)>) -> Duration {
        let mut pulse = Pulse::default();
        let begin = Instant::now();
        let (mut now, mut number) = (begin + before, 0);
        let mut felt = Felt::Beats;
        while !pulse.look(now, limit, felt) {
            assert!(number < 1000, "it is never found");
            number += 1;
            felt = Felt::Nothing;
            now += pause(limit) * (1 + late.filter(|(look, _)| *look == number).map_or(0, |(_, by)| by));
        }
        now - begin
    }

    #[test]
    fn a_silence_is_found_before_the_limit_is_over_and_hardly_earlier() {
        for limit in [150, 570, 3200, 27_970].map(Duration::from_millis) {
            for before in [Duration::ZERO, pause(limit) / 3, pause(limit)] {
                let found = looks(limit, before, None);
                // A short limit has fewer looks, and lies as much farther from the dead time.
                let latest = limit + (pause(limit) * 2).saturating_sub(limit / 16);
                let hardly_earlier = found + limit / 16 >= limit;
                assert!(found <= latest && hardly_earlier, "{found:?} of {limit:?}, felt after {before:?}");
            }
        }
    }

    #[test]
    fn who_beats_in_time_who_has_not_begun_and_who_has_ended_do_not_hang() {
        let silence = [Felt::Nothing; 100];
        let each_third = [Felt::Beats, Felt::Nothing, Felt::Nothing].repeat(40);
        let ended = [&[Felt::Beats, Felt::Nothing, Felt::Farewell], &silence[..]].concat();
        for all in [&silence[..], &each_third, &ended] {
            let mut pulse = Pulse::default();
            let mut now = Instant::now();
            for felt in all {
                now += PAUSE;
                assert!(!pulse.look(now, LIMIT, *felt));
            }
        }
    }

    #[test]
    fn who_looks_late_has_slept_itself_and_counts_anew() {
        let found = |late| looks(LIMIT, Duration::ZERO, late);
        let in_time = found(None);
        // The sixth look comes more than a quarter of the limit after the one before it: the machine stood still, perhaps.
        assert_eq!(found(Some((6, 8))), in_time + PAUSE * (6 + 8));
        assert_eq!(found(Some((6, 7))), in_time, "a little late is in time");
        assert_eq!(found(Some((30, 5))), in_time + PAUSE * 5, "so is the last one");
    }

    #[test]
    fn another_limit_counts_anew() {
        let mut pulse = Pulse::default();
        let mut now = Instant::now();
        pulse.look(now, LIMIT, Felt::Beats);
        for _ in 0..29 {
            now += PAUSE;
            assert!(!pulse.look(now, LIMIT, Felt::Nothing));
        }
        pulse.count_anew();
        for _ in 0..30 {
            now += PAUSE;
            assert!(!pulse.look(now, LIMIT, Felt::Nothing));
        }
        assert!(pulse.look(now + PAUSE, LIMIT, Felt::Nothing));
    }
}
