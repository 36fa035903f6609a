//! One message over a line whose owner has died: said by another process, once, within a limit.
//!
//! The owner may have died in the middle of a message. What it had begun must not spoil this one, so that is ended first.
//! What the message says, and whether it is true, is for others to judge.

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::line::{Line, Modes};
use crate::error::OpenError;
use crate::spec::MediumSpec;

/// Says `text`, a classic message, over the line of this medium, which another process has used up to now. Returns when it
/// has left for the line, or after `limit`, unless the kernel itself hangs on the device.
///
/// Over `serial` an end marker goes before it: a receiver that collects a torn message, of ours or 3.0.6, then drops that
/// and not this one (`wire.md` 2.5). Over `ppp-udp` it is a frame that every peer takes that has agreed on a link with
/// the dead process.
///
/// # Errors
/// [`OpenError::Other`] when the device cannot be opened or is used by somebody who lives, when it takes nothing for so long, or
/// if the medium is no line.
pub fn say_last_word(spec: &MediumSpec, text: &[u8], limit: Duration) -> Result<(), OpenError> {
    let until = Instant::now() + limit;
    let (path, baud, modes, bytes) = match spec {
        MediumSpec::Serial { path, baud } => (path, *baud, Modes::Text, Some([END_OF_TORN, text].concat())),
        MediumSpec::PppUdp { path, baud, local, port } => {
            let datagram = [text, &[0]].concat();
            (path, *baud, Modes::Binary, hb_ppp::lone_frame(*local, *port, &datagram))
        }
        MediumSpec::Bcast { .. }
        | MediumSpec::Mcast { .. }
        | MediumSpec::Mcast6 { .. }
        | MediumSpec::Ucast { .. }
        | MediumSpec::Ucast6 { .. } => return Err(failed(Path::new(""), io::ErrorKind::Unsupported.into())),
    };
    let bytes = bytes.ok_or_else(|| failed(path, io::ErrorKind::InvalidInput.into()))?;
    let (line, port) = loop {
        match Line::claim(path, baud, modes) {
            Ok(opened) => break opened,
            Err(OpenError::Other { action, source }) => {
                // The kernel may still be busy to end the process that had it; the library says of such a device that there is none.
                if !path.exists() || pause(until).is_err() {
                    return Err(OpenError::Other { action, source });
                }
            }
            Err(error) => return Err(error),
        }
    };
    let is_sent = || Ok(serialport::SerialPort::bytes_to_write(&port)? == 0);
    write(&line, &bytes, is_sent, until).map_err(|source| failed(path, source))?;
    // The lock goes last.
    drop(port);
    line.leave();
    Ok(())
}

fn write(
    line: &Line,
    mut bytes: &[u8],
    is_sent: impl Fn() -> io::Result<bool>,
    until: Instant,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(line, bytes) {
            Ok(length) if length > 0 => bytes = bytes.get(length..).unwrap_or_default(),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => pause(until)?,
            Err(error) => return Err(error.into()),
        }
    }
    while !is_sent()? {
        pause(until)?;
    }
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> OpenError {
    OpenError::Other { action: format!("use {}", path.display()), source }
}

/// Waits a moment.
fn pause(until: Instant) -> io::Result<()> {
    if Instant::now() >= until {
        return Err(io::ErrorKind::TimedOut.into());
    }
    thread::sleep(PAUSE);
    Ok(())
}

/// Ends the line and the message in the middle of which the owner died. Outside of a message both are skipped.
const END_OF_TORN: &[u8] = b"\n<<<\n";
/// Before a line that is not ready is tried again.
const PAUSE: Duration = Duration::from_millis(5);
