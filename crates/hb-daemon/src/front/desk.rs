//! Passes questions to the heart and its answers back to the tasks that wait for them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use hb_engine::{Command, Membership};
use hb_transport::Medium;
use hb_wire::Message;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::heart::{Change, FromHeart, HeartStatus, MemberChange, ToHeart, Told};
use crate::mailbox::Mailbox;

/// The heart did not take or answer it in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the heart does not answer")]
pub(crate) struct Busy;

/// Something for the programs of this machine.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Those that run beside the node shall run from now on.
    StartClients,
    /// Scripts of `rc.d` shall hear of this.
    Hook(Told),
}

/// Sees to an errand, without waiting.
pub(crate) type Runs = Box<dyn Fn(Errand)>;

/// Writes down who is a node.
pub(crate) type Keep = Box<dyn Fn(&Membership)>;

/// The way to the heart.
pub(crate) struct Desk {
    to_heart: Arc<Mailbox<ToHeart>>,
    from_heart: Arc<Mailbox<FromHeart>>,
    bell: UnixStream,
    epochs: Sender<u64>,
    started: Instant,
    next_ticket: Cell<u64>,
    waiting: RefCell<BTreeMap<u64, oneshot::Sender<Box<HeartStatus>>>>,
    stopping: Cell<bool>,
    keep: Keep,
    errand: Runs,
}

impl Desk {
    /// A desk between these mailboxes; to be called where the front's event loop is. What is to be written of epochs goes to
    /// `epochs`.
    pub(crate) fn new(
        to_heart: Arc<Mailbox<ToHeart>>,
        from_heart: Arc<Mailbox<FromHeart>>,
        epochs: Sender<u64>,
        keep: Keep,
        errand: Runs,
    ) -> io::Result<Self> {
        let bell = UnixStream::from_std(from_heart.bell()?)?;
        Ok(Self {
            to_heart,
            from_heart,
            bell,
            epochs,
            started: Instant::now(),
            next_ticket: Cell::new(0),
            waiting: RefCell::default(),
            stopping: Cell::new(false),
            keep,
            errand,
        })
    }

    /// Passes answers on until the heart has ended; returns how.
    pub(super) async fn serve(&self) -> io::Result<()> {
        loop {
            self.bell.readable().await?;
            // Until the runtime has seen that nothing is left, it would say at once that there is something.
            while self.bell.try_read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
            for message in self.from_heart.take() {
                match message {
                    FromHeart::Status { ticket, report } => {
                        if let Some(asker) = self.waiting.borrow_mut().remove(&ticket) {
                            // Whoever asked may have gone away.
                            let _ = asker.send(report);
                        }
                    }
                    FromHeart::Epoch(number) => {
                        // Its thread ends with us.
                        let _ = self.epochs.send(number);
                    }
                    FromHeart::Hook(told) => (self.errand)(Errand::Hook(told)),
                    FromHeart::CommunicationUp => (self.errand)(Errand::StartClients),
                    FromHeart::Members(members) => (self.keep)(&members),
                    FromHeart::Discarded(parts) => drop(parts),
                    FromHeart::Ended(result) => return result,
                }
            }
        }
    }

    /// How things are.
    pub(super) async fn status(&self) -> Result<HeartStatus, Busy> {
        let ticket = self.next_ticket.get();
        self.next_ticket.set(ticket + 1);
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().insert(ticket, sender);
        let posted = self.to_heart.post(ToHeart::Status { ticket });
        let answer = match posted {
            Ok(()) => timeout(PATIENCE, receiver).await.ok().and_then(Result::ok),
            Err(_) => None,
        };
        self.waiting.borrow_mut().remove(&ticket);
        answer.map(|report| *report).ok_or(Busy)
    }

    /// A command for the engine.
    pub(super) fn command(&self, command: Command) -> Result<(), Busy> {
        self.to_heart.post(ToHeart::Command(command)).map_err(|_| Busy)
    }

    /// Nodes that come or go.
    pub(super) fn members(&self, change: MemberChange) -> Result<(), Busy> {
        self.to_heart.post(ToHeart::Members(change)).map_err(|_| Busy)
    }

    /// A program's message for the cluster.
    pub(super) fn say(&self, message: Message) -> Result<(), Busy> {
        self.to_heart.post(ToHeart::Say(message)).map_err(|_| Busy)
    }

    /// The orderly stop.
    pub(super) fn stop(&self) -> Result<(), Busy> {
        self.command(Command::Stop)?;
        self.stopping.set(true);
        Ok(())
    }

    /// Whether the orderly stop was asked for.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Another configuration.
    pub(super) fn change(&self, change: Change<Medium>) -> Result<(), Busy> {
        self.to_heart.post(ToHeart::Change(Box::new(change))).map_err(|_| Busy)
    }

    /// Time since the start.
    pub(super) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Longest wait for an answer of the heart, which takes microseconds.
const PATIENCE: Duration = Duration::from_secs(2);
