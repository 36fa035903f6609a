//! Tells systemd how the daemon is doing (`sd_notify(3)`): a datagram to the socket in `NOTIFY_SOCKET`.
//!
//! `WATCHDOG=1` is sent by the loop that must not stop, not by a timer of its own.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager, or nobody.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// Whoever the environment names. A socket that cannot be reached counts as nobody.
    pub(crate) fn from_environment() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET").and_then(|address| connect(&address));
        let watchdog = std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok());
        let ours = std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        Self { socket, watchdog: watchdog.filter(|_| ours).map(Duration::from_micros) }
    }

    /// How often [`Notify::send`] must be called with `WATCHDOG=1`: twice in the time that the manager waits.
    pub(crate) fn watchdog_interval(&self) -> Option<Duration> {
        self.socket.as_ref().and(self.watchdog).map(|limit| limit / 2)
    }

    /// Sends a state such as `READY=1`; never waits.
    pub(crate) fn send(&self, state: &str) {
        if let Some(socket) = &self.socket {
            // A manager that does not listen must not disturb.
            let _ = socket.send(state.as_bytes());
        }
    }

    /// A second handle for another thread.
    pub(crate) fn try_clone(&self) -> Self {
        let socket = self.socket.as_ref().and_then(|socket| socket.try_clone().ok());
        Self { socket, watchdog: self.watchdog }
    }
}

fn connect(address: &OsStr) -> Option<UnixDatagram> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        path => SocketAddr::from_pathname(OsStr::from_bytes(path)),
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect_addr(&address.ok()?).ok()?;
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_arrive_at_a_path_and_at_an_abstract_name() {
        let path = std::env::temp_dir().join(format!("hb-notify-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = Notify { socket: connect(path.as_os_str()), watchdog: None };
        notify.send("READY=1");
        let mut buffer = [0; 64];
        assert_eq!(manager.recv(&mut buffer).unwrap(), 7);
        assert_eq!(&buffer[..7], b"READY=1");
        std::fs::remove_file(&path).unwrap();

        let name = format!("hb-notify-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let notify = Notify {
            socket: connect(OsStr::new(&format!("@{name}"))),
            watchdog: Some(Duration::from_secs(4)),
        };
        notify.send("STOPPING=1");
        assert_eq!(manager.recv(&mut buffer).unwrap(), 10);
        assert_eq!(notify.watchdog_interval(), Some(Duration::from_secs(2)));
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        let notify =
            Notify { socket: connect(OsStr::new("/nonexistent")), watchdog: Some(Duration::from_secs(4)) };
        notify.send("READY=1");
        assert_eq!(notify.watchdog_interval(), None);
    }
}
