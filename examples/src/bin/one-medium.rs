//! Signed heartbeats over any one medium, named as in a line of `ha.cf`: what one sends, the other prints.
//!
//! ```text
//! one-medium bcast eth0                      one-medium mcast eth0 225.0.0.1 694 1 0
//! one-medium ucast eth0 10.0.0.2             one-medium serial /dev/ttyS0
//! one-medium ppp-udp /dev/ttyS0 10.0.0.1
//! ```
//!
//! Run it on two machines, or twice on one with `ucast lo 127.0.0.1`. It ends after ten heartbeats, or as many as a last
//! word `count=N` says. Shows that `hb-transport` needs nothing of a cluster: no configuration, no engine, no runtime.

use std::env;
use std::error::Error;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use hb_auth::{InnerAuth, KeyRing, Method};
use hb_transport::{Medium, MediumSpec, RECEIVE_BUFFER};
use hb_wire::Message;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words: Vec<String> = env::args().skip(1).collect();
    let count = match words.last().and_then(|word| word.strip_prefix("count=")) {
        Some(number) => {
            let count = number.parse()?;
            words.pop();
            count
        }
        None => 10,
    };
    let spec = spec(&words)?;
    let medium = Medium::open(&spec)?;
    let keys = KeyRing::new(1, [(1, Method::Sha1, b"a key that both know".to_vec())])?;
    let mut out = io::stdout().lock();
    writeln!(out, "{spec}: open")?;

    let mut packet = Vec::new();
    let mut buffer = vec![0; RECEIVE_BUFFER];
    for number in 1..=count {
        let mut message = Message::new("status");
        message.push_text("src", &format!("process {}", std::process::id()));
        message.push_text("seq", &format!("{number:x}"));
        if spec.carries_text() {
            keys.seal_text_into(&message, &mut packet)?;
        } else {
            keys.seal_into(&message, InnerAuth::No, &mut packet)?;
        }
        medium.try_send(&packet)?;
        let next = Instant::now() + KEEPALIVE;
        while let Some(length) = receive_until(&medium, &mut buffer, next)? {
            match keys.open(buffer.get(..length).unwrap_or_default()) {
                Ok(message) => {
                    let text = |name| message.text(name).unwrap_or("?").to_owned();
                    writeln!(out, "heartbeat {} of {}", text("seq"), text("src"))?;
                }
                Err(refusal) => writeln!(out, "refused: {refusal}")?,
            }
        }
    }
    Ok(())
}

/// Length of the next packet; nothing if none has come until then.
fn receive_until(medium: &Medium, buffer: &mut [u8], end: Instant) -> io::Result<Option<usize>> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        let limit = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
        poll(&mut [PollFd::new(medium, PollFlags::IN)], Some(&limit))?;
        match medium.try_recv(buffer) {
            Ok(length) => return Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

fn spec(words: &[String]) -> Result<MediumSpec, Box<dyn Error>> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(match words[..] {
        ["bcast", interface] => MediumSpec::Bcast { interface: interface.to_owned(), port: PORT },
        ["ucast", interface, peer] => {
            MediumSpec::Ucast { interface: interface.to_owned(), peer: peer.parse()?, port: PORT }
        }
        ["ucast6", interface, peer] => {
            MediumSpec::Ucast6 { interface: interface.to_owned(), peer: peer.parse()?, port: PORT }
        }
        ["mcast", interface, group, port, ttl, looped] => MediumSpec::Mcast {
            interface: interface.to_owned(),
            group: group.parse()?,
            port: port.parse()?,
            ttl: ttl.parse()?,
            loopback: looped == "1",
        },
        ["mcast6", interface, group, port, hops, looped] => MediumSpec::Mcast6 {
            interface: interface.to_owned(),
            group: group.parse()?,
            port: port.parse()?,
            hops: hops.parse()?,
            loopback: looped == "1",
        },
        ["ppp-udp", path, local] => {
            MediumSpec::PppUdp { path: path.into(), baud: 19200, local: local.parse()?, port: PORT }
        }
        ["serial", path] => MediumSpec::Serial { path: path.into(), baud: 19200 },
        _ => return Err("name a medium as in ha.cf, for example: bcast eth0".into()),
    })
}

/// Not 694, which needs a privilege.
const PORT: u16 = 26_694;
/// Less than a second.
const KEEPALIVE: Duration = Duration::from_millis(200);
