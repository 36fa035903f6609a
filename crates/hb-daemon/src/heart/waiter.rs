//! Waits for a packet, a message or a point in time: epoll, and a timer of nanosecond precision.
//!
//! The timer is absolute, so time that passes between computing a deadline and waiting for it is not lost.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use hb_engine::Tick;
use rustix::event::epoll;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::Port;
use crate::clock;

/// What woke the heart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    /// The point in time.
    Timer,
    /// Ends of jobs or messages from other threads.
    Mail,
    /// A doorbell of a medium.
    Doorbell,
    /// A ping member.
    Ping,
    /// The medium of that number.
    Wire(usize),
}

/// Everything the heart waits for.
pub(super) struct Waiter {
    epoll: OwnedFd,
    timer: OwnedFd,
    armed: Option<Tick>,
    /// The media that have something: bit n for number n, of at most 63.
    ready_wires: u64,
    ready_mail: bool,
    rung: bool,
    answered: bool,
}

impl Waiter {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let waiter = Self {
            epoll,
            timer,
            armed: None,
            ready_wires: 0,
            ready_mail: false,
            rung: false,
            answered: false,
        };
        waiter.watch(&waiter.timer, Ready::Timer)?;
        Ok(waiter)
    }

    /// Wakes the heart whenever `source` is readable.
    pub(super) fn watch(&self, source: impl AsFd, ready: Ready) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, source, epoll::EventData::new_u64(ready.token()), epoll::EventFlags::IN)?)
    }

    /// Wakes the heart whenever a medium has a packet, or its doorbell rings.
    pub(super) fn watch_medium<P: Port>(&self, port: &P, index: usize) -> io::Result<()> {
        self.watch(port, Ready::Wire(index))?;
        port.doorbell().map_or(Ok(()), |bell| self.watch(bell, Ready::Doorbell))
    }

    /// Looks at a medium no longer.
    pub(super) fn forget_medium<P: Port>(&self, port: &P) {
        self.forget(port);
        if let Some(bell) = port.doorbell() {
            self.forget(bell);
        }
    }

    /// Tells a watched source by another number from the next wait on.
    pub(super) fn renumber(&self, source: impl AsFd, ready: Ready) -> io::Result<()> {
        let data = epoll::EventData::new_u64(ready.token());
        Ok(epoll::modify(&self.epoll, source, data, epoll::EventFlags::IN)?)
    }

    /// Looks at a source no longer.
    pub(super) fn forget(&self, source: impl AsFd) {
        // Fails only if it was not watched; the kernel itself forgets what is closed.
        let _ = epoll::delete(&self.epoll, source);
    }

    /// Waits until something is there or `deadline` has come.
    pub(super) fn wait(&mut self, deadline: Option<Tick>) -> io::Result<()> {
        if deadline != self.armed {
            self.arm(deadline)?;
        }
        let mut events = [MaybeUninit::uninit(); EVENTS];
        let told = match epoll::wait(&self.epoll, &mut events, None) {
            Ok((told, _)) => told,
            // A signal that another thread deals with: as if nothing was there.
            Err(rustix::io::Errno::INTR) => &mut [],
            Err(error) => return Err(error.into()),
        };
        self.ready_wires = told.iter().fold(0, |wires, event| wires | Ready::wire_bit(event.data.u64()));
        self.ready_mail = told.iter().any(|event| event.data.u64() == Ready::Mail.token());
        self.rung = told.iter().any(|event| event.data.u64() == Ready::Doorbell.token());
        self.answered = told.iter().any(|event| event.data.u64() == Ready::Ping.token());
        Ok(())
    }

    /// Whether the medium of that number has something.
    pub(super) const fn is_wire_ready(&self, index: usize) -> bool {
        index < 64 && self.ready_wires >> index & 1 == 1
    }

    /// Whether a doorbell of a medium rang.
    pub(super) const fn has_rung(&self) -> bool {
        self.rung
    }

    /// Whether a ping member has answered.
    pub(super) const fn has_answers(&self) -> bool {
        self.answered
    }

    /// Whether a mailbox rings.
    pub(super) const fn has_mail(&self) -> bool {
        self.ready_mail
    }

    /// Setting the timer also takes back that it has run out.
    fn arm(&mut self, deadline: Option<Tick>) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        // All zero would disarm the timer; the first nanosecond has passed as well.
        let at = deadline.map_or(zero, |tick| clock::to_timespec(tick.max(Tick::from_nanos(1))));
        let value = Itimerspec { it_interval: zero, it_value: at };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &value)?;
        self.armed = deadline;
        Ok(())
    }
}

impl Ready {
    const fn token(self) -> u64 {
        match self {
            Self::Timer => 0,
            Self::Mail => 1,
            Self::Doorbell => 2,
            Self::Ping => 3,
            Self::Wire(index) => FIRST_WIRE + index as u64,
        }
    }

    /// The bit of a medium by its token; none for everything else.
    fn wire_bit(token: u64) -> u64 {
        let wire = token.checked_sub(FIRST_WIRE).and_then(|wire| u32::try_from(wire).ok());
        wire.and_then(|wire| 1_u64.checked_shl(wire)).unwrap_or(0)
    }
}

/// The token of medium 0.
const FIRST_WIRE: u64 = 4;
/// Sources told in one wait; the others are told in the next.
const EVENTS: usize = 16;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_is_met_within_a_fraction_of_a_millisecond_on_an_idle_machine() {
        let mut waiter = Waiter::new().unwrap();
        let mut lateness = || {
            let deadline = clock::tick().plus(Duration::from_micros(300));
            while clock::tick() < deadline {
                waiter.wait(Some(deadline)).unwrap();
            }
            clock::tick().since(deadline)
        };
        // A busy machine comes late itself, but not each time.
        assert!((0..5000).any(|_| lateness() < Duration::from_micros(900)));
    }

    #[test]
    fn a_deadline_in_the_past_does_not_wait() {
        let mut waiter = Waiter::new().unwrap();
        waiter.wait(Some(Tick::from_nanos(0))).unwrap();
        waiter.wait(Some(Tick::from_nanos(0))).unwrap();
        assert!((0..64).all(|wire| !waiter.is_wire_ready(wire)));
    }

    #[test]
    fn media_are_told_by_number() {
        let pairs: Vec<_> = (0..3).map(|_| UnixDatagram::pair().unwrap()).collect();
        let mut waiter = Waiter::new().unwrap();
        for (index, (_, ours)) in pairs.iter().enumerate() {
            waiter.watch(ours, Ready::Wire(index)).unwrap();
        }
        pairs[0].0.send(b"x").unwrap();
        pairs[2].0.send(b"x").unwrap();
        waiter.wait(None).unwrap();
        let ready: Vec<_> = (0..70).filter(|wire| waiter.is_wire_ready(*wire)).collect();
        assert_eq!(ready, [0, 2]);
    }
}
