//! What was said with the real pppd, said again: each byte that came leads to the bytes that were answered.

use std::net::Ipv4Addr;
use std::time::Duration;

use hb_ppp::frame::{ControlMap, Reader, Writing, write};
use hb_ppp::{Config, Counts, Link, Output};

#[cfg(test)]
const TRANSCRIPT: &str = include_str!("vectors/pppd.txt");

#[cfg(test)]
fn lines() -> impl Iterator<Item = Vec<&'static str>> {
    TRANSCRIPT.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace().collect())
}

#[cfg(test)]
fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[cfg(test)]
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[cfg(test)]
fn drain(link: &mut Link, said: &mut Vec<String>) {
    while let Some(output) = link.poll_output() {
        said.push(match output {
            Output::Frame(frame) => format!("> {}", hex(&frame)),
            Output::Datagram(datagram) => format!("datagram {}", hex(&datagram)),
            Output::Up(peer) => format!("up {}", peer.unwrap()),
            Output::Down => "down".to_owned(),
        });
    }
}

#[test]
fn each_answer_is_that_of_the_transcript() {
    let config =
        Config { restart: Duration::from_millis(500), ..Config::new(Ipv4Addr::new(10, 0, 0, 1), 26694) };
    let mut link = Link::new(config, 1);
    let (mut said, mut expected) = (Vec::new(), Vec::new());
    for words in lines() {
        let at = || Duration::from_millis(words[0].parse().unwrap());
        match words[1..] {
            ["line-up"] => link.line_up(at()),
            ["wake"] => link.wake(at()),
            ["<", hex] => {
                let bytes = bytes(hex);
                let mut input = bytes.as_slice();
                while !input.is_empty() {
                    link.handle_bytes(at(), &mut input);
                    drain(&mut link, &mut said);
                }
            }
            ["send", datagram] => {
                let frame = link.frame(&bytes(datagram)).unwrap();
                said.push(format!("> {}", hex(&frame)));
            }
            _ => expected.push(words.join(" ")),
        }
        drain(&mut link, &mut said);
    }
    assert_eq!(said, expected);
    let counts = link.counts();
    assert_eq!((counts.damaged, counts.malformed, counts.datagrams), (0, 0, 3), "{counts:?}");
}

/// What pppd and the kernel wrote is what we would have written.
#[test]
fn frames_of_pppd_are_read_and_written_alike() {
    let (mut reader, mut counts) = (Reader::new(1500), Counts::default());
    let came: Vec<u8> =
        lines().filter(|words| words.get(1) == Some(&"<")).flat_map(|words| bytes(words[2])).collect();
    let mut input = came.as_slice();
    let text = hex(&came);
    let mut alike = 0;
    while let Some((protocol, information)) = reader.next_frame(&mut input, &mut counts) {
        let how = match (protocol, information.first()) {
            // Echoes have everything escaped here, and are compressed there.
            (0xc021, Some(9..)) => continue,
            (0xc021, _) => Writing::PLAIN,
            _ => Writing { escaped: ControlMap::FLOW, short_address: true, short_protocol: true },
        };
        let frame = hex(&write(how, protocol, information));
        // The flag before it may be that behind another one.
        assert!(text.contains(&frame[2..]), "{frame}");
        alike += 1;
    }
    assert_eq!((counts.frames, counts.damaged, alike), (19, 0, 12));
}
