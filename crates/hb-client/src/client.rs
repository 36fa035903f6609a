//! A blocking client of the control socket; every call has a time limit.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::request::Request;
use crate::response::{MAX_RESPONSE_LEN, RefusalCause, Response};
use crate::set::ResourceSet;
use crate::status::Status;

/// Name of the control socket in the run directory.
pub const CONTROL_SOCKET: &str = "control";

/// A connection to a node's control socket.
pub struct Client {
    stream: UnixStream,
    timeout: Duration,
    /// Bytes read beyond the last answer.
    rest: Vec<u8>,
}

impl Client {
    /// Connects to the node whose run directory is `run_dir` (`/run/heartbeat` unless it was started with another).
    /// `timeout` limits every later exchange.
    ///
    /// # Errors
    /// [`ClientError::NotRunning`] if nobody listens there, [`ClientError::NoPermission`] if the socket may not be
    /// opened, [`ClientError::Io`] for the rest.
    pub fn connect(run_dir: &Path, timeout: Duration) -> Result<Self, ClientError> {
        let path = run_dir.join(CONTROL_SOCKET);
        let connected = UnixStream::connect(&path).and_then(|stream| {
            stream.set_write_timeout(Some(timeout))?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => Ok(Self { stream, timeout, rest: Vec::new() }),
            Err(source)
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Err(ClientError::NotRunning { path })
            }
            Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
                Err(ClientError::NoPermission { path })
            }
            Err(source) => Err(ClientError::Io { source }),
        }
    }

    /// The node's state.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn status(&mut self) -> Result<Status, ClientError> {
        match self.ask(&Request::Status)? {
            Response::Status { status } => Ok(*status),
            Response::Accepted { .. } => Err(ClientError::UnexpectedAnswer),
            Response::Refused { cause, text } => Err(ClientError::Refused { cause, text }),
        }
    }

    /// Asks the node to give groups to its peer. That it was accepted does not say that the peer takes them.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn standby(&mut self, set: ResourceSet) -> Result<String, ClientError> {
        self.command(&Request::Standby { set })
    }

    /// Asks the node to ask its peer for groups. That it was accepted does not say that the peer gives them.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn takeover(&mut self, set: ResourceSet) -> Result<String, ClientError> {
        self.command(&Request::Takeover { set })
    }

    /// Asks the node to see that one group runs on the node of this name. That it was accepted does not say that it can be
    /// moved.
    ///
    /// # Errors
    /// See [`ClientError`]; [`RefusalCause::Unknown`] if there is no such group or node.
    pub fn move_group(&mut self, group: String, to: String) -> Result<String, ClientError> {
        self.command(&Request::Move { group, to })
    }

    /// Says that a dead node that waits for its reset was switched off by hand.
    ///
    /// # Errors
    /// See [`ClientError`]; [`RefusalCause::Unknown`] if nothing waits for a reset of that node.
    pub fn fenced(&mut self, node: String) -> Result<String, ClientError> {
        self.command(&Request::Fenced { node })
    }

    /// Adds nodes to the cluster, on every node. That it was accepted does not say that they could be added.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn add_nodes(&mut self, nodes: Vec<String>) -> Result<String, ClientError> {
        self.command(&Request::AddNode { nodes })
    }

    /// Deletes dead nodes from the cluster, on every node. That it was accepted does not say that they could be deleted.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn delete_nodes(&mut self, nodes: Vec<String>) -> Result<String, ClientError> {
        self.command(&Request::DelNode { nodes })
    }

    /// Lets the node read its configuration again; answers what came of it.
    ///
    /// # Errors
    /// See [`ClientError`]; [`RefusalCause::Configuration`] with the whole report if the files have errors.
    pub fn reload(&mut self) -> Result<String, ClientError> {
        self.command(&Request::Reload)
    }

    /// Asks for an orderly stop and waits until the node is gone, at most `limit`.
    ///
    /// # Errors
    /// [`ClientError::StillRunning`] after `limit`: the stop goes on. Else see [`ClientError`].
    pub fn stop(mut self, limit: Duration) -> Result<(), ClientError> {
        let end = Instant::now() + limit;
        self.command(&Request::Stop)?;
        // The node holds the connection open as long as it lives; the kernel closes it in any case.
        let mut rest = [0; 64];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ClientError::StillRunning { limit });
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut rest) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Ok(_) => {}
                Err(error) if is_passing(&error) => {}
                Err(source) => return Err(ClientError::Io { source }),
            }
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    /// See [`ClientError`]; a refusal is an answer here, not an error.
    pub fn ask(&mut self, request: &Request) -> Result<Response, ClientError> {
        let mut line = serde_json::to_vec(request).map_err(|source| ClientError::Malformed { source })?;
        line.push(b'\n');
        match self.stream.write_all(&line) {
            // A node that serves too many others says so and closes; its answer may wait to be read.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            other => other?,
        }
        let answer = self.read_line()?;
        serde_json::from_slice(&answer).map_err(|source| ClientError::Malformed { source })
    }

    fn command(&mut self, request: &Request) -> Result<String, ClientError> {
        match self.ask(request)? {
            Response::Accepted { text } => Ok(text),
            Response::Refused { cause, text } => Err(ClientError::Refused { cause, text }),
            Response::Status { .. } => Err(ClientError::UnexpectedAnswer),
        }
    }

    fn read_line(&mut self) -> Result<Vec<u8>, ClientError> {
        let end = Instant::now() + self.timeout;
        let mut line = std::mem::take(&mut self.rest);
        let mut chunk = [0; 4096];
        let mut searched = 0;
        loop {
            if let Some(at) = line.iter().skip(searched).position(|byte| *byte == b'\n') {
                self.rest = line.split_off(searched + at + 1);
                line.pop();
                return Ok(line);
            }
            searched = line.len();
            if searched > MAX_RESPONSE_LEN {
                return Err(ClientError::TooLong);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ClientError::TimedOut { timeout: self.timeout });
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(count) => line.extend(chunk.iter().take(count)),
                Err(error) if is_passing(&error) => {}
                Err(source) => return Err(ClientError::Io { source }),
            }
        }
    }
}

/// Why a node could not be asked, or did not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody listens on the control socket.
    #[error("no node is running: nobody listens on {}", path.display())]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// This user may not open the control socket.
    #[error("no permission to open {}", path.display())]
    NoPermission {
        /// The socket.
        path: PathBuf,
    },
    /// The node did not answer in time.
    #[error("the node did not answer within {} ms", timeout.as_millis())]
    TimedOut {
        /// The limit.
        timeout: Duration,
    },
    /// The node closed the connection without an answer.
    #[error("the node closed the connection without an answer")]
    Closed,
    /// The orderly stop takes longer than the caller wanted to wait; it goes on.
    #[error("the node still runs after {} s; its stop goes on", limit.as_secs())]
    StillRunning {
        /// The limit.
        limit: Duration,
    },
    /// The answer is longer than [`MAX_RESPONSE_LEN`].
    #[error("the answer is too long")]
    TooLong,
    /// The answer is no JSON that this version understands.
    #[error("the answer cannot be read")]
    Malformed {
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The answer belongs to another request.
    #[error("the answer does not belong to the request")]
    UnexpectedAnswer,
    /// The node refused.
    #[error("{cause}: {text}")]
    Refused {
        /// Why, for programs.
        cause: RefusalCause,
        /// Why, for people.
        text: String,
    },
    /// The socket failed.
    #[error("the control socket failed")]
    Io {
        /// How.
        #[from]
        source: io::Error,
    },
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests;
