//! Since which epoch each half of the groups is held: of two nodes that hold the same one and do not know better, that with
//! the older epoch releases it.
//!
//! Ownership is decided by halves (`rsc_hold`), so each half has one number, drawn when it was taken. What is announced
//! (`hb-epochs`) never changes while the half is held, so both nodes compare the same two numbers.

use alloc::format;
use core::cmp::Ordering;

use hb_wire::Message;

use crate::engine::Engine;
use crate::epoch::LARGEST;
use crate::id::HoldSet;

/// An epoch for each half, in the terms of whoever holds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    local: Option<u64>,
    foreign: Option<u64>,
}

impl Claims {
    /// Nothing that is in the set is held any more.
    pub(crate) fn forget(&mut self, set: HoldSet) {
        for (half, claim) in self.halves() {
            if set.contains(half) {
                *claim = None;
            }
        }
    }

    /// Our claim to a half, against the claims of the other node in its own terms; nothing if one of both is not known.
    pub(crate) fn compare(self, set: HoldSet, theirs: Self) -> Option<Ordering> {
        let (ours, theirs) =
            if set == HoldSet::LOCAL { (self.local, theirs.foreign) } else { (self.foreign, theirs.local) };
        Some(ours?.cmp(&theirs?))
    }

    /// What an announcement says; nothing of a node that does not know epochs, or of what can be no epoch.
    pub(crate) fn read(message: &Message) -> Self {
        let number =
            |text: &str| u64::from_str_radix(text, 16).ok().filter(|epoch| (1..=LARGEST).contains(epoch));
        let Some((local, foreign)) = message.text(FIELD).and_then(|text| text.split_once(',')) else {
            return Self::default();
        };
        Self { local: number(local), foreign: number(foreign) }
    }

    /// For an announcement; nothing if there is nothing to tell.
    pub(crate) fn tell(self, message: &mut Message) {
        if self != Self::default() {
            let [local, foreign] = [self.local, self.foreign].map(Option::unwrap_or_default);
            message.push_text(FIELD, &format!("{local:x},{foreign:x}"));
        }
    }

    fn halves(&mut self) -> [(HoldSet, &mut Option<u64>); 2] {
        [(HoldSet::LOCAL, &mut self.local), (HoldSet::FOREIGN, &mut self.foreign)]
    }
}

impl Engine {
    /// Holds this set from now on; what of it was not held gets a number.
    pub(crate) fn claim(&mut self, set: HoldSet) {
        let set = self.free_of(set);
        let new = set.minus(self.failover.hold);
        self.failover.hold = self.failover.hold.union(set);
        if new.is_empty() {
            return;
        }
        let epoch = self.next_epoch();
        for (half, claim) in self.failover.claims.halves() {
            if new.contains(half) {
                *claim = epoch;
            }
        }
    }
}

/// `LOCAL,FOREIGN`, hexadecimal; 0 for what is not held.
const FIELD: &str = "hb-epochs";

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Claims {
        let mut message = Message::new("resource");
        message.push_text(FIELD, text);
        Claims::read(&message)
    }

    #[test]
    fn what_is_told_is_read() {
        let claims = Claims { local: Some(0x1234), foreign: None };
        let mut message = Message::new("resource");
        claims.tell(&mut message);
        assert_eq!(message.text(FIELD), Some("1234,0"));
        assert_eq!(Claims::read(&message), claims);
        let mut message = Message::new("resource");
        Claims::default().tell(&mut message);
        assert_eq!((message.text(FIELD), Claims::read(&message)), (None, Claims::default()));
        for broken in ["", ",", "x,y", "5", "-1,+", "0,0", "20000000000001,ffffffffffffffffff"] {
            assert_eq!(told(broken), Claims::default(), "{broken}");
        }
    }

    #[test]
    fn our_half_is_the_other_one_of_the_other_node() {
        let (ours, theirs) = (told("5,6"), told("7,4"));
        assert_eq!(ours.compare(HoldSet::LOCAL, theirs), Some(Ordering::Greater));
        assert_eq!(ours.compare(HoldSet::FOREIGN, theirs), Some(Ordering::Less));
        assert_eq!(theirs.compare(HoldSet::LOCAL, ours), Some(Ordering::Greater));
        assert_eq!(ours.compare(HoldSet::LOCAL, told("7,0")), None);
        let mut less = ours;
        less.forget(HoldSet::LOCAL);
        assert_eq!(less, told("0,6"));
    }
}
