//! Captures built by hand, one per kind, and broken ones.

use alloc::vec;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::{Capture, CaptureError, Datagram};

const PAYLOAD: &[u8] = b"###\n%%%\n";

fn udp(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    [&[0x9c, 0x40, 0x02, 0xb6][..], &length, &[0, 0], payload].concat()
}

fn ipv4(payload: &[u8], protocol: u8, fragment: [u8; 2]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 20).unwrap().to_be_bytes();
    let [high, low] = fragment;
    let head =
        [0x45, 0, length[0], length[1], 0, 1, high, low, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 255];
    [&head[..], payload].concat()
}

fn ipv6(payload: &[u8], next: u8) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut head = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    head.extend([0xfd; 16]);
    head.extend([0xfe; 16]);
    [&head[..], payload].concat()
}

fn ethernet(kind: &[u8], ip: &[u8]) -> Vec<u8> {
    [&[0xff; 6][..], &[2; 6], kind, ip].concat()
}

/// A little-endian microsecond capture of these frames.
fn file(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    file.extend(link.to_le_bytes());
    for frame in frames {
        file.extend(1000_u32.to_le_bytes());
        file.extend(7_u32.to_le_bytes());
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        file.extend(length);
        file.extend(length);
        file.extend(frame);
    }
    file
}

fn read(file: &[u8]) -> Vec<Result<Datagram<'_>, CaptureError>> {
    Capture::read(file).unwrap().collect()
}

#[test]
fn every_link_type() {
    let four = ipv4(&udp(PAYLOAD), 17, [0, 0]);
    let six = ipv6(&udp(PAYLOAD), 17);
    let cooked = |kind: [u8; 2], ip: &[u8]| [&[0; 14][..], &kind, ip].concat();
    let cooked2 = |kind: [u8; 2], ip: &[u8]| [&kind[..], &[0; 18], ip].concat();
    let cases = [
        (1, ethernet(&[8, 0], &four), ethernet(&[0x86, 0xdd], &six)),
        (
            1,
            ethernet(&[0x81, 0, 0, 5, 8, 0], &four),
            ethernet(&[0x88, 0xa8, 0, 1, 0x81, 0, 0, 5, 0x86, 0xdd], &six),
        ),
        (113, cooked([8, 0], &four), cooked([0x86, 0xdd], &six)),
        (276, cooked2([8, 0], &four), cooked2([0x86, 0xdd], &six)),
        (101, four.clone(), six.clone()),
        (0x1000_0001, ethernet(&[8, 0], &four), ethernet(&[0x86, 0xdd], &six)),
    ];
    for (link, first, second) in cases {
        let file = file(link, &[first, second]);
        let found = read(&file);
        let datagram = |number, source: &str, destination: &str| Datagram {
            number,
            time: Duration::new(1000, 7000),
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            payload: PAYLOAD,
            cut: false,
        };
        let fd = "[fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd]:40000";
        let fe = "[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe]:694";
        let expected = [Ok(datagram(1, "10.0.0.1:40000", "10.0.0.255:694")), Ok(datagram(2, fd, fe))];
        assert_eq!(found, expected, "link type {link}");
    }
}

#[test]
fn byte_orders_and_fractions() {
    let frame = ipv4(&udp(PAYLOAD), 17, [0, 0]);
    let cases = [
        ([0xa1, 0xb2, 0xc3, 0xd4], true, 9_000),
        ([0xa1, 0xb2, 0x3c, 0x4d], true, 9),
        ([0xd4, 0xc3, 0xb2, 0xa1], false, 9_000),
        ([0x4d, 0x3c, 0xb2, 0xa1], false, 9),
    ];
    for (magic, big, nanoseconds) in cases {
        let number = |number: u32| if big { number.to_be_bytes() } else { number.to_le_bytes() };
        let length = u32::try_from(frame.len()).unwrap();
        let mut file = [magic, [0; 4], [0; 4], [0; 4], [0; 4], number(101)].concat();
        file.extend([number(5), number(9), number(length), number(length + 3)].concat());
        file.extend(&frame);
        assert_eq!(read(&file)[0].unwrap().time, Duration::new(5, nanoseconds));
    }
}

