//! What actuator and guard say to each other: JSON values, one a line, of bounded length.
//!
//! Both ends come from the same installation, so there is no version; whatever is not understood ends the guard and
//! the actuator starts another.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::guard::will::Bequest;
use crate::report::Level;

/// From the actuator to the guard.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    Run(Run),
    /// Not answered: what counts is what has come when the heart dies.
    Will(Bequest),
}

/// Who waits for a run when the heart dies or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Awaited {
    /// The will, or the stop: what follows must not begin before.
    First,
    /// The guard itself, when everything else is done: half of it would be worse than none.
    Last,
    /// Nobody: it is killed.
    Never,
}

/// One run of a script.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) id: u64,
    /// File name, looked up in the directories in order. The guard looks, because a disk may keep it waiting.
    pub(crate) name: String,
    pub(crate) directories: Vec<PathBuf>,
    /// Parameters, then the operation.
    pub(crate) arguments: Vec<String>,
    /// The whole environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) working_dir: PathBuf,
    /// After this, SIGTERM to the process group.
    pub(crate) limit: Duration,
    /// After this again, SIGKILL.
    pub(crate) grace: Duration,
    /// Who waits for it when the heart dies or ends.
    pub(crate) awaited: Awaited,
    /// What it reads; nothing: from `/dev/null`.
    pub(crate) input: String,
}

/// From the guard to the actuator.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Started {
        id: u64,
        pid: u32,
        program: String,
    },
    Ended {
        id: u64,
        ending: Ending,
        output: Captured,
        errors: Captured,
        /// Number of the directory in which it was found; 0 if it was not.
        directory: usize,
    },
    /// Of a program that runs beside the node.
    Client(ClientNews),
}

/// What the guard tells of programs that run beside the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ClientNews {
    /// One runs, as leader of a process group.
    Started(u32),
    /// None runs.
    AllEnded,
    /// One without which the node shall not run has failed.
    FailfastEnded,
    /// For people.
    Note(Level, String),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ending {
    Exit(i32),
    Signal(i32),
    /// It ran into its limit and was ended, with its process group.
    Timeout,
    /// No directory has an executable regular file of that name.
    NotFound,
    /// It could not be started.
    NotStarted(String),
}

/// What a script printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Captured {
    /// The beginning; what is not UTF-8 is replaced.
    pub(crate) text: String,
    /// How many bytes came after that.
    pub(crate) lost: u64,
}

/// The other side cannot be understood, or not be reached.
#[derive(Debug, Error)]
pub enum ProtocolError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is longer than both sides allow.
    #[error("a line is longer than {LINE_LIMIT} bytes")]
    TooLong,
    /// The other side died in the middle of a line.
    #[error("the last line was cut off")]
    Cut,
    /// A line is not the JSON value that is due here.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Reads values line by line.
pub(crate) struct Lines(BufReader<OwnedReadHalf>);

impl Lines {
    pub(crate) fn new(socket: OwnedReadHalf) -> Self {
        Self(BufReader::new(socket))
    }

    /// The next value; `None` at the end. Not to be cancelled: a line read in part would be lost.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ProtocolError> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(LINE_LIMIT).unwrap_or(u64::MAX);
        let length = match (&mut self.0).take(limit).read_until(b'\n', &mut bytes).await {
            // The other side died before it read all that we wrote.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            other => other?,
        };
        if length == 0 {
            return Ok(None);
        }
        if bytes.last() != Some(&b'\n') {
            let too_long = length == LINE_LIMIT;
            return Err(if too_long { ProtocolError::TooLong } else { ProtocolError::Cut });
        }
        Ok(Some(serde_json::from_slice(&bytes)?))
    }
}

/// A value as a line.
pub(crate) fn line<T: Serialize>(value: &T) -> Result<Vec<u8>, ProtocolError> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    if bytes.len() > LINE_LIMIT { Err(ProtocolError::TooLong) } else { Ok(bytes) }
}

/// Writes all of `bytes`.
pub(crate) async fn write(socket: &OwnedWriteHalf, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        socket.writable().await?;
        match socket.try_write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Longest line, with its end. Twice 16 KiB of output in which every byte needs six are 192 KiB; orders are as long
/// as the environment and the parameters, which cannot exceed what a command line may hold by much.
pub(crate) const LINE_LIMIT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixStream;

    #[tokio::test(flavor = "current_thread")]
    async fn what_one_side_writes_the_other_side_reads() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (_, writable) = ours.into_split();
        let mut lines = Lines::new(theirs.into_split().0);
        let run = Run {
            id: 7,
            name: "www".into(),
            directories: vec!["/etc/ha.d/resource.d".into()],
            arguments: vec!["line\nend".into(), "start".into()],
            environment: vec![("HA_X".into(), "é".into())],
            working_dir: "/".into(),
            limit: Duration::from_millis(1500),
            grace: Duration::ZERO,
            awaited: Awaited::First,
            input: String::new(),
        };
        write(&writable, &line(&Order::Run(run.clone())).unwrap()).await.unwrap();
        let Some(Order::Run(read)) = lines.next::<Order>().await.unwrap() else { panic!("a run was sent") };
        assert_eq!(
            (read.arguments, read.environment, read.limit),
            (run.arguments, run.environment, run.limit)
        );
        drop(writable);
        assert!(lines.next::<Order>().await.unwrap().is_none());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (_, writable) = ours.into_split();
        let mut lines = Lines::new(theirs.into_split().0);
        let writer = async {
            write(&writable, &vec![b' '; LINE_LIMIT]).await.unwrap();
        };
        let (read, ()) = tokio::join!(lines.next::<Order>(), writer);
        assert!(matches!(read, Err(ProtocolError::TooLong)));
        assert!(matches!(line(&"x".repeat(LINE_LIMIT)), Err(ProtocolError::TooLong)));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_cut_line_is_an_error() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (_, writable) = ours.into_split();
        let mut lines = Lines::new(theirs.into_split().0);
        write(&writable, b"{\"Run\":{\"id\":").await.unwrap();
        drop(writable);
        assert!(matches!(lines.next::<Order>().await, Err(ProtocolError::Cut)));
    }
}
