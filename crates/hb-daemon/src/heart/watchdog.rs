//! When the heart kicks the watchdog device, and when it stops it.
//!
//! Kicked at the end of a turn in which a heartbeat was sent: a heart that hangs anywhere, or cannot send, does not
//! kick. Stopped only when every group is released; 3.0.6 stops it before that, so a stop that hangs is not covered
//! there (`failover.md` 8.1). A heart that fails or is killed leaves it running.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hb_config::Checked;
use hb_engine::{GroupState, Tick};
use hb_resource::watchdog::Watchdog;

use super::{Heart, Port};
use crate::clock;
use crate::log::Level;
use crate::start::chain;

/// A running timer that resets the machine.
pub(crate) trait Timer: Send {
    /// See [`Watchdog::name`].
    fn name(&self) -> String;
    /// See [`Watchdog::timeout`].
    fn timeout(&self) -> Option<Duration>;
    /// See [`Watchdog::remarks`].
    fn remarks(&self) -> Vec<String>;
    /// See [`Watchdog::ask`].
    fn ask(&mut self, deadtime: Duration) -> Vec<String>;
    /// See [`Watchdog::kick`].
    fn kick(&self) -> io::Result<()>;
    /// See [`Watchdog::disarm`].
    fn disarm(self: Box<Self>) -> io::Result<()>;
}

impl Timer for Watchdog {
    fn name(&self) -> String {
        Self::name(self)
    }

    fn timeout(&self) -> Option<Duration> {
        Self::timeout(self)
    }

    fn remarks(&self) -> Vec<String> {
        Self::remarks(self).to_vec()
    }

    fn ask(&mut self, deadtime: Duration) -> Vec<String> {
        Self::ask(self, deadtime)
    }

    fn kick(&self) -> io::Result<()> {
        Self::kick(self)
    }

    fn disarm(self: Box<Self>) -> io::Result<()> {
        Self::disarm(*self)
    }
}

/// Opens the device, which starts its timer; or says why not. Called by the thread that kicks it from then on.
pub(crate) type Open = Box<dyn FnOnce() -> Result<Box<dyn Timer>, String> + Send>;

/// For the device of the configuration, if there is one.
pub(crate) fn opener(checked: &Checked) -> Option<Open> {
    let path: PathBuf = checked.watchdog.clone()?;
    let (deadtime, keepalive) = (checked.deadtime, checked.keepalive);
    Some(Box::new(move || match Watchdog::open(&path, deadtime, keepalive) {
        Ok(watchdog) => Ok(Box::new(watchdog)),
        Err(error) => Err(chain(&error)),
    }))
}

/// What a change of the configuration means for the device.
#[derive(Debug)]
pub(crate) enum WatchdogChange {
    /// It is the same, or there is none as before.
    Stays,
    /// `ha.cf` names none any more.
    Gone,
    /// `ha.cf` names another one, or one for the first time.
    Another(Opened),
}

impl WatchdogChange {
    /// From the configuration `before` to `after`; opens a new device, which starts its timer.
    ///
    /// # Errors
    /// Why it cannot be opened; nothing has changed then.
    pub(crate) fn between(before: Option<&Path>, after: &Checked) -> Result<Self, String> {
        if before == after.watchdog.as_deref() {
            return Ok(Self::Stays);
        }
        opener(after).map_or(Ok(Self::Gone), |open| Ok(Self::Another(Opened(Some(open()?)))))
    }
}

/// A timer that runs already and that the heart does not kick yet. Dropped before the heart has taken it, it is stopped:
/// nobody would kick it.
pub(crate) struct Opened(Option<Box<dyn Timer>>);

impl Opened {
    #[cfg(test)]
    pub(super) fn new(timer: Box<dyn Timer>) -> Self {
        Self(Some(timer))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(timer) = self.0.take() {
            // There is no other way to stop it.
            let _ = timer.disarm();
        }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened")
    }
}

/// How the watchdog is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WatchdogState {
    /// `ha.cf` names none.
    NotWanted,
    /// It runs.
    Armed {
        /// Device and driver.
        name: String,
        /// From the last kick to the reset, if that is known.
        timeout: Option<Duration>,
    },
    /// It runs, and does not take what would keep it from its reset.
    Failing {
        /// Device and driver.
        name: String,
        /// From the last kick to the reset, if that is known.
        timeout: Option<Duration>,
        /// What the device says.
        reason: String,
    },
    /// It does not run, for this reason.
    Off(String),
}

