//! A serial line whose other end is in the test: a pseudo-terminal.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use hb_transport::{Happening, Keeper, Medium, MediumSpec, Notice, RECEIVE_BUFFER, say_last_word};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A device name of the test's own, behind which devices can be exchanged.
#[cfg(test)]
struct Socket {
    path: PathBuf,
}

#[cfg(test)]
impl Socket {
    fn new(name: &str) -> Self {
        Self { path: std::env::temp_dir().join(format!("hb-serial-{}-{name}", std::process::id())) }
    }

    /// The other end of a new device.
    fn plug(&self) -> OwnedFd {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let _before = fs::remove_file(&self.path);
        symlink(name, &self.path).unwrap();
        master
    }

    fn spec(&self) -> MediumSpec {
        MediumSpec::Serial { path: self.path.clone(), baud: 460_800 }
    }
}

#[cfg(test)]
impl Drop for Socket {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
fn receive(medium: &Medium) -> Vec<u8> {
    let mut fds = [PollFd::new(medium, PollFlags::IN)];
    assert_eq!(poll(&mut fds, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })).unwrap(), 1, "nothing came");
    let mut buffer = vec![0; RECEIVE_BUFFER];
    let length = medium.try_recv(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

/// What comes out of the line until it has this length.
#[cfg(test)]
fn read(master: &OwnedFd, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut have = 0;
    while have < length {
        have += rustix::io::read(master, &mut bytes[have..]).unwrap();
    }
    bytes
}

#[test]
fn messages_pass_and_garbage_does_not() {
    let socket = Socket::new("pass");
    let master = socket.plug();
    let medium = Medium::open(&socket.spec()).unwrap();
    assert_eq!((medium.kind(), medium.name()), ("serial", socket.path.to_str().unwrap()));
    assert!(medium.spec().carries_text());
    rustix::io::write(&master, b"noise\n>>>\nt=status\r\nsrc=a\n<<<\n>>>\nt=cut off\n>>>\nt=b\n<<<\n")
        .unwrap();
    assert_eq!(receive(&medium), b">>>\nt=status\nsrc=a\n<<<\n");
    assert_eq!(receive(&medium), b">>>\nt=b\n<<<\n");
    assert_eq!(medium.try_recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
    for number in 0..20 {
        let message = format!(">>>\nt=status\nseq={number}\n<<<\n");
        medium.try_send(message.as_bytes()).unwrap();
        assert_eq!(read(&master, message.len()), message.as_bytes());
    }
}

#[test]
fn a_line_that_takes_nothing_costs_the_owner_nothing_and_keeps_the_newest_status() {
    let socket = Socket::new("stuck");
    let master = socket.plug();
    let medium = Medium::open(&socket.spec()).unwrap();
    let begun = Instant::now();
    let mut sent = 0;
    // Far more than the terminal and the queue hold; the thread may need a moment to take it.
    while sent < 4000 {
        let message = format!(">>>\nt=status\nseq={sent:>100}\n<<<\n");
        match medium.try_send(message.as_bytes()) {
            Ok(()) => sent += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let newest = format!("seq={:>100}\n<<<\n", 3999);
    let mut seen = String::new();
    while !seen.ends_with(&newest) {
        let mut bytes = [0; 4096];
        let length = rustix::io::read(&master, &mut bytes).unwrap();
        seen += std::str::from_utf8(&bytes[..length]).unwrap();
    }
    assert!(seen.matches("<<<\n").count() < 4000);
}

#[test]
fn a_message_of_more_than_a_second_goes_behind_a_status_and_one_of_too_many_is_told() {
    let socket = Socket::new("long");
    let master = socket.plug();
    let (sender, notices) = mpsc::channel::<Notice>();
    let report = Arc::new(move |notice| sender.send(notice).unwrap());
    let keeper = Keeper::start(report, hb_sys::sched::Crew::default()).unwrap();
    keeper.set_patience(Duration::from_millis(1200));
    // 46 080 bytes a second.
    let (medium, error) = keeper.open(&socket.spec()).unwrap();
    assert!(error.is_none(), "{error:?}");
    let message = |length| format!(">>>\nt=news\ntext={}\n<<<\n", "x".repeat(length));
    let (long, too_long) = (message(50_000), message(60_000));
    medium.try_send(too_long.as_bytes()).unwrap();
    let notice = notices.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(matches!(notice.what, Happening::TooLong { limit: 55_296, lost: 1, .. }), "{notice}");
    medium.try_send(long.as_bytes()).unwrap();
    for number in 1..=2 {
        let status = format!(">>>\nt=status\nsrc=a\nseq={number}\n<<<\n");
        medium.try_send(status.as_bytes()).unwrap();
        assert_eq!(read(&master, status.len()), status.as_bytes());
        if number == 1 {
            assert_eq!(read(&master, long.len()), long.as_bytes());
        }
    }

    // As after a reload with a longer dead time.
    keeper.set_patience(Duration::from_millis(1500));
    medium.try_send(too_long.as_bytes()).unwrap();
    let status = b">>>\nt=status\nsrc=a\nseq=3\n<<<\n";
    medium.try_send(status).unwrap();
    assert_eq!(read(&master, status.len()), status);
    assert_eq!(read(&master, too_long.len()), too_long.as_bytes());
}

#[test]
fn a_device_that_was_pulled_out_is_used_again_when_it_is_back() {
    let socket = Socket::new("pulled");
    let (sender, notices) = mpsc::channel::<Notice>();
    let report = Arc::new(move |notice| sender.send(notice).unwrap());
    let keeper = Keeper::start(report, hb_sys::sched::Crew::default()).unwrap();
    let (medium, error) = keeper.open(&socket.spec()).unwrap();
    assert!(error.is_some());
    medium.try_send(b">>>\nt=status\nlost\n<<<\n").unwrap();
    let limit = Duration::from_secs(10);
    for _ in 0..2 {
        let master = socket.plug();
        let notice = notices.recv_timeout(limit).unwrap();
        assert!(matches!(notice.what, Happening::Back), "{notice}");
        medium.try_send(b">>>\n<<<\n").unwrap();
        assert_eq!(read(&master, 8), b">>>\n<<<\n");
        rustix::io::write(&master, b">>>\nt=a\n<<<\n").unwrap();
        assert_eq!(receive(&medium), b">>>\nt=a\n<<<\n");
        // Before anybody else gets a terminal of the same number.
        fs::remove_file(&socket.path).unwrap();
        drop(master);
        let notice = notices.recv_timeout(limit).unwrap();
        assert!(matches!(notice.what, Happening::Lost(_)), "{notice}");
    }
    assert!(notices.try_recv().is_err());
}

#[test]
fn what_is_no_terminal_is_refused() {
    for path in ["/dev/null", "/nowhere"] {
        let error = Medium::open(&MediumSpec::Serial { path: path.into(), baud: 19200 }).unwrap_err();
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[test]
fn a_last_word_ends_what_was_torn_and_what_nobody_reads_costs_no_more_than_the_limit() {
    let socket = Socket::new("last");
    let master = socket.plug();
    let text = b">>>\nt=shutdone\n<<<\n";
    let said = [b"\n<<<\n", &text[..]].concat();
    let limit = Duration::from_secs(10);
    for _ in 0..2 {
        say_last_word(&socket.spec(), text, limit).unwrap();
        assert_eq!(read(&master, said.len()), said, "with the device closed behind it");
    }
    // A receiver of ours that has read the beginning of a message finds this one.
    let mut stream = hb_wire::classic::stream::Stream::new();
    let heard = [b">>>\nt=status\nsr", said.as_slice()].concat();
    let mut heard = heard.as_slice();
    while let Some(message) = stream.next_message(&mut heard) {
        if message == text {
            return stuck_and_taken(&socket, &master);
        }
    }
    panic!("it was lost");
}

#[cfg(test)]
fn stuck_and_taken(socket: &Socket, master: &OwnedFd) {
    let limit = Duration::from_millis(50);
    let begun = Instant::now();
    let error = say_last_word(&socket.spec(), &vec![b'x'; 1 << 20], limit).unwrap_err();
    assert!(error.to_string().contains(socket.path.to_str().unwrap()), "{error}");
    // The owner lives.
    let medium = Medium::open(&socket.spec()).unwrap();
    say_last_word(&socket.spec(), b">>>\n<<<\n", limit).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    medium.try_send(b">>>\nt=a\n<<<\n").unwrap();
    // Behind what the terminal had taken already; `read` has no end if it does not come.
    while read(master, 1) != b">" {}
    assert_eq!(read(master, 11), b">>\nt=a\n<<<\n");
}

#[test]
fn over_what_is_no_line_there_is_no_last_word() {
    for spec in [
        MediumSpec::Serial { path: "/nowhere".into(), baud: 19200 },
        MediumSpec::Serial { path: "/dev/null".into(), baud: 19200 },
        MediumSpec::Bcast { interface: "lo".into(), port: 694 },
    ] {
        say_last_word(&spec, b">>>\n<<<\n", Duration::ZERO).unwrap_err();
    }
}
