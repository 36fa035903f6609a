//! The thread of a line: reads, writes and opens again. It ends when the medium is dropped.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::Device;
use super::line::Line;
use super::queue::WriteQueue;
use super::talk::Talk;
use crate::RECEIVE_BUFFER;
use crate::error::OpenError;
use crate::keeper::Happening;

type Tell = Box<dyn Fn(Happening) + Send>;

pub(super) struct Worker {
    /// To the owner: one message each.
    owner: OwnedFd,
    device: Device,
    /// None while the device is missing.
    line: Option<Line>,
    /// When to open it again.
    retry_at: Instant,
    talk: Box<dyn Talk>,
    queue: WriteQueue,
    /// Since when the line takes nothing.
    stuck_since: Option<Instant>,
    tell: Tell,
    buffer: Vec<u8>,
}

impl Worker {
    pub(super) fn new(
        owner: OwnedFd,
        device: Device,
        line: Option<Line>,
        mut talk: Box<dyn Talk>,
        tell: Tell,
    ) -> Self {
        let mut queue = WriteQueue::new(device.baud, device.patience.clone());
        if line.is_some() {
            talk.begin(Instant::now(), &mut queue);
        }
        Self {
            owner,
            device,
            line,
            retry_at: Instant::now() + RETRY,
            talk,
            queue,
            stuck_since: None,
            tell,
            buffer: vec![0; RECEIVE_BUFFER],
        }
    }

    pub(super) fn run(mut self) {
        while self.take() {
            self.reopen();
            let result = self.read().and_then(|()| {
                self.wake();
                self.write()
            });
            if let Err(error) = result {
                self.lose(error);
            }
            self.wait();
        }
    }

    fn wait(&self) {
        let mut fds = vec![PollFd::new(&self.owner, PollFlags::IN)];
        fds.extend(self.line.as_ref().map(|line| PollFd::new(line, PollFlags::IN)));
        let now = Instant::now();
        let until = match &self.line {
            // A line that is stuck is tried again, whatever its speed says.
            Some(_) if self.stuck_since.is_some() => Some(now + STUCK_RETRY),
            Some(_) => self.queue.due(now).into_iter().chain(self.talk.due()).min(),
            None => Some(self.retry_at),
        };
        let limit = until.map(|until| timespec(until.saturating_duration_since(now)));
        // An error is a signal, or costs no more than a turn too many.
        let _ = poll(&mut fds, limit.as_ref());
    }

    /// Takes what the owner sends; false if there is no owner any more.
    fn take(&mut self) -> bool {
        loop {
            match recv(&self.owner, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => return false,
                Ok((length, _)) => {
                    // Without a line nothing waits: it would be old when the line is back.
                    if self.line.is_some() {
                        self.talk.send(self.buffer.get(..length).unwrap_or_default(), &mut self.queue);
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => return true,
                Err(_) => return false,
            }
        }
    }

    fn reopen(&mut self) {
        let now = Instant::now();
        if self.line.is_some() || now < self.retry_at {
            return;
        }
        match Line::open(&self.device.path, self.device.baud, self.device.modes) {
            Ok(line) => {
                self.line = Some(line);
                self.talk.begin(Instant::now(), &mut self.queue);
                (self.tell)(Happening::Back);
            }
            Err(_) => self.retry_at = Instant::now() + RETRY,
        }
    }

    fn lose(&mut self, source: io::Error) {
        self.line = None;
        self.queue = WriteQueue::new(self.device.baud, self.device.patience.clone());
        self.stuck_since = None;
        self.retry_at = Instant::now() + RETRY;
        let action = format!("use {}", self.device.path.display());
        (self.tell)(Happening::Lost(OpenError::Other { action, source }));
    }

    fn read(&mut self) -> io::Result<()> {
        let Some(line) = &self.line else { return Ok(()) };
        for _ in 0..READS {
            let length = match rustix::io::read(line, &mut self.buffer[..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let Self { talk, queue, owner, buffer, .. } = self;
            let input = buffer.get(..length).unwrap_or_default();
            talk.receive(Instant::now(), input, queue, &mut |message| {
                // An owner that does not read loses what it does not read.
                let _ = send(&*owner, message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
            });
        }
        Ok(())
    }

    /// After everything was read: whoever woke late has heard what came meanwhile.
    fn wake(&mut self) {
        if self.line.is_some()
            && let Some(what) = self.talk.wake(Instant::now(), &mut self.queue)
        {
            (self.tell)(what);
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let Some(line) = &self.line else { return Ok(()) };
        let now = Instant::now();
        let Some(piece) = self.queue.piece(now) else { return Ok(()) };
        match rustix::io::write(line, piece) {
            Ok(length) if length > 0 => {
                self.queue.wrote(length, now);
                self.stuck_since = None;
            }
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {
                if now.duration_since(*self.stuck_since.get_or_insert(now)) > PATIENCE {
                    line.forget_output();
                    self.queue.give_up_current();
                    self.stuck_since = None;
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn timespec(duration: Duration) -> Timespec {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec: seconds, tv_nsec: i64::from(duration.subsec_nanos()) }
}

/// Pause before a missing device is opened again.
const RETRY: Duration = Duration::from_secs(1);
/// Pause before a line that takes nothing is tried again.
const STUCK_RETRY: Duration = Duration::from_millis(50);
/// How long a line may take nothing before the message that was begun is given up.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the line is read in one turn.
const READS: usize = 16;
