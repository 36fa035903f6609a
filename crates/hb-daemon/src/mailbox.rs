//! Queues between the heart and ordinary threads. The heart never waits for the other side.
//!
//! A queue is a list behind a lock, and a socket pair as its bell. Ordinary threads take the lock; the heart only tries
//! to. If somebody slower is inside, the heart goes on and comes back: whoever was inside rings after leaving, and
//! what the heart wants to post it keeps and offers again at its next turn. So a thread that is preempted inside costs
//! a message some time, but never the heart its beat. (Channels of the standard library or of tokio wait, however
//! shortly, for a sender that was preempted in the middle of a send.)

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A bounded queue with a bell.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    queue: Mutex<Queue<T>>,
    ringer: UnixStream,
    bell: UnixStream,
}

#[derive(Debug)]
struct Queue<T> {
    list: VecDeque<T>,
    capacity: usize,
}

impl<T> Mailbox<T> {
    /// An empty queue for at most `capacity` messages.
    pub(crate) fn new(capacity: usize) -> io::Result<Self> {
        let (ringer, bell) = UnixStream::pair()?;
        ringer.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let queue = Queue { list: VecDeque::with_capacity(capacity), capacity };
        Ok(Self { queue: Mutex::new(queue), ringer, bell })
    }

    /// For ordinary threads: room for at least `capacity` messages from now on.
    pub(crate) fn make_room(&self, capacity: usize) {
        let mut queue = self.lock();
        if queue.capacity < capacity {
            let more = capacity.saturating_sub(queue.list.len());
            queue.list.reserve(more);
            queue.capacity = capacity;
        }
        drop(queue);
        // As above: the heart may have found the lock taken.
        self.ring();
    }

    /// For ordinary threads: posts a message, or gives it back if the queue is full.
    pub(crate) fn post(&self, message: T) -> Result<(), T> {
        let mut queue = self.lock();
        let posted = if queue.list.len() < queue.capacity {
            queue.list.push_back(message);
            Ok(())
        } else {
            Err(message)
        };
        drop(queue);
        // Also when it was full: the heart may have found the lock taken in the meantime.
        self.ring();
        posted
    }

    /// For ordinary threads: everything that waits.
    pub(crate) fn take(&self) -> Vec<T> {
        self.silence();
        self.lock().list.drain(..).collect()
    }

    /// For the heart: moves what waits behind `into`, unless another thread is inside. That thread rings later.
    pub(crate) fn try_take(&self, into: &mut VecDeque<T>) {
        self.silence();
        if let Ok(mut queue) = self.queue.try_lock() {
            into.append(&mut queue.list);
        }
    }

    /// For the heart: moves as much of `from` into the queue as has room, unless another thread is inside. What
    /// stays in `from` is to be offered again.
    pub(crate) fn try_post(&self, from: &mut VecDeque<T>) {
        if from.is_empty() {
            return;
        }
        let Ok(mut queue) = self.queue.try_lock() else { return };
        let room = queue.capacity.saturating_sub(queue.list.len()).min(from.len());
        queue.list.extend(from.drain(..room));
        drop(queue);
        self.ring();
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        // A panic ends the process, so nobody ever sees a poisoned lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        // Fails only if the socket is full, and then the bell rings already.
        let _ = (&self.ringer).write(&[0]);
    }

    fn silence(&self) {
        // A full buffer may not have been all; fails only if it does not ring.
        while (&self.bell).read(&mut [0; 64]).is_ok_and(|count| count == 64) {}
    }
}

impl<T> Mailbox<T> {
    /// A second handle on the bell, for an event loop that wants one of its own; readable as long as it rings.
    pub(crate) fn bell(&self) -> io::Result<UnixStream> {
        self.bell.try_clone()
    }
}

impl<T> AsFd for Mailbox<T> {
    /// Readable as long as the bell rings.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    fn rings<T>(mailbox: &Mailbox<T>) -> bool {
        let mut fds = [PollFd::new(mailbox, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    }

    #[test]
    fn messages_keep_their_order_and_ring_once() {
        let mailbox = Mailbox::new(4).unwrap();
        assert!(!rings(&mailbox));
        mailbox.post(1).unwrap();
        mailbox.post(2).unwrap();
        assert!(rings(&mailbox));
        let mut taken = VecDeque::from([0]);
        mailbox.try_take(&mut taken);
        assert_eq!(taken, [0, 1, 2]);
        assert!(!rings(&mailbox));
    }

    #[test]
    fn a_full_queue_gives_the_message_back() {
        let mailbox = Mailbox::new(2).unwrap();
        mailbox.post('a').unwrap();
        let mut more = VecDeque::from(['b', 'c']);
        mailbox.try_post(&mut more);
        assert_eq!(more, ['c']);
        assert_eq!(mailbox.post('d'), Err('d'));
        assert_eq!(mailbox.take(), ['a', 'b']);
        mailbox.try_post(&mut more);
        assert_eq!(mailbox.take(), ['c']);
    }

    #[test]
    fn room_can_be_made() {
        let mailbox = Mailbox::new(1).unwrap();
        mailbox.post('a').unwrap();
        assert_eq!(mailbox.post('b'), Err('b'));
        mailbox.make_room(2);
        mailbox.post('b').unwrap();
        assert_eq!(mailbox.post('c'), Err('c'));
        assert_eq!(mailbox.take(), ['a', 'b']);
    }

    #[test]
    fn the_heart_does_not_wait_for_whoever_is_inside() {
        let mailbox = Mailbox::new(4).unwrap();
        mailbox.post(1).unwrap();
        let inside = mailbox.lock();
        let mut taken = VecDeque::new();
        let mut waiting = VecDeque::from([2]);
        mailbox.try_take(&mut taken);
        mailbox.try_post(&mut waiting);
        assert!(taken.is_empty());
        assert_eq!(waiting, [2]);
        drop(inside);
        mailbox.try_post(&mut waiting);
        assert_eq!(mailbox.take(), [1, 2]);
    }
}
