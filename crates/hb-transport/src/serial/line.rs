//! A serial device: opened and claimed by the library for that, locked, and set as 3.0.6 sets it, bit for bit, or so that
//! every byte passes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use hb_sys::descriptor;
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, QueueSelector, SpecialCodeIndex,
    Termios, tcflush, tcgetattr, tcsendbreak, tcsetattr,
};
use serialport::{FlowControl, TTYPort};

use super::BAUD_RATES;
use super::lock::Lock;
use crate::error::OpenError;

/// An open line; other programs that keep to lock files leave it alone while it lives.
#[derive(Debug)]
pub(super) struct Line {
    tty: OwnedFd,
    /// Whether what was written and not sent is dropped at the end.
    forgets: bool,
    _lock: Lock,
}

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Modes {
    /// ASCII, as 3.0.6 sets it. A break is sent at the end of opening, which takes up to half a second.
    Text,
    /// Every byte, unchanged.
    Binary,
}

impl Line {
    /// Opens a device.
    pub(super) fn open(path: &Path, baud: u32, modes: Modes) -> Result<Self, OpenError> {
        let (line, _port) = Self::claim(path, baud, modes)?;
        if modes == Modes::Text {
            tcsendbreak(&line.tty).map_err(|source| failed("set up", path, source.into()))?;
        }
        Ok(line)
    }

    /// As [`Line::open`], without the break, and what an earlier owner has written is dropped: it never waits for the line.
    /// The second is the same device, for what only the library asks of it.
    pub(super) fn claim(path: &Path, baud: u32, modes: Modes) -> Result<(Self, TTYPort), OpenError> {
        let failed = |action, source| failed(action, path, source);
        let lock = Lock::take(path).map_err(|source| failed("lock", source))?;
        let port = serialport::new(path.to_string_lossy(), baud)
            .flow_control(FlowControl::Hardware)
            .open_native()
            .map_err(|source| failed("open", source.into()))?;
        let copy = port.try_clone_native().map_err(|source| failed("open", source.into()))?;
        let tty = descriptor::into_owned(port);
        // The library waits with time limits of its own; here the loop of the line's thread does.
        fcntl_setfl(&tty, OFlags::NONBLOCK).map_err(|source| failed("set up", source.into()))?;
        set(tty.as_fd(), baud, modes).map_err(|source| failed("set up", source))?;
        Ok((Self { tty, forgets: true, _lock: lock }, copy))
    }

    /// Closes the device without dropping anything.
    pub(super) fn leave(mut self) {
        self.forgets = false;
    }

    /// Drops what waits in the kernel to be written.
    pub(super) fn forget_output(&self) {
        // It fails only for a device that is gone, and then nothing waits.
        let _ = tcflush(&self.tty, QueueSelector::OFlush);
    }
}

impl Drop for Line {
    /// To close a device waits until everything was sent, for half a minute if nobody takes it.
    fn drop(&mut self) {
        if self.forgets {
            self.forget_output();
        }
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tty.as_fd()
    }
}

fn failed(action: &str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Other { action: format!("{action} {}", path.display()), source }
}

/// `wire.md` 8.7, but for the break. `ISTRIP` is part of it: text outside ASCII does not pass.
fn set(tty: BorrowedFd<'_>, baud: u32, modes: Modes) -> io::Result<()> {
    let mut termios = tcgetattr(tty)?;
    match modes {
        Modes::Text => text_modes(&mut termios),
        Modes::Binary => {
            termios.make_raw();
            // A break would come in as a byte.
            termios.input_modes |= InputModes::IGNBRK;
        }
    }
    termios.control_modes -= ControlModes::CSIZE | ControlModes::PARENB;
    termios.control_modes |=
        ControlModes::CS8 | ControlModes::CREAD | ControlModes::CLOCAL | ControlModes::CRTSCTS;
    termios.line_discipline = 0;
    termios.special_codes[SpecialCodeIndex::VMIN] = 1;
    termios.special_codes[SpecialCodeIndex::VTIME] = 1;
    termios.set_output_speed(baud)?;
    // The same.
    termios.set_input_speed(0)?;
    // Not before all is sent that an earlier owner has written: nobody might take it. It is dropped below.
    tcsetattr(tty, OptionalActions::Now, &termios)?;
    // The kernel takes the nearest speed that the hardware has. What 3.0.6 would use is used as it does.
    let real = tcgetattr(tty)?.output_speed();
    if !BAUD_RATES.contains(&baud) && real.abs_diff(baud) > baud / MOST_OFF {
        let text = format!("the device has no speed of {baud} baud, the nearest is {real}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(tcflush(tty, QueueSelector::IOFlush)?)
}

/// Two ends understand each other if their speeds differ by less than this part.
const MOST_OFF: u32 = 40;

fn text_modes(termios: &mut Termios) {
    termios.input_modes -= InputModes::IGNBRK
        | InputModes::IUCLC
        | InputModes::IXANY
        | InputModes::IXOFF
        | InputModes::IXON
        | InputModes::ICRNL
        | InputModes::PARMRK;
    termios.input_modes |= InputModes::INPCK | InputModes::ISTRIP | InputModes::IGNCR | InputModes::BRKINT;
    termios.output_modes -= OutputModes::OPOST;
    termios.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
}

#[cfg(test)]
mod tests {
    use rustix::fs::{Mode, open};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    #[test]
    fn modes_are_those_of_3_0_6() {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        set(slave.as_fd(), 19200, Modes::Text).unwrap();
        let termios = tcgetattr(&slave).unwrap();
        assert_eq!(termios.input_modes.bits(), 0xb2);
        assert_eq!(termios.control_modes.bits(), 0x8000_08be, "{:x}", termios.control_modes.bits());
        assert_eq!(termios.output_speed(), 19200);
        for baud in [921_600, 1_500_000, 4_000_000] {
            set(slave.as_fd(), baud, Modes::Text).unwrap();
            assert_eq!(tcgetattr(&slave).unwrap().output_speed(), baud);
        }
        assert!(!termios.output_modes.contains(OutputModes::OPOST));
        assert!(!termios.local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG));
    }
}
