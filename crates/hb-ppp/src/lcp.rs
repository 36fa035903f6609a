//! The options of LCP (RFC 1661, 6; RFC 1662, 7): longest packet, escaped characters, magic number, compressed fields.
//!
//! Authentication, link quality, callback and whatever else there is are rejected.

use alloc::vec::Vec;

use crate::frame::{ControlMap, Writing};
use crate::layer::{Options, Verdict};
use crate::packet::{self, ConfigOption, push_option};
use crate::random::Random;

/// What we wish and what the peer wishes.
#[derive(Clone, Debug)]
pub(crate) struct Lcp {
    random: Random,
    /// The longest packet that we want to take.
    longest: u16,
    wishes: Wishes,
    /// What the peer wished last and we acknowledged.
    pub(crate) peer: Peer,
    /// Requests of our own that came back, since one that was not.
    pub(crate) own_requests: u8,
}

#[derive(Clone, Copy, Debug)]
struct Wishes {
    mru: Option<u16>,
    escaped: Option<ControlMap>,
    magic: Option<u32>,
    short_protocol: bool,
    short_address: bool,
}

/// How to send to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) mru: u16,
    pub(crate) writing: Writing,
}

impl Peer {
    /// Before anything was agreed on.
    pub(crate) const DEFAULT: Self = Self { mru: DEFAULT_MRU, writing: Writing::PLAIN };
}

impl Lcp {
    pub(crate) fn new(longest: u16, seed: u64) -> Self {
        let mut lcp = Self {
            random: Random::new(seed),
            longest,
            wishes: Wishes {
                mru: None,
                escaped: None,
                magic: None,
                short_protocol: false,
                short_address: false,
            },
            peer: Peer::DEFAULT,
            own_requests: 0,
        };
        lcp.reset();
        lcp
    }

    /// Our magic number; zero if the peer does not want to hear of one.
    pub(crate) fn magic(&self) -> u32 {
        self.wishes.magic.unwrap_or(0)
    }

    /// Whether this is a magic number of our own.
    pub(crate) fn is_own(&self, magic: u32) -> bool {
        magic != 0 && self.wishes.magic == Some(magic)
    }

    fn judge_one(&mut self, option: ConfigOption<'_>, peer: &mut Peer) -> One {
        match (option.kind, option.value) {
            (MRU, [high, low]) => {
                let mru = u16::from_be_bytes([*high, *low]);
                if mru < SMALLEST_MRU {
                    return One::Nak(DEFAULT_MRU.to_be_bytes().to_vec());
                }
                peer.mru = mru;
                One::Good
            }
            (ESCAPED, [a, b, c, d]) => {
                peer.writing.escaped = ControlMap(u32::from_be_bytes([*a, *b, *c, *d]));
                One::Good
            }
            (MAGIC, [a, b, c, d]) => {
                let magic = u32::from_be_bytes([*a, *b, *c, *d]);
                if self.is_own(magic) {
                    self.own_requests = self.own_requests.saturating_add(1);
                    return One::Own(self.random.magic().to_be_bytes().to_vec());
                }
                self.own_requests = 0;
                if magic == 0 { One::Nak(self.random.magic().to_be_bytes().to_vec()) } else { One::Good }
            }
            (SHORT_PROTOCOL, []) => {
                peer.writing.short_protocol = true;
                One::Good
            }
            (SHORT_ADDRESS, []) => {
                peer.writing.short_address = true;
                One::Good
            }
            _ => One::Reject,
        }
    }
}

enum One {
    Good,
    /// With a better value.
    Nak(Vec<u8>),
    /// Our own number: never rejected, because an end that gives its number up does not notice a loop any more.
    Own(Vec<u8>),
    Reject,
}

impl Options for Lcp {
    fn reset(&mut self) {
        self.wishes = Wishes {
            mru: (self.longest != DEFAULT_MRU).then_some(self.longest),
            escaped: Some(ControlMap::FLOW),
            magic: Some(self.random.magic()),
            short_protocol: true,
            short_address: true,
        };
        self.peer = Peer::DEFAULT;
        self.own_requests = 0;
    }

    fn request(&self, out: &mut Vec<u8>) {
        let Wishes { mru, escaped, magic, short_protocol, short_address } = self.wishes;
        if let Some(mru) = mru {
            push_option(MRU, &mru.to_be_bytes(), out);
        }
        if let Some(ControlMap(escaped)) = escaped {
            push_option(ESCAPED, &escaped.to_be_bytes(), out);
        }
        if let Some(magic) = magic {
            push_option(MAGIC, &magic.to_be_bytes(), out);
        }
        if short_protocol {
            push_option(SHORT_PROTOCOL, &[], out);
        }
        if short_address {
            push_option(SHORT_ADDRESS, &[], out);
        }
    }

    fn judge(&mut self, wishes: &[u8], may_nak: bool) -> Verdict {
        let Some(options) = packet::options(wishes) else { return Verdict::Malformed };
        let (mut naks, mut rejects, mut peer) = (Vec::new(), Vec::new(), Peer::DEFAULT);
        for option in options {
            match self.judge_one(option, &mut peer) {
                One::Good => {}
                One::Own(value) => push_option(option.kind, &value, &mut naks),
                One::Nak(value) if may_nak => push_option(option.kind, &value, &mut naks),
                One::Nak(_) | One::Reject => rejects.extend(option.whole),
            }
        }
        if !rejects.is_empty() {
            return Verdict::Reject(rejects);
        }
        if !naks.is_empty() {
            return Verdict::Nak(naks);
        }
        self.peer = peer;
        Verdict::Ack
    }

