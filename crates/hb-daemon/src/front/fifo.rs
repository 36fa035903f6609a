//! The FIFO for shell scripts (`client-api.md` 12): whole messages are read, and what they ask for is done or refused.
//!
//! Only root can write into it. Whatever is written costs some processor time at ordinary priority, and lines in the log at
//! a limited rate: one read and one message at a time, with a pause after each, so that a script that writes without end
//! waits in its own write.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use hb_client::ScriptsStatus;
use hb_wire::Message;
use hb_wire::classic::fifo::{Fifo, Loss};
use rustix::fs::{CWD, Mode, OFlags};
use tokio::net::unix::pipe::Receiver;
use tokio::time::{Instant, sleep, timeout_at};

use super::Office;
use super::desk::Busy;
use super::script::Wish;
use crate::clock;
use crate::excerpt::excerpt;
use crate::limited_log::LimitedLog;
use crate::log::Level;

/// The FIFO, open.
pub(crate) struct ScriptFifo {
    receiver: Receiver,
    node: String,
}

impl ScriptFifo {
    /// Opens the FIFO in `state_dir` for reading and writing, so that there is always a reader and a writer; makes it anew
    /// where something else stands in its place. `node` is our name. To be called where the front's event loop is.
    pub(crate) fn open(state_dir: &Path, node: &str) -> io::Result<Self> {
        let path = state_dir.join(FIFO);
        make(&path)?;
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fifo: OwnedFd = rustix::fs::open(&path, flags, Mode::empty())?;
        Ok(Self { receiver: Receiver::from_owned_fd(fifo)?, node: node.to_owned() })
    }

    /// Reads messages as long as the front lives.
    pub(super) async fn serve(self, office: Rc<Office>) {
        let Self { receiver, node } = self;
        let log = LimitedLog::new(office.log.clone());
        let mut reader = Reader { office, node, fifo: Fifo::new(), log, patience: Patience::default() };
        let mut chunk = vec![0; CHUNK];
        loop {
            match read(&receiver, &mut chunk, reader.next_deadline()).await {
                // Only then has all been read that was there: we may have been asleep ourselves.
                Ok(0) => reader.give_up(),
                Ok(count) => {
                    reader.take(chunk.get(..count).unwrap_or_default()).await;
                    sleep(PAUSE).await;
                }
                Err(error) => {
                    return reader.log.say(Level::Error, &format!("the FIFO for scripts is lost: {error}"));
                }
            }
            reader.log.tell_suppressed(clock::tick());
        }
    }
}

/// How many bytes were read: none if the time is over, or for no reason.
async fn read(fifo: &Receiver, chunk: &mut [u8], deadline: Option<Instant>) -> io::Result<usize> {
    match deadline {
        Some(deadline) => match timeout_at(deadline, fifo.readable()).await {
            Ok(ready) => ready?,
            Err(_) => return Ok(0),
        },
        None => fifo.readable().await?,
    }
    match fifo.try_read(chunk) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        read => read,
    }
}

/// A FIFO that is ours alone stands at `path` afterwards. Who writes into one that is there already goes on with it.
fn make(path: &Path) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_fifo() && found.uid() == own => {
            return fs::set_permissions(path, Permissions::from_mode(MODE));
        }
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    rustix::fs::mkfifoat(CWD, path, Mode::from_raw_mode(MODE))?;
    // Whatever the umask has left of it.
    fs::set_permissions(path, Permissions::from_mode(MODE))
}

/// Takes in what scripts write.
struct Reader {
    office: Rc<Office>,
    node: String,
    fifo: Fifo,
    log: LimitedLog,
    patience: Patience,
}

impl Reader {
    async fn take(&mut self, mut bytes: &[u8]) {
        let mut has_message = false;
        while let Some(found) = self.fifo.next_message(&mut bytes) {
            match found {
                Ok(message) => {
                    has_message = true;
                    self.heed(message);
                    sleep(PAUSE).await;
                }
                Err(loss) => self.lost(loss),
            }
        }
        self.patience.read(self.fifo.is_waiting(), has_message);
    }

