//! HDLC-like frames in a stream of bytes (RFC 1662): flags, escapes, the 16-bit check sequence.
//!
//! Does not look into the packets, but for the compression of the fields around them. Section numbers are those of RFC 1662.

use alloc::vec::Vec;

use crc::{CRC_16_IBM_SDLC, Crc};

use crate::counts::{Counts, count};

/// Control characters, one bit for each, that are sent escaped: the "async control character map".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlMap(pub u32);

/// How frames are written to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Writing {
    /// What is escaped besides the flag and the escape themselves.
    pub escaped: ControlMap,
    /// The peer takes frames without address and control field.
    pub short_address: bool,
    /// The peer takes protocol numbers below 256 in one byte.
    pub short_protocol: bool,
}

/// Finds the frames in what comes over a line.
///
/// ```
/// use hb_ppp::Counts;
/// use hb_ppp::frame::{Reader, Writing, write};
///
/// let frame = write(Writing::PLAIN, 0xc021, &[9, 1, 0, 8, 0, 0, 0, 0]);
/// let mut reader = Reader::new(1500);
/// let mut counts = Counts::default();
/// let noise = [b"noise", frame.as_slice()].concat();
/// let mut input = noise.as_slice();
/// assert_eq!(reader.next_frame(&mut input, &mut counts), Some((0xc021, &[9, 1, 0, 8, 0, 0, 0, 0][..])));
/// assert_eq!((counts.frames, counts.damaged), (1, 1));
/// ```
#[derive(Clone, Debug)]
pub struct Reader {
    /// Bytes of the present frame, unescaped; empty after [`Reader::next_frame`] has told one and goes on.
    bytes: Vec<u8>,
    /// The longest information field.
    limit: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Inside of a frame, or between frames.
    Inside,
    /// After an escape.
    Escaped,
    /// Everything up to the next flag is lost.
    Lost,
    /// The frame was told; it begins anew.
    Told,
}

impl ControlMap {
    /// All of them: before anything was agreed on (section 7.1).
    pub const ALL: Self = Self(u32::MAX);
    /// The two that stop and start a line whose other end takes them so; a line without them may still have
    /// something in between that does.
    pub const FLOW: Self = Self(0x000a_0000);

    const fn contains(self, byte: u8) -> bool {
        byte < 0x20 && self.0 & (1 << byte) != 0
    }
}

impl Writing {
    /// Everything escaped, nothing compressed: what each peer understands.
    pub const PLAIN: Self = Self { escaped: ControlMap::ALL, short_address: false, short_protocol: false };
}

impl Reader {
    /// A reader for packets of up to `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, state: State::Inside }
    }

    /// Forgets what was begun, as after the line was opened anew.
    pub fn reset(&mut self) {
        self.bytes.clear();
        self.state = State::Inside;
    }

    /// Reads on to the end of the next good frame and tells its protocol and information field; nothing when `input` is
    /// used up. What is no frame is counted.
    pub fn next_frame(&mut self, input: &mut &[u8], counts: &mut Counts) -> Option<(u16, &[u8])> {
        if self.state == State::Told {
            self.reset();
        }
        while let Some((byte, rest)) = input.split_first() {
            *input = rest;
            if *byte == FLAG {
                if self.is_whole(counts) {
                    self.state = State::Told;
                    break;
                }
                self.reset();
            } else {
                self.take(*byte, counts);
            }
        }
        if self.state != State::Told {
            return None;
        }
        split(self.bytes.get(..self.bytes.len().saturating_sub(CHECK_LENGTH))?)
    }

    fn take(&mut self, byte: u8, counts: &mut Counts) {
        // Such ones were not sent, but added on the way (section 7.1).
        if ControlMap::FLOW.contains(byte) {
            return;
        }
        let byte = match self.state {
            State::Lost | State::Told => return,
            State::Inside if byte == ESCAPE => {
                self.state = State::Escaped;
                return;
            }
            State::Inside => byte,
            State::Escaped => byte ^ FLIPPED,
        };
        self.state = State::Inside;
        if self.bytes.len() >= self.limit.saturating_add(AROUND) {
            self.state = State::Lost;
            count(&mut counts.too_long);
        } else {
            self.bytes.push(byte);
        }
    }

    /// At a flag: whether a good frame ends there.
    fn is_whole(&self, counts: &mut Counts) -> bool {
        // The first was counted already, the second is a flag behind another one.
        if matches!(self.state, State::Lost | State::Told)
            || (self.state == State::Inside && self.bytes.is_empty())
        {
            return false;
        }
        let content = self.bytes.get(..self.bytes.len().saturating_sub(CHECK_LENGTH)).unwrap_or_default();
        // A flag behind an escape: the sender gave the frame up (section 4.3).
        let is_good =
            self.state == State::Inside && CHECK.checksum(&self.bytes) == GOOD && split(content).is_some();
        count(if is_good { &mut counts.frames } else { &mut counts.damaged });
        is_good
    }
}

