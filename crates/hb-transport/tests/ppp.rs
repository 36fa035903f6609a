//! PPP links between two media: two pseudo-terminals, and a thread between them that is the cable.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hb_transport::{Happening, Keeper, Medium, MediumSpec, Notice, RECEIVE_BUFFER};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

#[cfg(test)]
const LIMIT: Duration = Duration::from_secs(20);

/// Two device names, behind which a line can be plugged in.
#[cfg(test)]
struct Line {
    paths: [PathBuf; 2],
    pulled: Arc<AtomicBool>,
    cut: Arc<AtomicBool>,
    relay: Option<JoinHandle<()>>,
}

#[cfg(test)]
impl Line {
    fn new(name: &str) -> Self {
        let path = |end| std::env::temp_dir().join(format!("hb-ppp-{}-{name}-{end}", std::process::id()));
        let [pulled, cut] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        Self { paths: [path(0), path(1)], pulled, cut, relay: None }
    }

    fn plug(&mut self) {
        let masters = [0, 1].map(|end| {
            let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
            grantpt(&master).unwrap();
            unlockpt(&master).unwrap();
            fcntl_setfl(&master, OFlags::NONBLOCK).unwrap();
            let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
            symlink(name, &self.paths[end]).unwrap();
            master
        });
        self.pulled.store(false, Ordering::Relaxed);
        let flags = [&self.pulled, &self.cut].map(Arc::clone);
        self.relay = Some(thread::spawn(move || relay(&masters, &flags)));
    }

    fn pull(&mut self) {
        for path in &self.paths {
            // Before anybody else gets a terminal of the same number.
            let _gone = fs::remove_file(path);
        }
        self.pulled.store(true, Ordering::Relaxed);
        if let Some(relay) = self.relay.take() {
            relay.join().unwrap();
        }
    }

    fn spec(&self, end: u8) -> MediumSpec {
        let local = std::net::Ipv4Addr::new(10, 0, 0, end + 1);
        MediumSpec::PppUdp { path: self.paths[usize::from(end)].clone(), baud: 460_800, local, port: 694 }
    }
}

#[cfg(test)]
impl Drop for Line {
    fn drop(&mut self) {
        self.pull();
    }
}

#[cfg(test)]
fn relay(masters: &[OwnedFd; 2], [pulled, cut]: &[Arc<AtomicBool>; 2]) {
    let mut room = [0; 4096];
    while !pulled.load(Ordering::Relaxed) {
        let mut passed = false;
        for (from, to) in [(0, 1), (1, 0)] {
            // An end that nobody has opened is an error; there is nothing to pass on then.
            let Ok(length) = rustix::io::read(&masters[from], &mut room) else { continue };
            passed = true;
            if !cut.load(Ordering::Relaxed) {
                let _full = rustix::io::write(&masters[to], &room[..length]);
            }
        }
        if !passed {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
fn receive(medium: &Medium, wait: Duration) -> Option<Vec<u8>> {
    let limit = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
    poll(&mut [PollFd::new(medium, PollFlags::IN)], Some(&limit)).unwrap();
    let mut buffer = vec![0; RECEIVE_BUFFER];
    let length = medium.try_recv(&mut buffer).ok()?;
    buffer.truncate(length);
    Some(buffer)
}

/// Sends until something comes out at the other end; what was sent while there was no link is lost.
#[cfg(test)]
fn passes(from: &Medium, to: &Medium) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        from.try_send(b">>>\nt=status\n<<<\n").unwrap();
        if receive(to, Duration::from_millis(100)).is_some() {
            while receive(to, Duration::from_millis(100)).is_some() {}
            return true;
        }
    }
    false
}

#[test]
fn the_newest_status_of_a_time_without_link_is_said_when_it_is_up() {
    let mut line = Line::new("unsaid");
    line.plug();
    let one = Medium::open(&line.spec(0)).unwrap();
    for packet in
        [&b">>>\nt=status\nst=init\n<<<\n"[..], b">>>\nt=status\nst=up\n<<<\n", b">>>\nt=other\n<<<\n"]
    {
        one.try_send(packet).unwrap();
    }
    let two = Medium::open(&line.spec(1)).unwrap();
    let heard = receive(&two, Duration::from_millis(900));
    assert_eq!(heard.as_deref(), Some(&b">>>\nt=status\nst=up\n<<<\n"[..]));
    assert_eq!(receive(&two, Duration::from_millis(100)), None);
}

#[test]
fn packets_pass_whole_and_with_every_byte() {
    let mut line = Line::new("pass");
    line.plug();
    let [one, two] = [0, 1].map(|end| Medium::open(&line.spec(end)).unwrap());
    assert_eq!((one.kind(), one.name()), ("ppp-udp", line.paths[0].to_str().unwrap()));
    assert!(one.spec().carries_text() && !one.spec().hears_itself());
    assert!(passes(&one, &two) && passes(&two, &one));
    let every: Vec<u8> = (0..=255).collect();
    for packet in [&every[..], b"x", &every.repeat(60)] {
        for (from, to) in [(&one, &two), (&two, &one)] {
            from.try_send(packet).unwrap();
            assert_eq!(receive(to, Duration::from_millis(999)).as_deref(), Some(packet));
        }
    }
}

#[test]
fn a_line_that_takes_nothing_costs_the_owner_nothing() {
    let mut line = Line::new("stuck");
    let socket = line.paths[0].clone();
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    symlink(ptsname(&master, Vec::new()).unwrap().into_string().unwrap(), &socket).unwrap();
    let medium = Medium::open(&line.spec(0)).unwrap();
    let begun = Instant::now();
    let mut sent = 0;
    while sent < 4000 {
        match medium.try_send(&[b'x'; 300]) {
            Ok(()) => sent += 1,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
    line.pull();
}

#[test]
fn cut_and_pulled_out_is_told_once_and_comes_back() {
    let mut line = Line::new("pulled");
    let (sender, notices) = mpsc::channel::<Notice>();
    let report = Arc::new(move |notice| sender.send(notice).unwrap());
    let keeper = Keeper::start(report, hb_sys::sched::Crew::default()).unwrap();
    let next = || notices.recv_timeout(LIMIT).unwrap();
    let (one, error) = keeper.open(&line.spec(0)).unwrap();
    assert!(error.is_some());
    line.plug();
    let two = Medium::open(&line.spec(1)).unwrap();
    assert!(matches!(next().what, Happening::Back));
    assert!(passes(&one, &two) && passes(&two, &one));

    // Too long for the other end: told, and nothing else is lost.
    one.try_send(&vec![b'x'; 16_356]).unwrap();
    let notice = next();
    let (length, limit, lost) = (16_357, 16_356, 1);
    assert_eq!(
        notice.to_string(),
        format!(
            "{}: {lost} messages not sent, they are too long: the last has {length} bytes, {limit} fit",
            one.spec()
        )
    );
    assert!(passes(&one, &two) && passes(&two, &one));

    line.cut.store(true, Ordering::Relaxed);
    let notice = next();
    assert!(notice.to_string().contains("cannot reach the other end by PPP: nobody answers"), "{notice}");
    line.cut.store(false, Ordering::Relaxed);
    assert!(matches!(next().what, Happening::Back));
    assert!(passes(&one, &two) && passes(&two, &one));

    line.pull();
    let notice = next();
    assert!(matches!(notice.what, Happening::Lost(_)), "{notice}");
    line.plug();
    assert!(matches!(next().what, Happening::Back));
    assert!(passes(&one, &two) && passes(&two, &one));
    assert!(notices.try_recv().is_err());
}