#[test]
fn what_is_skipped_and_what_is_cut() {
    let whole = udp(PAYLOAD);
    let frames = [
        ipv4(&whole, 6, [0, 0]),
        ipv4(&whole, 17, [0x20, 1]),
        vec![],
        vec![0x45],
        vec![0x10; 40],
        ipv4(&whole[..7], 17, [0, 0]),
        ipv6(&whole, 59),
        ipv6(&[&[17, 0, 0, 8, 0, 0, 0, 0], &whole[..]].concat(), 44),
        // From here on found: with padding, the first fragment, cut by the capture, behind an option header.
        [ipv4(&whole, 17, [0x40, 0]), vec![0; 6]].concat(),
        ipv4(&whole[..12], 17, [0x20, 0]),
        ipv4(&whole, 17, [0, 0])[..30].to_vec(),
        ipv6(&[&[17, 0, 1, 4, 0, 0, 0, 0], &whole[..]].concat(), 0),
        ipv6(&[&[17, 0, 0, 1, 0, 0, 0, 0], &whole[..10]].concat(), 44),
    ];
    let file = file(101, &frames);
    let found: Vec<_> =
        read(&file).into_iter().map(|item| item.map(|it| (it.number, it.payload, it.cut))).collect();
    let expected = [
        Ok((9, PAYLOAD, false)),
        Ok((10, &PAYLOAD[..4], true)),
        Ok((11, &PAYLOAD[..2], true)),
        Ok((12, PAYLOAD, false)),
        Ok((13, &PAYLOAD[..2], true)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn files_that_are_none() {
    let empty = file(1, &[]);
    assert_eq!(read(&empty), []);
    let error = |file: &[u8]| Capture::read(file).map(|_| ()).unwrap_err();
    assert_eq!(error(b""), CaptureError::Unrecognised);
    assert_eq!(error(PAYLOAD), CaptureError::Unrecognised);
    assert_eq!(error(&[0x0a, 0x0d, 0x0d, 0x0a, 0, 0]), CaptureError::PcapNg);
    assert_eq!(error(&file(147, &[])), CaptureError::LinkType(147));
    assert_eq!(error(&empty[..23]), CaptureError::Truncated(0));
    assert!(Capture::is_capture(&empty) && Capture::is_capture(&empty[..4]) && !Capture::is_capture(PAYLOAD));
    let frame = ipv4(&udp(PAYLOAD), 17, [0, 0]);
    let two = file(101, &[frame.clone(), frame]);
    for cut in [1, 20, 51] {
        let found = read(&two[..two.len() - cut]);
        assert_eq!(found.last(), Some(&Err(CaptureError::Truncated(2))), "{cut}");
        assert_eq!(found.len(), 2);
    }
}

/// Whatever bytes change, reading ends, and nothing longer than the file comes out.
#[test]
fn damaged_files() {
    let address: SocketAddr = "10.0.0.1:40000".parse().unwrap();
    let frames = [
        ethernet(&[0x81, 0, 0, 5, 8, 0], &ipv4(&udp(PAYLOAD), 17, [0, 0])),
        ethernet(&[0x86, 0xdd], &ipv6(&[&[17, 0, 1, 4, 0, 0, 0, 0], &udp(PAYLOAD)[..]].concat(), 0)),
    ];
    let file = file(1, &frames);
    assert_eq!(read(&file)[0].unwrap().source, address);
    for position in 0..file.len() {
        for value in 0..=255 {
            let mut damaged = file.clone();
            damaged[position] = value;
            let Ok(capture) = Capture::read(&damaged) else { continue };
            let found: Vec<_> = capture.collect();
            assert!(found.len() <= file.len() / 16);
            assert!(found.iter().flatten().all(|datagram| datagram.payload.len() <= file.len()));
        }
    }
}