/// Writes a frame, flags included: one before it too, which ends whatever noise came before.
#[must_use]
pub fn write(how: Writing, protocol: u16, information: &[u8]) -> Vec<u8> {
    let [high, low] = protocol.to_be_bytes();
    let mut head = Vec::with_capacity(AROUND);
    // LCP never goes compressed, so that an end that has forgotten what was agreed on understands it (RFC 1661, 6.6).
    if protocol == LCP || !how.short_address {
        head.extend([ALL_STATIONS, UNNUMBERED]);
    }
    if high != 0 || !how.short_protocol {
        head.push(high);
    }
    head.push(low);
    let mut digest = CHECK.digest();
    digest.update(&head);
    digest.update(information);
    let check = digest.finalize().to_le_bytes();

    let escaped = if protocol == LCP { ControlMap::ALL } else { how.escaped };
    let mut frame = Vec::with_capacity(head.len() + information.len() + information.len() / 4 + AROUND);
    frame.push(FLAG);
    for byte in head.iter().chain(information).chain(&check) {
        if matches!(*byte, FLAG | ESCAPE) || escaped.contains(*byte) {
            frame.extend([ESCAPE, byte ^ FLIPPED]);
        } else {
            frame.push(*byte);
        }
    }
    frame.push(FLAG);
    frame
}

/// Protocol and information field of a frame without its check sequence, whether they are compressed or not.
fn split(content: &[u8]) -> Option<(u16, &[u8])> {
    let packet = content.strip_prefix(&[ALL_STATIONS, UNNUMBERED]).unwrap_or(content);
    // The last byte of a protocol number is odd, all others are even (RFC 1661, 2).
    match packet {
        [low, rest @ ..] if low % 2 == 1 => Some((u16::from(*low), rest)),
        [high, low, rest @ ..] if low % 2 == 1 => Some((u16::from_be_bytes([*high, *low]), rest)),
        _ => None,
    }
}

