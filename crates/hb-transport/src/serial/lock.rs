//! The lock file of a serial device, as programs for modems use them: `/var/lock/LCK..ttyS0` with the id of a process.
//!
//! A lock of a process that is gone counts for nothing.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hb_sys::process::Pidfd;
use rustix::io::Errno;

/// A lock that is held; dropping it gives it up.
#[derive(Debug)]
pub(super) struct Lock {
    path: Option<PathBuf>,
}

impl Lock {
    /// Takes the lock of a device. Without a directory for locks there is none, and nobody to lock out.
    pub(super) fn take(device: &Path) -> io::Result<Self> {
        Self::take_in(Path::new(DIRECTORY), device)
    }

    fn take_in(directory: &Path, device: &Path) -> io::Result<Self> {
        let Some(name) = device.file_name().filter(|_| directory.is_dir()) else {
            return Ok(Self { path: None });
        };
        let path = directory.join(format!("LCK..{}", name.to_string_lossy()));
        for _ in 0..ATTEMPTS {
            match OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path) {
                Ok(mut file) => {
                    // Ten columns and a line end: what all of them read.
                    writeln!(file, "{:>10}", std::process::id())?;
                    return Ok(Self { path: Some(path) });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match owner(&path) {
                    Some(pid) if pid != std::process::id() && lives(pid) => {
                        let text = format!("process {pid} uses it ({})", path.display());
                        return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
                    }
                    Some(_) | None => {
                        // Another one may have removed it in the meantime.
                        let _ = fs::remove_file(&path);
                    }
                },
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, format!("cannot get {}", path.display())))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Somebody may have removed it; then it is not ours any more.
            let _ = fs::remove_file(path);
        }
    }
}

fn owner(path: &Path) -> Option<u32> {
    let text = fs::read_to_string(path).ok()?;
    text.split_whitespace().next()?.parse().ok().filter(|pid| *pid > 0)
}

/// One that has ended and that nobody has waited for yet does not.
fn lives(pid: u32) -> bool {
    match Pidfd::open(pid) {
        Ok(process) => !process.has_ended().unwrap_or(false),
        // Whatever else is wrong, there may be one.
        Err(error) => error.raw_os_error() != Some(Errno::SRCH.raw_os_error()),
    }
}

const DIRECTORY: &str = "/var/lock";
/// Others may take and leave it at the same time.
const ATTEMPTS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_a_living_process_counts_and_one_of_a_dead_one_does_not() {
        let directory = std::env::temp_dir().join(format!("hb-lock-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let file = directory.join("LCK..ttyS7");
        let device = Path::new("/dev/ttyS7");
        let lock = Lock::take_in(&directory, device).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{:>10}\n", std::process::id()));
        drop(lock);
        assert!(!file.exists());
        fs::write(&file, "         1\n").unwrap();
        assert_eq!(Lock::take_in(&directory, device).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        for stale in ["2147483646\n", "", "nonsense", "-5\n"] {
            fs::write(&file, stale).unwrap();
            drop(Lock::take_in(&directory, device).unwrap());
        }
        // Until somebody waits for it a process that has ended keeps its number.
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        let process = Pidfd::open(ended.id()).unwrap();
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !process.has_ended().unwrap() && std::time::Instant::now() < limit {
            std::thread::yield_now();
        }
        fs::write(&file, format!("{:>10}\n", ended.id())).unwrap();
        drop(Lock::take_in(&directory, device).unwrap());
        ended.wait().unwrap();
        fs::remove_dir_all(&directory).unwrap();
        assert!(Lock::take_in(&directory, device).unwrap().path.is_none());
    }
}
