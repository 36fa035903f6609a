//! The control socket: one request a line, one answer a line (`hb-client`).
//!
//! A few connections at once, short patience with each: who connects and says nothing, or does not read, loses the
//! connection and holds up nobody.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use hb_client::{CONTROL_SOCKET, MAX_REQUEST_LEN, RefusalCause, Request, Response};
use hb_engine::Command;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Office, status};
use crate::accounts;
use crate::heart::MemberChange;

/// The listening control socket.
pub(crate) struct ControlSocket {
    listener: StdUnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Listens in `run_dir`. The socket appears with its final mode and owner, in the place of one that an earlier
    /// run left: 0660 for the group `haclient` if there is one, else 0600.
    pub(crate) fn open(run_dir: &Path) -> io::Result<Self> {
        let path = run_dir.join(CONTROL_SOCKET);
        let temporary = run_dir.join(format!(".{CONTROL_SOCKET}.{}", std::process::id()));
        remove_if_there(&temporary)?;
        let listener = StdUnixListener::bind(&temporary)?;
        listener.set_nonblocking(true)?;
        let group = accounts::group_id("haclient");
        // Without the privilege to give it away it stays ours alone.
        let given =
            group.is_some_and(|group| std::os::unix::fs::chown(&temporary, None, Some(group)).is_ok());
        let mode = if given { 0o660 } else { 0o600 };
        std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(mode))?;
        std::fs::rename(&temporary, &path)?;
        Ok(Self { listener, path })
    }

    /// Serves connections; beside, the connections of those who wait for the end of the process.
    pub(super) fn serve(self, office: Rc<Office>) -> (impl Future<Output = ()>, Rc<RefCell<Vec<OwnedFd>>>) {
        let waiting = Rc::new(RefCell::new(Vec::new()));
        let clerk = Rc::new(Clerk { office, open: Cell::new(0), waiting: Rc::clone(&waiting) });
        (self.accept(clerk), waiting)
    }

    async fn accept(self, clerk: Rc<Clerk>) {
        let _removed_at_the_end = Removal(&self.path);
        let Ok(listener) = UnixListener::from_std(self.listener) else { return };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::task::spawn_local(Rc::clone(&clerk).attend(stream));
                }
                // No descriptors left, for example; it passes, or the others go on without.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

struct Clerk {
    office: Rc<Office>,
    open: Cell<usize>,
    waiting: Rc<RefCell<Vec<OwnedFd>>>,
}

impl Clerk {
    async fn attend(self: Rc<Self>, mut stream: UnixStream) {
        if self.open.get() >= CONNECTIONS {
            answer(&mut stream, &refused(RefusalCause::Busy, "too many connections")).await;
            return;
        }
        self.open.set(self.open.get() + 1);
        let stops = self.converse(&mut stream).await;
        self.open.set(self.open.get() - 1);
        if stops && let Ok(stream) = stream.into_std() {
            let mut waiting = self.waiting.borrow_mut();
            if waiting.len() < CONNECTIONS {
                waiting.push(stream.into());
            }
        }
    }

    /// Answers requests until the other side is done; true if it waits for the end of the process.
    async fn converse(&self, stream: &mut UnixStream) -> bool {
        let privileged = may_command(stream);
        let mut input = Vec::new();
        loop {
            let Some(line) = read_line(stream, &mut input).await else { return false };
            let (stops, response) = match serde_json::from_slice(&line) {
                Ok(request) => {
                    let stops = request == Request::Stop;
                    let response = self.respond(request, privileged).await;
                    (stops && matches!(response, Response::Accepted { .. }), response)
                }
                Err(error) => (false, refused(RefusalCause::UnknownRequest, &error.to_string())),
            };
            if !answer(stream, &response).await || stops {
                return stops;
            }
        }
    }

    async fn respond(&self, request: Request, privileged: bool) -> Response {
        let office = &self.office;
        if request != Request::Status && !privileged {
            return refused(RefusalCause::Permission, "ask as root, or as the user that the node runs as");
        }
        let done = match request {
            Request::Status => {
                return match office.desk.status().await {
                    Ok(report) => {
                        let (log, uptime) = (office.log.counts(), office.desk.uptime());
                        let mut status = status::status(report, &office.background.borrow(), log, uptime);
                        status.scripts = office.scripts.borrow().status();
                        Response::Status { status: Box::new(status) }
                    }
                    Err(error) => refused(RefusalCause::Busy, &error.to_string()),
                };
            }
            Request::Reload => {
                return match office.reload().await {
                    Ok(text) => Response::Accepted { text },
                    Err(refusal) => Response::Refused { cause: refusal.cause, text: refusal.text },
                };
            }
            Request::Move { group, to } => return self.move_group(&group, &to).await,
            Request::Fenced { node } => return self.confirm_fenced(&node).await,
            Request::Stop => office.stop().map(|()| "stopping".to_owned()),
            Request::AddNode { nodes } => {
                office.desk.members(MemberChange::Add(nodes)).map(|()| told("addition"))
            }
            Request::DelNode { nodes } => {
                office.desk.members(MemberChange::Delete(nodes)).map(|()| told("deletion"))
            }
            Request::Standby { set } => {
                office.desk.command(Command::Standby(status::hold_set(set))).map(|()| {
                    format!("asked to give up [{set}]; what comes of it is in the log and in the status")
                })
            }
            Request::Takeover { set } => {
                office.desk.command(Command::Takeover(status::hold_set(set))).map(|()| {
                    format!("asked to take over [{set}]; what comes of it is in the log and in the status")
                })
            }
        };
        done.map_or_else(
            |busy| refused(RefusalCause::Busy, &busy.to_string()),
            |text| Response::Accepted { text },
        )
    }
}