/// FCS-16.
const CHECK: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_SDLC);
/// The check sequence of a whole that ends in its own: 0xf0b8 of RFC 1662, inverted as the library does at the end.
const GOOD: u16 = !0xf0b8;
const CHECK_LENGTH: usize = 2;
const FLAG: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;
const FLIPPED: u8 = 0x20;
const ALL_STATIONS: u8 = 0xff;
const UNNUMBERED: u8 = 0x03;
/// Address, control, protocol and check sequence.
const AROUND: usize = 6;
/// The protocol number of LCP.
pub(crate) const LCP: u16 = 0xc021;

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Writing = Writing { escaped: ControlMap(0), short_address: true, short_protocol: true };

    fn read(bytes: &[u8]) -> (Vec<(u16, Vec<u8>)>, Counts) {
        let (mut reader, mut counts, mut input) = (Reader::new(1500), Counts::default(), bytes);
        let mut found = Vec::new();
        while let Some((protocol, information)) = reader.next_frame(&mut input, &mut counts) {
            found.push((protocol, information.to_vec()));
        }
        (found, counts)
    }

    /// The check sequence of RFC 1662, bit by bit.
    fn plain_check(bytes: &[u8]) -> u16 {
        let mut check = 0xffff_u16;
        for byte in bytes {
            check ^= u16::from(*byte);
            for _ in 0..8 {
                check = if check & 1 == 1 { (check >> 1) ^ 0x8408 } else { check >> 1 };
            }
        }
        check
    }

    #[test]
    fn the_check_sequence_is_that_of_the_rfc() {
        // The check value of this polynomial.
        assert_eq!(CHECK.checksum(b"123456789"), 0x906e);
        for bytes in [&b"123456789"[..], b"", &[0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 4], &[0; 300]] {
            assert_eq!(CHECK.checksum(bytes), !plain_check(bytes));
            let check = (!plain_check(bytes)).to_le_bytes();
            assert_eq!(plain_check(&[bytes, &check].concat()), 0xf0b8);
            assert_eq!(CHECK.checksum(&[bytes, &check].concat()), GOOD);
        }
    }

    #[test]
    fn control_characters_are_escaped_as_agreed() {
        // Terminate-Request, identifier 2: everything below 0x20 is escaped in LCP, whatever was agreed on.
        let frame = write(SHORT, 0xc021, &[5, 2, 0, 4]);
        let expected = [
            0x7e, 0xff, 0x7d, 0x23, 0xc0, 0x21, 0x7d, 0x25, 0x7d, 0x22, 0x7d, 0x20, 0x7d, 0x24, 0xec, 0xcd,
            0x7e,
        ];
        assert_eq!(frame[..14], expected[..14]);
        assert_eq!(read(&frame).0, [(0xc021, [5, 2, 0, 4].to_vec())]);
        let frame = write(SHORT, 0x21, &[0x11, 0x7d, 0x7e, 0x41]);
        assert_eq!(frame[..8], [0x7e, 0x21, 0x11, 0x7d, 0x5d, 0x7d, 0x5e, 0x41]);
    }

    #[test]
    fn all_shapes_of_a_head_are_read() {
        for (short_address, short_protocol) in [(false, false), (false, true), (true, false), (true, true)] {
            for protocol in [0x21, 0x8021, 0xc021, 0x00ff] {
                let how = Writing { escaped: ControlMap::FLOW, short_address, short_protocol };
                let information: Vec<u8> = (0..=255).collect();
                let frame = write(how, protocol, &information);
                assert_eq!(read(&frame).0, [(protocol, information)], "{protocol:x} {how:?}");
            }
        }
    }

    #[test]
    fn noise_costs_the_frame_that_it_hits() {
        let good = write(Writing::PLAIN, 0x21, b"a packet");
        let mut hit = good.clone();
        hit[10] ^= 0x40;
        let added = [&good[..5], &[0x13, 0x11], &good[5..]].concat();
        let given_up = [&good[..8], &[0x7d, 0x7e]].concat();
        let stream = [b"noise".as_slice(), &good, &hit, &added, &given_up, &good, &[0x7e, 0x7e]].concat();
        let (found, counts) = read(&stream);
        assert_eq!(found.len(), 3);
        assert_eq!((counts.frames, counts.damaged, counts.too_long), (3, 3, 0));
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let longest = write(Writing::PLAIN, 0x21, &[b'x'; 1500]);
        let longer = write(Writing::PLAIN, 0x21, &[b'x'; 1501]);
        let endless = [b'x'; 10_000];
        let (found, counts) = read(&[longer.as_slice(), &longest, &endless, &longest].concat());
        assert_eq!((found.len(), counts.too_long), (2, 2));
        let mut reader = Reader::new(1500);
        let mut input = endless.as_slice();
        assert_eq!(reader.next_frame(&mut input, &mut Counts::default()), None);
        assert!(reader.bytes.capacity() <= 2 * (1500 + AROUND));
    }
}