    fn nak(&mut self, proposals: &[u8]) {
        for option in packet::options(proposals).unwrap_or_default() {
            let wishes = &mut self.wishes;
            match (option.kind, option.value) {
                // More than we take is no help.
                (MRU, [high, low]) => {
                    let mru = u16::from_be_bytes([*high, *low]);
                    wishes.mru = (mru >= SMALLEST_MRU && mru < self.longest).then_some(mru);
                }
                (ESCAPED, [a, b, c, d]) => {
                    let more = u32::from_be_bytes([*a, *b, *c, *d]);
                    wishes.escaped = wishes.escaped.map(|ControlMap(map)| ControlMap(map | more));
                }
                // Never what it proposes: on a line that comes back to us that is our own proposal.
                (MAGIC, _) => wishes.magic = wishes.magic.map(|_| self.random.magic()),
                (SHORT_PROTOCOL, _) => wishes.short_protocol = false,
                (SHORT_ADDRESS, _) => wishes.short_address = false,
                // What we did not ask for we do not begin to wish for.
                _ => {}
            }
        }
    }

    fn reject(&mut self, options: &[u8]) {
        for option in packet::options(options).unwrap_or_default() {
            let wishes = &mut self.wishes;
            match option.kind {
                MRU => wishes.mru = None,
                ESCAPED => wishes.escaped = None,
                MAGIC => wishes.magic = None,
                SHORT_PROTOCOL => wishes.short_protocol = false,
                SHORT_ADDRESS => wishes.short_address = false,
                _ => {}
            }
        }
    }
}

/// What every peer takes.
const DEFAULT_MRU: u16 = 1500;
/// Less is no use: not even a status would fit.
const SMALLEST_MRU: u16 = 128;
const MRU: u8 = 1;
const ESCAPED: u8 = 2;
const MAGIC: u8 = 5;
const SHORT_PROTOCOL: u8 = 7;
const SHORT_ADDRESS: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lcp: &Lcp) -> Vec<u8> {
        let mut options = Vec::new();
        lcp.request(&mut options);
        options
    }

    #[test]
    fn two_of_us_agree_at_once() {
        let (mut one, two) = (Lcp::new(16_384, 1), Lcp::new(16_384, 2));
        let wishes = request(&two);
        assert_eq!(wishes[..10], [1, 4, 0x40, 0, 2, 6, 0, 0x0a, 0, 0]);
        assert_eq!(one.judge(&wishes, true), Verdict::Ack);
        let writing = Writing { escaped: ControlMap::FLOW, short_address: true, short_protocol: true };
        assert_eq!(one.peer, Peer { mru: 16_384, writing });
    }

    #[test]
    fn what_is_not_known_is_rejected_and_what_is_bad_gets_a_better_value() {
        let mut lcp = Lcp::new(1500, 1);
        // Authentication with CHAP, a magic number, callback.
        let wishes = [3, 5, 0xc2, 0x23, 5, 5, 6, 1, 2, 3, 4, 13, 3, 6];
        assert_eq!(lcp.judge(&wishes, true), Verdict::Reject([3, 5, 0xc2, 0x23, 5, 13, 3, 6].to_vec()));
        assert_eq!(lcp.judge(&[1, 4, 0, 10], true), Verdict::Nak([1, 4, 5, 0xdc].to_vec()));
        assert_eq!(lcp.judge(&[1, 4, 0, 10], false), Verdict::Reject([1, 4, 0, 10].to_vec()));
        assert_eq!(lcp.judge(&[1, 3, 5], true), Verdict::Reject([1, 3, 5].to_vec()));
        assert_eq!(lcp.judge(&[1, 9, 5], true), Verdict::Malformed);
        assert_eq!(lcp.judge(&[], true), Verdict::Ack);
        assert_eq!(lcp.peer, Peer::DEFAULT);
    }

    #[test]
    fn our_own_request_is_known() {
        let mut lcp = Lcp::new(1500, 7);
        let own = request(&lcp);
        assert!(matches!(lcp.judge(&own, true), Verdict::Nak(_)));
        assert_eq!(lcp.own_requests, 1);
        let before = lcp.magic();
        lcp.nak(&[5, 6, 1, 2, 3, 4]);
        assert!(lcp.magic() != before && lcp.magic() != 0x0102_0304);
        assert_eq!(lcp.judge(&own, true), Verdict::Ack);
        assert_eq!(lcp.own_requests, 0);
    }

    #[test]
    fn wishes_give_way() {
        let mut lcp = Lcp::new(9000, 7);
        lcp.nak(&[1, 4, 0x10, 0, 2, 6, 0, 0, 0, 1, 3, 4, 0xc0, 0x23]);
        assert_eq!(request(&lcp)[..10], [1, 4, 0x10, 0, 2, 6, 0, 0x0a, 0, 1]);
        let all = request(&lcp);
        lcp.reject(&all);
        assert_eq!(request(&lcp), []);
        assert_eq!(lcp.magic(), 0);
        lcp.reset();
        assert_eq!(request(&lcp)[..4], [1, 4, 0x23, 0x28]);
    }
}