    fn heed(&mut self, message: Message) {
        let kind = excerpt(message.kind().unwrap_or_default(), KIND).escape_debug().to_string();
        match Wish::of(message, &self.node) {
            Ok(wish) => {
                if self.perform(wish, &kind).is_err() {
                    self.refused("busy", format_args!("message {kind} of a script is lost: {Busy}"));
                }
            }
            Err(refusal) => {
                let cause = refusal.cause();
                self.refused(cause, format_args!("message {kind} of a script is refused: {refusal}"));
            }
        }
    }

    fn perform(&mut self, wish: Wish, kind: &str) -> Result<(), Busy> {
        let desk = &self.office.desk;
        let (level, text) = match wish {
            Wish::Command(command, words) => {
                desk.command(command)?;
                (Level::Info, format!("A script asks this node to {words}."))
            }
            Wish::Members(change, words) => {
                desk.members(change)?;
                (Level::Info, format!("A script asks this node to {words}."))
            }
            Wish::Say(message) => {
                desk.say(message)?;
                (Level::Debug, format!("A script sends a message {kind} to the cluster."))
            }
        };
        self.log.limited(clock::tick(), "orders of scripts", BURST, level, || text);
        self.office.scripts.borrow_mut().taken += 1;
        Ok(())
    }

    fn lost(&mut self, loss: Loss) {
        self.refused(loss.cause(), format_args!("the FIFO for scripts had {loss}"));
    }

    fn refused(&mut self, cause: &'static str, text: fmt::Arguments<'_>) {
        *self.office.scripts.borrow_mut().refused.entry(cause).or_default() += 1;
        self.log.limited(clock::tick(), cause, 1, Level::Warn, || format!("{text} [{cause}]"));
    }

    fn give_up(&mut self) {
        if self.patience.is_over() {
            self.patience = Patience::default();
            if let Some(loss) = self.fifo.give_up() {
                self.lost(loss);
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let summary = self.log.next_summary().map(|at| Instant::now() + at.since(clock::tick()));
        [self.patience.deadline(), summary].into_iter().flatten().min()
    }
}

/// How long the rest of a message is waited for: a second from one piece to the next, and five in all.
#[derive(Clone, Copy, Debug, Default)]
struct Patience {
    began: Option<Instant>,
    last: Option<Instant>,
}

impl Patience {
    /// Something was read, with a whole message in it or not; and whether more must come.
    fn read(&mut self, is_waiting: bool, has_message: bool) {
        let now = Instant::now();
        let began = self.began.filter(|_| !has_message).unwrap_or(now);
        *self = if is_waiting { Self { began: Some(began), last: Some(now) } } else { Self::default() };
    }

    fn deadline(&self) -> Option<Instant> {
        let (began, last) = (self.began?, self.last?);
        Some((last + PIECE).min(began + WHOLE))
    }

    fn is_over(&self) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }
}

/// What became of messages of scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scripts {
    taken: u64,
    refused: BTreeMap<&'static str, u64>,
}

impl Scripts {
    pub(super) fn status(&self) -> ScriptsStatus {
        let refused = self.refused.iter().map(|(cause, count)| ((*cause).to_owned(), *count)).collect();
        ScriptsStatus { taken: self.taken, refused }
    }
}

/// Its name in the state directory.
const FIFO: &str = "fifo";
const MODE: u32 = 0o600;
/// Bytes that are read at once.
const CHUNK: usize = 4096;
/// After each read and each message: at most 50 messages a second, as of another node, so that few leave the history.
const PAUSE: Duration = Duration::from_millis(20);
const PIECE: Duration = Duration::from_secs(1);
const WHOLE: Duration = Duration::from_secs(5);
/// Lines about orders that are written at once.
const BURST: u32 = 20;
/// Bytes of a type, which the script chooses.
const KIND: usize = 40;