impl WatchdogState {
    /// What it protects from, in at most one sentence.
    pub(crate) fn words(&self) -> Vec<String> {
        match self {
            Self::NotWanted => Vec::new(),
            Self::Armed { name, timeout } => {
                let after = after(*timeout);
                vec![format!(
                    "watchdog {name} is armed: it resets this machine {after} after the heart's last beat"
                )]
            }
            Self::Failing { name, timeout, reason } => {
                let after = after(*timeout);
                vec![format!(
                    "watchdog {name} cannot be kicked ({reason}): it resets this machine {after} after the last kick, unless one succeeds"
                )]
            }
            Self::Off(reason) => {
                vec![format!("no watchdog ({reason}): nothing resets this machine when its heart hangs")]
            }
        }
    }
}

/// The heart's side of it.
pub(super) struct Keeping {
    open: Option<Open>,
    timer: Option<Box<dyn Timer>>,
    state: WatchdogState,
    /// A heartbeat was sent in this turn.
    has_beaten: bool,
    pub(super) kicked: Option<Tick>,
}

impl Keeping {
    pub(super) fn new(open: Option<Open>) -> Self {
        let state = match open {
            Some(_) => WatchdogState::Off("not opened yet".to_owned()),
            None => WatchdogState::NotWanted,
        };
        Self { open, timer: None, state, has_beaten: false, kicked: None }
    }

    pub(super) fn state(&self) -> WatchdogState {
        self.state.clone()
    }

    /// A heartbeat was sent.
    pub(super) fn beat(&mut self) {
        self.has_beaten = true;
    }

    /// Whether the work since the last kick deserves another.
    fn deserves(&mut self, now: Tick) -> bool {
        let is_early = self.kicked.is_some_and(|kicked| now.since(kicked) < LEAST_PAUSE);
        std::mem::take(&mut self.has_beaten) && !is_early
    }
}

impl<P: Port> Heart<P> {
    /// Starts the timer, before the first beat. Without it the node runs all the same, as 3.0.6 does.
    pub(super) fn open_watchdog(&mut self) {
        let Some(open) = self.keeping.open.take() else { return };
        match open() {
            Ok(timer) => self.adopt_watchdog(timer),
            Err(reason) => {
                self.voice.say(Level::Error, &format!("Cannot open watchdog device: {reason}"));
                self.keeping.state = WatchdogState::Off(reason);
            }
        }
    }

    /// Kicks this one from now on; it was kicked when it was opened.
    fn adopt_watchdog(&mut self, timer: Box<dyn Timer>) {
        let (name, timeout) = (timer.name(), timer.timeout());
        let text = format!(
            "Watchdog {name} is armed: it resets this machine {} after the heart's last beat.",
            after(timeout)
        );
        self.voice.say(Level::Info, &text);
        for remark in timer.remarks() {
            self.voice.say(Level::Warn, &format!("Watchdog {name}: {remark}"));
        }
        self.keeping.state = WatchdogState::Armed { name, timeout };
        self.keeping.kicked = Some(clock::tick());
        self.keeping.timer = Some(timer);
    }

    /// Another device, or none. The new one runs before the old one is stopped, so that the machine is never without.
    pub(super) fn change_watchdog(&mut self, change: WatchdogChange) {
        let (another, why) = match change {
            WatchdogChange::Stays => return,
            WatchdogChange::Gone => (None, "ha.cf names none any more"),
            WatchdogChange::Another(mut opened) => (opened.0.take(), "ha.cf names another one"),
        };
        let old = self.keeping.timer.take();
        self.keeping.state = WatchdogState::NotWanted;
        if let Some(timer) = another {
            self.adopt_watchdog(timer);
            // It counts from the next kick, which shall come with the next beat.
            self.keeping.kicked = None;
        }
        if let Some(old) = old {
            self.disarm_watchdog(old, why);
        }
    }

    fn disarm_watchdog(&mut self, timer: Box<dyn Timer>, why: &str) {
        let (name, after) = (timer.name(), after(timer.timeout()));
        match timer.disarm() {
            Ok(()) => self.voice.say(Level::Info, &format!("Watchdog {name} is disarmed: {why}.")),
            Err(error) => {
                let text =
                    format!("Watchdog {name} cannot be disarmed, the machine resets in {after}: {error}");
                self.voice.say(Level::Error, &text);
            }
        }
    }

