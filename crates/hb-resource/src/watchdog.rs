//! The watchdog device: a timer in hardware or in the kernel that resets the machine unless it is kicked in time.
//!
//! Opened means running. When it is kicked and when it is stopped is decided by whoever holds it; a process that dies
//! leaves it running (`failover.md` 8.1).

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hb_sys::watchdog::{Support, set_timeout, support, timeout};

/// A running timer. Dropping it does not stop it: only [`Watchdog::disarm`] does.
#[derive(Debug)]
pub struct Watchdog {
    device: File,
    path: PathBuf,
    /// What the driver was last asked for.
    wanted: Duration,
    timeout: Option<Duration>,
    remarks: Vec<String>,
    identity: String,
}

/// Why there is no running timer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchdogError {
    /// Another program has it; a device has one keeper.
    #[error(
        "{} is in use: systemd (RuntimeWatchdogSec), sbd or another program keeps it; each device has one keeper",
        path.display()
    )]
    Busy {
        /// The device.
        path: PathBuf,
    },
    /// There is nothing at that path.
    #[error("{} does not exist: no driver is loaded (the one for a machine without such hardware is softdog)", path.display())]
    Missing {
        /// The device.
        path: PathBuf,
    },
    /// Kicking would write into a file.
    #[error("{} is not a character device", path.display())]
    NotADevice {
        /// What was given.
        path: PathBuf,
    },
    /// The driver cannot have a time-out that two heartbeats fit into: a healthy machine might be reset. It is stopped.
    #[error(
        "{} can have no time-out of more than {} s, and two times keepalive is {} ms: it is stopped again",
        path.display(), timeout.as_secs(), keepalive.as_millis().saturating_mul(2)
    )]
    TooShort {
        /// The device.
        path: PathBuf,
        /// What the driver has made of the time-out that it was asked for.
        timeout: Duration,
        /// From one kick to the next.
        keepalive: Duration,
    },
    /// Anything else that the operating system says.
    #[error("{}", path.display())]
    Io {
        /// The device.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
}