impl Clerk {
    async fn confirm_fenced(&self, name: &str) -> Response {
        let snapshot = match self.office.desk.status().await {
            Ok(report) => report.snapshot,
            Err(error) => return refused(RefusalCause::Busy, &error.to_string()),
        };
        let waits = |node: &&hb_engine::NodeSnapshot| {
            snapshot.fencing.is_some_and(|fencing| fencing.node == node.node) && node.name == name
        };
        let Some(node) = snapshot.nodes.iter().find(waits) else {
            return refused(RefusalCause::Unknown, &format!("nothing waits for a reset of {name}"));
        };
        match self.office.desk.command(Command::ConfirmFenced(node.node)) {
            Ok(()) => {
                let text = format!(
                    "told that {name} is switched off, which counts if it still waits for its reset; what comes of it is in the \
                     log and in the status"
                );
                Response::Accepted { text }
            }
            Err(busy) => refused(RefusalCause::Busy, &busy.to_string()),
        }
    }

    async fn move_group(&self, group: &str, to: &str) -> Response {
        let snapshot = match self.office.desk.status().await {
            Ok(report) => report.snapshot,
            Err(error) => return refused(RefusalCause::Busy, &error.to_string()),
        };
        let Some(known) = snapshot.groups.iter().find(|known| known.key == group) else {
            let keys: Vec<_> = snapshot.groups.iter().map(|group| group.key.as_str()).collect();
            let text = format!("no group is called {group}; there are: {}", keys.join(", "));
            return refused(RefusalCause::Unknown, &text);
        };
        let Some(node) = snapshot.nodes.iter().find(|node| node.name == to) else {
            let names: Vec<_> = snapshot.nodes.iter().map(|node| node.name.as_str()).collect();
            let text = format!("no node is called {to}; there are: {}", names.join(", "));
            return refused(RefusalCause::Unknown, &text);
        };
        let command = Command::Move { group: known.group, here: node.node == snapshot.local };
        match self.office.desk.command(command) {
            Ok(()) => Response::Accepted {
                text: format!(
                    "asked to run {group} on {to}; what comes of it is in the log and in the status"
                ),
            },
            Err(busy) => refused(RefusalCause::Busy, &busy.to_string()),
        }
    }
}

fn told(what: &str) -> String {
    format!("asked for the {what}; what comes of it is in the log and in the status")
}

/// One line without its end; nothing if there is none in time, or it is too long.
async fn read_line(stream: &mut UnixStream, input: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut chunk = [0; 512];
    // For the whole line: who sends it byte by byte does not get more.
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(end) = input.iter().position(|byte| *byte == b'\n') {
            let rest = input.split_off(end + 1);
            let mut line = std::mem::replace(input, rest);
            line.pop();
            return Some(line);
        }
        if input.len() >= MAX_REQUEST_LEN {
            return None;
        }
        match timeout_at(end, stream.read(&mut chunk)).await {
            Ok(Ok(count @ 1..)) => input.extend(chunk.iter().take(count)),
            _ => return None,
        }
    }
}

/// Whether the answer went out in time.
async fn answer(stream: &mut UnixStream, response: &Response) -> bool {
    let Ok(mut line) = serde_json::to_vec(response) else { return false };
    line.push(b'\n');
    matches!(timeout(PATIENCE, stream.write_all(&line)).await, Ok(Ok(())))
}

/// Who may change something: root, and the user that the daemon runs as.
fn may_command(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == own)
}

fn refused(cause: RefusalCause, text: &str) -> Response {
    Response::Refused { cause, text: text.to_owned() }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Takes the socket's name away when the listener ends.
struct Removal<'a>(&'a Path);

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        // A leftover does no harm: nobody listens, and the next run replaces it.
        let _ = std::fs::remove_file(self.0);
    }
}

/// Connections served at once.
const CONNECTIONS: usize = 8;
/// Longest wait for a request, and for a reader to take an answer.
const PATIENCE: Duration = Duration::from_secs(5);
