//! Whether the heart hangs: felt by the guard, which ends such a heart so that what it runs can be stopped.
//!
//! ```text
//! beat   |              (a look each eighth of the limit)                     | silent for the limit: it hangs
//! looks  x     .     .     .     .     .     .     .     .
//! ```
//! Who looks late has slept itself, with the whole machine perhaps, and counts anew: only so many looks in time, one after the
//! other, say that the heart alone stands still. A heart that has not beaten yet is still being started.

use std::time::Duration;

use hb_sys::process::Signal;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::Patient;
use crate::beat::{Felt, feel};

/// What is counted between two looks.
#[derive(Debug, Default)]
struct Pulse {
    /// When it was looked last, and how many looks in time before that one, and with it, felt nothing.
    last: Option<(Instant, u32)>,
    has_beaten: bool,
}

impl Pulse {
    /// Whether the heart hangs, at that look; they are to be `pause` apart.
    fn look(&mut self, now: Instant, pause: Duration, felt: Felt) -> bool {
        let silent = match (felt, self.last) {
            (Felt::Nothing, Some((last, silent))) if now - last <= pause * 2 => silent + 1,
            _ => 0,
        };
        match felt {
            Felt::Beats => self.has_beaten = true,
            Felt::Farewell => self.has_beaten = false,
            Felt::Nothing => {}
        }
        self.last = Some((now, silent));
        self.has_beaten && silent >= LOOKS
    }

    /// What was counted does not count any more.
    fn count_anew(&mut self) {
        self.last = None;
    }
}

/// Ends a heart that hangs, and returns then: one that has beaten, and then not for as long as the limit says at the time. Nothing
/// of it runs from then on, also if the kernel does not let go of it yet. Without a limit, and for nobody, it never returns.
pub(super) async fn hangs(patient: Option<Patient>, mut limit: watch::Receiver<Option<Duration>>) {
    let Some((place, heart)) = patient else { return std::future::pending().await };
    let mut pulse = Pulse::default();
    loop {
        let pause = limit.borrow_and_update().map(|limit| (limit / LOOKS).max(SHORTEST_PAUSE));
        tokio::select! {
            changed = limit.changed() => {
                if changed.is_err() {
                    return std::future::pending().await;
                }
                pulse.count_anew();
            }
            pause = pause_of(pause) => {
                if pulse.look(Instant::now(), pause, feel(&place)) {
                    // If it fails, the heart has just died by itself.
                    let _ = heart.signal(Signal::KILL);
                    return;
                }
            }
        }
    }
}

async fn pause_of(pause: Option<Duration>) -> Duration {
    match pause {
        Some(pause) => {
            sleep(pause).await;
            pause
        }
        None => std::future::pending().await,
    }
}

/// So many looks in time without a beat, which is at least the limit.
const LOOKS: u32 = 8;
/// Between two looks: at ordinary priority less is often late.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_millis(100);

    /// Looks at these times, in pauses since the begin; `b` beats before a look, `e` ends, anything else is silence.
    fn looks(felt: &str, late_by: &[(usize, u32)]) -> Option<usize> {
        let mut pulse = Pulse::default();
        let mut now = Instant::now();
        for (number, felt) in felt.chars().enumerate() {
            let late = late_by.iter().find(|(look, _)| *look == number).map_or(0, |(_, by)| *by);
            now += PAUSE * (1 + late);
            let felt = match felt {
                'b' => Felt::Beats,
                'e' => Felt::Farewell,
                _ => Felt::Nothing,
            };
            if pulse.look(now, PAUSE, felt) {
                return Some(number);
            }
        }
        None
    }

    #[test]
    fn eight_silent_looks_in_a_row_say_that_it_hangs() {
        assert_eq!(looks("bb........", &[]), Some(9));
        assert_eq!(looks("bb.......b.......", &[]), None, "a beat in time");
        assert_eq!(looks("....................", &[]), None, "it has not beaten yet");
        assert_eq!(looks("bbe....................", &[]), None, "it has ended in order");
    }

    #[test]
    fn who_looks_late_has_slept_itself_and_counts_anew() {
        // The sixth silent look comes two pauses late; the machine stood still, perhaps.
        assert_eq!(looks("b.............", &[(6, 2)]), None);
        assert_eq!(looks("b..............", &[(6, 2)]), Some(14));
        assert_eq!(looks("b........", &[(6, 1)]), Some(8), "a little late is in time");
    }

    #[test]
    fn another_limit_counts_anew() {
        let mut pulse = Pulse::default();
        let mut now = Instant::now();
        pulse.look(now, PAUSE, Felt::Beats);
        for _ in 0..LOOKS - 1 {
            now += PAUSE;
            assert!(!pulse.look(now, PAUSE, Felt::Nothing));
        }
        pulse.count_anew();
        for _ in 0..LOOKS {
            now += PAUSE;
            assert!(!pulse.look(now, PAUSE, Felt::Nothing));
        }
        assert!(pulse.look(now + PAUSE, PAUSE, Felt::Nothing));
    }
}