    /// At the end of a turn.
    pub(super) fn kick_watchdog(&mut self) {
        let now = clock::tick();
        if !self.keeping.deserves(now) {
            return;
        }
        let Some(timer) = &self.keeping.timer else { return };
        let (name, timeout) = (timer.name(), timer.timeout());
        let was_failing = matches!(self.keeping.state, WatchdogState::Failing { .. });
        match timer.kick() {
            Ok(()) => {
                self.keeping.kicked = Some(now);
                if was_failing {
                    self.voice.say(Level::Info, &format!("Watchdog {name} is kicked again."));
                    self.keeping.state = WatchdogState::Armed { name, timeout };
                }
            }
            Err(_) if was_failing => {}
            Err(error) => {
                // Closing it would not stop it: only the next kick can.
                let after = after(timeout);
                let text = format!(
                    "Watchdog {name} cannot be kicked: it resets this machine {after} after the last kick, unless one of the next beats succeeds: {error}"
                );
                self.voice.say(Level::Crit, &text);
                self.keeping.state = WatchdogState::Failing { name, timeout, reason: error.to_string() };
            }
        }
    }

    /// Another dead time: asks for its time-out. Returns how far apart beats may be from now on, at most `keepalive`: two
    /// of them must fit into the time-out that is in force, or the timer would reset a healthy machine.
    pub(super) fn renew_watchdog(&mut self, keepalive: Duration, deadtime: Duration) -> Duration {
        let Some(timer) = &mut self.keeping.timer else { return keepalive };
        let before = timer.timeout();
        let remarks = timer.ask(deadtime);
        let (name, now) = (timer.name(), timer.timeout());
        for remark in remarks {
            self.voice.say(Level::Warn, &format!("Watchdog {name}: {remark}"));
        }
        if now != before {
            let text = format!(
                "Watchdog {name} resets this machine {} after the heart's last beat from now on.",
                after(now)
            );
            self.voice.say(Level::Info, &text);
            if let WatchdogState::Armed { timeout, .. } | WatchdogState::Failing { timeout, .. } =
                &mut self.keeping.state
            {
                *timeout = now;
            }
            // It counts from the next kick, which comes with the status that tells others the dead time.
            self.keeping.kicked = None;
        }
        let Some(longest) =
            now.map(|timeout| (timeout / 2).max(LEAST_PAUSE)).filter(|longest| *longest < keepalive)
        else {
            return keepalive;
        };
        let text = format!(
            "Watchdog {name} has a time-out of {} and keepalive is {} ms: the heart beats every {} ms, so that it does not reset a healthy machine; a restart goes without it",
            after(now),
            keepalive.as_millis(),
            longest.as_millis()
        );
        self.voice.say(Level::Error, &text);
        longest
    }

    /// After the last turn of a run that ended in order: stops the timer, unless something of this node may still run.
    pub(super) fn retire_watchdog(&mut self) {
        let Some(timer) = self.keeping.timer.take() else { return };
        let (name, after) = (timer.name(), after(timer.timeout()));
        let groups = self.engine.snapshot(clock::now()).groups;
        let unreleased: Vec<String> = groups
            .into_iter()
            .filter(|group| group.state != GroupState::Down)
            .map(|group| group.key)
            .collect();
        if !unreleased.is_empty() {
            let what = unreleased.join(", ");
            let text = format!(
                "Watchdog {name} stays armed, for {what} is not released: the machine resets in {after}"
            );
            self.voice.say(Level::Crit, &text);
            self.keeping.state = WatchdogState::Off("the node stops".to_owned());
            return;
        }
        self.disarm_watchdog(timer, "everything is released");
        self.keeping.state = WatchdogState::Off("the node stops".to_owned());
    }
}

/// "11 s", as far as it is known.
fn after(timeout: Option<Duration>) -> String {
    timeout.map_or_else(|| "an unknown time".to_owned(), |time| format!("{} s", time.as_secs()))
}

/// Between two kicks: some devices take milliseconds for one, and a time-out is never below a second.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_what_it_does() {
        assert!(WatchdogState::NotWanted.words().is_empty());
        let armed = WatchdogState::Armed {
            name: "/dev/watchdog (i6300ESB timer)".to_owned(),
            timeout: Some(Duration::from_secs(11)),
        };
        let line = "watchdog /dev/watchdog (i6300ESB timer) is armed: it resets this machine 11 s after the heart's last beat";
        assert_eq!(armed.words(), [line]);
        let failing = WatchdogState::Failing {
            name: "/dev/watchdog (i6300ESB timer)".to_owned(),
            timeout: Some(Duration::from_secs(11)),
            reason: "I/O error".to_owned(),
        };
        let line = "watchdog /dev/watchdog (i6300ESB timer) cannot be kicked (I/O error): it resets this machine 11 s after the last kick, unless one succeeds";
        assert_eq!(failing.words(), [line]);
        let off = WatchdogState::Off("it is missing".to_owned()).words();
        assert_eq!(off, ["no watchdog (it is missing): nothing resets this machine when its heart hangs"]);
    }
}
