//! Descriptors that a library hands out as plain numbers become owned ones.

use std::os::fd::{FromRawFd as _, IntoRawFd, OwnedFd};

/// Takes over the descriptor of something that can only give it up as a number.
pub fn into_owned(source: impl IntoRawFd) -> OwnedFd {
    // SAFETY: `into_raw_fd` hands over an open descriptor together with the duty to close it, and gives it to nobody
    // else.
    unsafe { OwnedFd::from_raw_fd(source.into_raw_fd()) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_descriptor_goes_on_and_is_closed_once() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let owned = into_owned(ours);
        UnixStream::from(owned).write_all(b"x").unwrap();
        let mut read = Vec::new();
        theirs.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"x");
    }
}
