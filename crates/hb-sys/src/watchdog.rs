//! What a watchdog device is asked beside being written to (the kernel's `watchdog-api`).
//!
//! Opening, kicking and closing it are ordinary file operations and the caller's.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, Opcode, Updater, ioctl, opcode};

/// Asks for this time-out in whole seconds; the answer is the one that is in force, which a driver may have rounded.
///
/// # Errors
/// `EINVAL` when the driver cannot have that time, `ENOTTY` and others when it has none that can be set.
pub fn set_timeout(device: impl AsFd, seconds: c_int) -> io::Result<c_int> {
    let mut seconds = seconds;
    // SAFETY: the kernel reads and writes one int for this request, which is what the updater points to.
    unsafe { ioctl(device, Updater::<SET_TIMEOUT, c_int>::new(&mut seconds)) }?;
    Ok(seconds)
}

/// The time-out that is in force, in seconds.
///
/// # Errors
/// `ENOTTY`, `EOPNOTSUPP` and others when the driver does not tell.
pub fn timeout(device: impl AsFd) -> io::Result<c_int> {
    // SAFETY: the kernel writes one int for this request.
    Ok(unsafe { ioctl(device, Getter::<GET_TIMEOUT, c_int>::new()) }?)
}

/// What a driver is and can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Support {
    /// What it calls itself.
    pub identity: String,
    /// Only a close after the byte `V` stops its timer. Without that every close does, the kernel's at a process's death too.
    pub has_magic_close: bool,
}

/// Asks the driver what it can do.
///
/// # Errors
/// `ENOTTY` and others when the device is no watchdog.
pub fn support(device: impl AsFd) -> io::Result<Support> {
    // SAFETY: the kernel writes one `watchdog_info` for this request, whose layout `Info` has; every byte pattern is one.
    let info = unsafe { ioctl(device, Getter::<GET_SUPPORT, Info>::new()) }?;
    let name = info.identity.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(Support {
        identity: String::from_utf8_lossy(name).trim().to_owned(),
        has_magic_close: info.options & MAGIC_CLOSE != 0,
    })
}

/// `struct watchdog_info` of the kernel.
#[repr(C)]
struct Info {
    options: u32,
    firmware_version: u32,
    identity: [u8; 32],
}

const GROUP: u8 = b'W';
const GET_SUPPORT: Opcode = opcode::read::<Info>(GROUP, 0);
const SET_TIMEOUT: Opcode = opcode::read_write::<c_int>(GROUP, 6);
const GET_TIMEOUT: Opcode = opcode::read::<c_int>(GROUP, 7);
/// `WDIOF_MAGICCLOSE`.
const MAGIC_CLOSE: u32 = 0x100;

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// As the kernel's headers define them.
    #[test]
    fn requests_have_their_numbers() {
        assert_eq!(u64::from(SET_TIMEOUT), 0xC004_5706);
        assert_eq!(u64::from(GET_TIMEOUT), 0x8004_5707);
        assert_eq!(u64::from(GET_SUPPORT), 0x8028_5700);
    }

    #[test]
    fn what_is_no_watchdog_says_so() {
        let device = File::options().write(true).open("/dev/null").unwrap();
        assert!(set_timeout(&device, 10).is_err());
        assert!(timeout(&device).is_err());
        assert!(support(&device).is_err());
    }
}
