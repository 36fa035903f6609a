//! The destination syslog: datagrams to `/dev/log` (`config.md` 10.2).
//!
//! Never waits: a syslog daemon that does not read costs lines. One that is restarted is found again.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A connection to the syslog daemon.
pub(super) struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    tried: Option<Instant>,
}

impl Syslog {
    /// Whoever listens at `path`, now or later.
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), socket: None, tried: None }
    }

    /// Sends one datagram.
    pub(super) fn write(&mut self, datagram: &[u8]) -> io::Result<()> {
        if let Some(socket) = &self.socket {
            match socket.send(datagram) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                // The daemon behind the socket is gone; a new one may be there.
                Err(_) => self.socket = None,
            }
        }
        if self.tried.is_some_and(|tried| tried.elapsed() < TRY_AGAIN) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        self.tried = Some(Instant::now());
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(&self.path)?;
        socket.send(datagram)?;
        self.tried = None;
        self.socket = Some(socket);
        Ok(())
    }
}

/// Pause after a failed connection.
const TRY_AGAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restarted_daemon_is_found_again() {
        let path = std::env::temp_dir().join(format!("hb-syslog-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut syslog = Syslog::at(&path);
        assert!(syslog.write(b"lost").is_err());
        syslog.tried = None;
        let mut buffer = [0; 64];
        for text in [b"one", b"two"] {
            let daemon = UnixDatagram::bind(&path).unwrap();
            syslog.write(text).unwrap();
            let count = daemon.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..count], text);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_daemon_that_does_not_read_costs_lines_not_time() {
        let path = std::env::temp_dir().join(format!("hb-syslog-full-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::at(&path);
        let mut sent = 0;
        while syslog.write(b"line").is_ok() {
            sent += 1;
            assert!(sent < 100_000);
        }
        drop(daemon);
        std::fs::remove_file(&path).unwrap();
    }
}