impl Watchdog {
    /// Opens the device, which starts its timer, asks for the time-out of [`timeout_for`] and kicks it once; it is to be
    /// kicked every `keepalive` from then on. A driver that refuses that time-out keeps its own ([`Watchdog::timeout`]).
    /// A timer that does not take its first kick runs all the same, so it is to be kicked on.
    ///
    /// # Errors
    /// [`WatchdogError`]; nothing runs then.
    pub fn open(path: &Path, deadtime: Duration, keepalive: Duration) -> Result<Self, WatchdogError> {
        let failed = |source: io::Error| {
            let path = path.to_owned();
            match source.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
                Some(rustix::io::Errno::BUSY) => WatchdogError::Busy { path },
                Some(rustix::io::Errno::NOENT | rustix::io::Errno::NODEV | rustix::io::Errno::NXIO) => {
                    WatchdogError::Missing { path }
                }
                _ => WatchdogError::Io { path, source },
            }
        };
        let facts = std::fs::metadata(path).map_err(failed)?;
        if !facts.file_type().is_char_device() {
            return Err(WatchdogError::NotADevice { path: path.to_owned() });
        }
        // Whatever stands there: opening must not wait.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let device = File::options().write(true).custom_flags(flags).open(path).map_err(failed)?;
        let mut remarks = Vec::new();
        let wanted = timeout_for(deadtime);
        let timeout = agree(&device, wanted, &mut remarks);
        let support = support(&device);
        let identity =
            support.as_ref().map_or_else(|_| "no watchdog driver".to_owned(), |it| it.identity.clone());
        remark_on_closing(support.as_ref().ok(), facts.rdev(), &mut remarks);
        let watchdog = Self { device, path: path.to_owned(), wanted, timeout, remarks, identity };
        let mut watchdog = watchdog.fitting(keepalive, is_unstoppable(facts.rdev()))?;
        match watchdog.kick() {
            Err(error) if support.is_err() => return Err(failed(error)),
            Err(error) => watchdog.remarks.push(format!("it does not take its first kick: {error}")),
            Ok(()) => {}
        }
        Ok(watchdog)
    }

    /// Stops a timer that would reset a machine which kicks it every `keepalive`, as far as it can be stopped.
    fn fitting(mut self, keepalive: Duration, is_unstoppable: bool) -> Result<Self, WatchdogError> {
        let Some(timeout) = self.timeout.filter(|timeout| *timeout < keepalive.saturating_mul(2)) else {
            return Ok(self);
        };
        if !is_unstoppable && (&self.device).write_all(MAGIC).is_ok() {
            return Err(WatchdogError::TooShort { path: self.path, timeout, keepalive });
        }
        self.remarks.push(format!(
            "its time-out of {} s is below two keepalives, and it cannot be stopped: it may reset this machine",
            timeout.as_secs()
        ));
        Ok(self)
    }

    /// Asks for the time-out of another dead time, and returns what the driver says to it, one sentence each;
    /// [`Watchdog::timeout`] is what came of it.
    pub fn ask(&mut self, deadtime: Duration) -> Vec<String> {
        let mut remarks = Vec::new();
        let wanted = timeout_for(deadtime);
        if wanted != self.wanted {
            self.timeout = agree(&self.device, wanted, &mut remarks).or(self.timeout);
            self.wanted = wanted;
        }
        remarks
    }

    /// From the last kick to the reset, if the driver says it.
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// What the driver does otherwise than one would wish, one sentence each; empty as a rule.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Device and driver, for people: `/dev/watchdog (i6300ESB timer)`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} ({})", self.path.display(), self.identity)
    }

    /// Begins the time-out anew. Does not wait.
    ///
    /// # Errors
    /// What the device says.
    pub fn kick(&self) -> io::Result<()> {
        (&self.device).write_all(&[0])
    }

    /// Stops the timer: the magic byte, then the close.
    ///
    /// # Errors
    /// What the device says; the timer runs on then.
    pub fn disarm(self) -> io::Result<()> {
        (&self.device).write_all(MAGIC)
    }
}

/// What 3.0.6 asks for: the dead time and 10 ms, in whole seconds, rounded up (`failover.md` 8.1).
#[must_use]
pub fn timeout_for(deadtime: Duration) -> Duration {
    let asked = deadtime.saturating_add(Duration::from_millis(10));
    Duration::from_secs(asked.as_secs().saturating_add(u64::from(asked.subsec_nanos() > 0)))
}

/// The time-out that comes of it.
fn agree(device: &File, wanted: Duration, remarks: &mut Vec<String>) -> Option<Duration> {
    let answer = i32::try_from(wanted.as_secs())
        .map_err(|_| io::ErrorKind::InvalidInput.into())
        .and_then(|seconds| set_timeout(device, seconds));
    let in_force = match answer {
        Ok(seconds) => Some(seconds),
        Err(error) => {
            remarks.push(format!("its time-out cannot be set to {} s: {error}", wanted.as_secs()));
            timeout(device).ok()
        }
    };
    in_force.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
}

/// Says when closing the device does not do what it should.
fn remark_on_closing(support: Option<&Support>, device: u64, remarks: &mut Vec<String>) {
    if support.is_some_and(|support| !support.has_magic_close) {
        remarks.push(
            "its driver stops the timer at any close: the death of the heart does not reset the machine"
                .to_owned(),
        );
    }
    if is_unstoppable(device) {
        remarks.push(
            "its driver never stops the timer (nowayout): the machine resets after a stop of the daemon too"
                .to_owned(),
        );
    }
}

