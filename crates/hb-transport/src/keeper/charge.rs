//! A medium that is kept: whether it is to be opened anew, and what the network says about it.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::time::Duration;

use super::Happening;
use crate::error::OpenError;
use crate::facts::Facts;
use crate::hint::{self, Board};
use crate::refusal::Ear;
use crate::slot::{Ends, Slot};
use crate::sockets::Sockets;
use crate::spec::MediumSpec;
use crate::watch::Changes;

/// A medium that is kept.
#[derive(Debug)]
pub(super) struct Charge {
    pub(super) spec: MediumSpec,
    pub(super) facts: Facts,
    pub(super) state: State,
    pub(super) doorbell: bool,
    /// Of unicast media that are open.
    pub(super) ear: Option<Ear>,
    /// Gone when the medium was dropped.
    pub(super) slot: Weak<Slot>,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Renamed,
    Missing,
}

impl Charge {
    /// Whether nothing is to be looked at again before something happens.
    pub(super) fn is_whole(&self) -> bool {
        let is_refused = || self.slot.upgrade().is_some_and(|slot| slot.board.is_refused());
        let is_deaf = self.ear.as_ref().is_some_and(Ear::is_deaf);
        self.state != State::Missing && !is_deaf && !is_refused()
    }

    /// What begins or ends to be said of it.
    pub(super) fn look_for_hints(
        &mut self,
        board: &Board,
        carriers: &BTreeMap<u32, bool>,
        pace: Duration,
        is_changed: bool,
    ) -> [Option<Happening>; 2] {
        if self.state == State::Missing {
            board.clear();
            return [None, None];
        }
        let now = hint::now();
        let carrier = self.facts.index().and_then(|index| carriers.get(&index));
        let carrier = carrier.filter(|has_carrier| board.carrier(now, **has_carrier));
        let carrier = carrier.map(|carrier| if *carrier { Happening::Carrier } else { Happening::NoCarrier });

        let Some(ear) = self.ear.as_mut() else { return [carrier, None] };
        let heard = ear.heard();
        if is_changed || ear.is_deaf() {
            // It stands for an address that may be another one now; or what it lacked may be there.
            ear.renew();
        }
        let lapse = pace.max(LIMIT_OF_ICMP) * REFUSALS_MISSED;
        let refusal = if heard {
            board.refused(now).then_some(Happening::Refused)
        } else {
            board.lapse(now, lapse).then_some(Happening::NotRefused)
        };
        [carrier, refusal]
    }

    /// Opens it anew if it must be; what became of it.
    pub(super) fn look(&mut self, slot: &Slot, changes: &Changes) -> Option<Happening> {
        let facts = Facts::of(&self.spec);
        if self.state == State::Open && facts == self.facts && !self.facts.are_touched_by(changes) {
            return None;
        }
        let error = match open(&self.spec, self.doorbell) {
            Ok(sockets) => {
                let was_missing = self.state == State::Missing;
                (self.facts, self.state) = (facts, State::Open);
                self.ear = Ear::of(&self.spec, &sockets);
                slot.offer(Ends::Open(sockets));
                return Some(if was_missing { Happening::Back } else { Happening::Renewed });
            }
            Err(error) => error,
        };
        match (self.state, self.facts.present_name()) {
            (State::Missing, _) | (State::Renamed, Some(_)) => None,
            (State::Open, Some(name)) if name != self.spec.interface() => {
                self.state = State::Renamed;
                Some(Happening::Renamed(name))
            }
            (State::Open, Some(_)) | (State::Open | State::Renamed, None) => {
                // Without a descriptor to spare, it keeps what it has until the next look.
                slot.offer(Ends::missing().ok()?);
                (self.state, self.ear) = (State::Missing, None);
                Some(Happening::Lost(error))
            }
        }
    }
}

/// Its sockets.
pub(super) fn open(spec: &MediumSpec, doorbell: bool) -> Result<Sockets, OpenError> {
    let sockets = Sockets::open(spec)?;
    Ok(if doorbell { sockets.with_doorbell(spec) } else { sockets })
}

/// Kernels tell of a refusal at most once in that time (`net.ipv4.icmp_ratelimit`).
const LIMIT_OF_ICMP: Duration = Duration::from_secs(1);
/// So many in a row may be missing before a port is no longer refused.
const REFUSALS_MISSED: u32 = 3;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_ear_that_could_not_be_opened_is_opened_at_the_next_look() {
        let spec = MediumSpec::Ucast { interface: "lo".to_owned(), peer: Ipv4Addr::LOCALHOST, port: 26_931 };
        let ear = Ear::of(&spec, &Sockets::open(&spec).unwrap());
        let (facts, slot) = (Facts::of(&spec), Weak::new());
        let mut charge = Charge { spec, facts, state: State::Open, doorbell: false, ear, slot };
        assert!(charge.is_whole());
        charge.ear.as_mut().unwrap().deafen();
        assert!(!charge.is_whole(), "it is looked at again without a reason");
        charge.look_for_hints(&Board::default(), &BTreeMap::new(), Duration::ZERO, false);
        assert!(charge.is_whole());
    }
}