/// Whether the kernel was told to let nobody stop the timer, as far as it says so.
fn is_unstoppable(device: u64) -> bool {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    // `/dev/watchdog` is the old name of the first one.
    let folder = if (major, minor) == OLD_NAME {
        "/sys/class/watchdog/watchdog0".to_owned()
    } else {
        format!("/sys/dev/char/{major}:{minor}")
    };
    std::fs::read_to_string(format!("{folder}/nowayout")).is_ok_and(|text| text.trim() == "1")
}

/// The close after it stops the timer.
const MAGIC: &[u8] = b"V";

/// Major and minor number of `/dev/watchdog`.
const OLD_NAME: (u32, u32) = (10, 130);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_out_is_the_dead_time_rounded_up() {
        let of = |millis| timeout_for(Duration::from_millis(millis)).as_secs();
        assert_eq!((of(10_000), of(600), of(990), of(991), of(30_000)), (11, 1, 1, 2, 31));
        assert_eq!(timeout_for(Duration::MAX).as_secs(), u64::MAX);
    }

    #[test]
    fn what_is_not_there_or_no_device_is_named() {
        let open = |path: &str| {
            Watchdog::open(Path::new(path), Duration::from_secs(1), Duration::from_millis(200)).unwrap_err()
        };
        assert!(matches!(open("/nonexistent"), WatchdogError::Missing { .. }));
        assert!(matches!(open("/etc/passwd"), WatchdogError::NotADevice { .. }));
        assert!(matches!(open("/tmp"), WatchdogError::NotADevice { .. }));
    }

    /// As 3.0.6, which runs with it (`config.md`, vector `watchdog-devnull`).
    #[test]
    fn a_device_without_a_timer_is_kicked_all_the_same() {
        let watchdog =
            Watchdog::open(Path::new("/dev/null"), Duration::from_secs(1), Duration::from_millis(200))
                .unwrap();
        assert_eq!(watchdog.timeout(), None);
        assert_eq!(watchdog.remarks().len(), 1);
        assert_eq!(watchdog.name(), "/dev/null (no watchdog driver)");
        watchdog.kick().unwrap();
        watchdog.disarm().unwrap();
    }

    #[test]
    fn a_time_out_below_two_keepalives_is_no_protection() {
        let of = |seconds, is_unstoppable| {
            let watchdog =
                Watchdog::open(Path::new("/dev/null"), Duration::from_secs(9), Duration::from_secs(4))
                    .unwrap();
            let watchdog = Watchdog { timeout: Some(Duration::from_secs(seconds)), ..watchdog };
            watchdog.fitting(Duration::from_secs(4), is_unstoppable)
        };
        let error = of(7, false).unwrap_err();
        let text = "/dev/null can have no time-out of more than 7 s, and two times keepalive is 8000 ms: it is stopped again";
        assert_eq!(error.to_string(), text);
        assert_eq!(of(8, false).unwrap().remarks().len(), 1, "only that the time-out cannot be set");
        let kept = of(7, true).unwrap();
        assert!(kept.remarks().iter().any(|remark| remark.contains("cannot be stopped")));
    }

    #[test]
    fn a_driver_is_asked_once_for_a_time_out_and_keeps_its_own_if_it_refuses() {
        let keepalive = Duration::from_millis(200);
        let watchdog = Watchdog::open(Path::new("/dev/null"), Duration::from_secs(1), keepalive).unwrap();
        let mut watchdog = Watchdog { timeout: Some(Duration::from_secs(2)), ..watchdog };
        assert!(watchdog.ask(Duration::from_secs(1)).is_empty(), "it is the same");
        let remarks = watchdog.ask(Duration::from_secs(9));
        assert!(matches!(&remarks[..], [one] if one.contains("cannot be set to 10 s")), "{remarks:?}");
        assert_eq!(watchdog.timeout(), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_device_that_takes_nothing_is_an_error() {
        let error =
            Watchdog::open(Path::new("/dev/full"), Duration::from_secs(1), Duration::from_millis(200))
                .unwrap_err();
        assert!(matches!(error, WatchdogError::Io { .. }), "{error}");
    }
}
