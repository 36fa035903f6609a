//! The guard: a second, small process that runs resource scripts at ordinary priority (design.md, section 4).
//!
//! It gets its orders over a socket that it finds as standard input, one JSON value a line (`protocol`), runs each
//! script in a process group of its own with a time limit (`execute`) and answers with how it ended. It decides
//! nothing: order, retries and verdicts are the actuator's, whose side of the socket is `client`.
//!
//! Programs that run beside the node as long as that does (`respawn`) are kept running here, too (`clients`).
//!
//! The heart beats where the guard feels it (`pulse`). One that hangs is ended.
//!
//! When the heart dies, the socket ends. The guard then executes its will (`will`): the addresses go at once, what jobs
//! have run comes to its end or limit, all groups are stopped, and the other nodes are told. Hooks and checks, which are no
//! jobs, are killed (`runs`), then and in an orderly stop.

pub(crate) mod abandon;
pub(crate) mod capture;
pub(crate) mod client;
mod clients;
pub(crate) mod execute;
pub(crate) mod farewell;
mod lock;
pub(crate) mod protocol;
mod pulse;
pub(crate) mod runs;
pub(crate) mod will;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;

use hb_sys::process::Pidfd;
use hb_sys::{process, sched};
use thiserror::Error;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use clients::Clients;
pub use lock::{is_held, left_behind};
use protocol::{Answer, Lines, Order, ProtocolError, line};
use runs::Runs;
use will::{Bequest, Will};

use crate::address::Addresses;
use crate::netlink::Netlink;
use crate::report::{Level, Report, Reporter};

/// Why the guard could not do its work.
#[derive(Debug, Error)]
pub enum GuardError {
    /// Standard input is not the socket that the actuator passes, or another part of the set-up failed.
    #[error("cannot {what}: {source}")]
    Setup {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// What came over the socket was not understood.
    #[error("order not understood: {0}")]
    Protocol(#[from] ProtocolError),
}

/// The main function of the guard process: returns when the actuator closed its end of the socket, the scripts that
/// ran at that time have ended, and, if the heart died, everything that it held is released.
///
/// `tell` gets what people should know of that: [`ActuatorConfig::guard_log`](crate::ActuatorConfig::guard_log), the
/// level and one line.
///
/// Call it first thing in the process, on its main thread. It changes the process as a whole: scheduling class,
/// niceness and a shield against being killed for memory to the ordinary ones, umask 022, working directory `/`, no signal blocked, standard input away.
///
/// # Errors
/// See [`GuardError`].
pub fn run(tell: impl Fn(&str, Level, &str) + Send + 'static) -> Result<(), GuardError> {
    let (socket, pulse) = become_guard()?;
    let patient = pulse.zip(heart_of(&socket));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| GuardError::Setup { what: "start the event loop", source })?;
    LocalSet::new().block_on(&runtime, async {
        let _caught =
            catch_signals().map_err(|source| GuardError::Setup { what: "catch signals", source })?;
        let socket = UnixStream::from_std(socket)
            .map_err(|source| GuardError::Setup { what: "watch the socket", source })?;
        serve(socket, patient, Box::new(tell)).await
    })
}

/// The heart, as the guard feels it: where its beats are, and its process.
pub(crate) type Patient = (OwnedFd, Pidfd);

/// Takes orders until the socket ends or the heart hangs, then executes the will.
pub(crate) async fn serve(
    socket: UnixStream,
    patient: Option<Patient>,
    tell: Tell,
) -> Result<(), GuardError> {
    // Open before it is needed: then there may be no descriptor left.
    let addresses = Netlink::open().map(|netlink| Rc::new(Addresses::new(netlink)));
    let mut will = Will::default();
    let mut locked = None;
    let (readable, writable) = socket.into_split();
    let (answers, outbox) = mpsc::channel(OUTBOX);
    let writer = tokio::task::spawn_local(write_answers(writable, outbox));
    let mut orders = Lines::new(readable);
    let mut runs = Runs::new();
    let clients = Clients::new(answers.clone());
    let (limit, limits) = watch::channel(None);
    let mut hangs = pin!(pulse::hangs(patient, limits));
    let mut hung = false;
    let end = loop {
        let order = tokio::select! {
            biased;
            order = orders.next::<Order>() => order,
            // What was read of an order does not matter any more.
            () = &mut hangs => {
                hung = true;
                break Ok(());
            }
        };
        match order {
            Ok(Some(Order::Run(run))) => runs.begin(run, answers.clone()),
            Ok(Some(Order::Will(bequest))) => {
                let concerns_clients = bequest.concerns_clients();
                let concerns_groups = bequest.concerns_groups();
                if matches!(bequest, Bequest::Nothing) {
                    runs.cut();
                }
                will.add(bequest);
                // Once: the path stays the same as long as the daemon lives.
                locked = locked.or_else(|| lock::hold(will.config.as_ref()?.guard_lock.as_deref()?).ok());
                if let Some(file) = locked.as_ref().filter(|_| concerns_groups) {
                    lock::record(file, &will.groups());
                }
                if concerns_clients {
                    clients.want(will.clients());
                }
                let hangs_after = will.config.as_ref().and_then(|config| config.hangs_after);
                limit.send_if_modified(|limit| std::mem::replace(limit, hangs_after) != hangs_after);
            }
            Ok(None) | Err(ProtocolError::Cut) => break Ok(()),
            Err(error) => {
                // Whoever writes such things lives, and what it holds is its own; it will start another guard.
                will = Will::default();
                break Err(error.into());
            }
        }
        runs.sweep();
    };
    runs.cut();
    let report = reporter(&will, tell);
    if hung {
        report.note(
            Level::Critical,
            "The heart hangs: it was ended, so that nothing of it runs beside another node",
        );
    }
    if !will.is_empty() {
        report.note(Level::Critical, "The heart has died: what it held is released now");
        if let Ok(addresses) = &addresses {
            will.take_addresses(addresses, &report).await;
        }
    }
    drop(answers);
    runs.join().await;
    let mut farewell = None;
    if !will.is_empty() {
        let addresses =
            addresses.map_err(|source| GuardError::Setup { what: "open a netlink socket", source })?;
        let left;
        (left, farewell) = will.execute(addresses, report.clone()).await;
        if let Some(file) = &locked {
            lock::record(file, &left);
        }
    }
    // After the resources, as in an orderly stop.
    clients.end().await;
    runs.end().await;
    if let Some(lines) = farewell {
        lines.end(&report).await;
    }
    // Ends by itself, now that nobody can answer any more.
    let _ = writer.await;
    end
}

/// What people should know, with the words that say where it goes.
type Tell = Box<dyn Fn(&str, Level, &str) + Send>;

fn reporter(will: &Will, tell: Tell) -> Reporter {
    let log = will.config.as_ref().map(|config| config.guard_log.clone()).unwrap_or_default();
    Reporter::new(Box::new(move |report| {
        if let Report::Note { level, text } = report {
            tell(&log, level, &text);
        }
    }))
}

async fn write_answers(socket: OwnedWriteHalf, mut outbox: mpsc::Receiver<Answer>) {
    while let Some(answer) = outbox.recv().await {
        // Nobody reads any more once the heart is gone, but the scripts shall come to their end.
        let Ok(bytes) = line(&answer) else { continue };
        let _ = protocol::write(&socket, &bytes).await;
    }
}

/// Who holds the other end of the socket, as long as that is who started this process.
fn heart_of(socket: &StdUnixStream) -> Option<Pidfd> {
    let heart = rustix::net::sockopt::socket_peercred(socket).ok()?.pid;
    let handle = Pidfd::open(heart.as_raw_nonzero().get().try_into().ok()?).ok()?;
    // It was alive after its number was looked up: nobody else can have got it.
    (rustix::process::getppid() == Some(heart)).then_some(handle)
}

fn become_guard() -> Result<(StdUnixStream, Option<OwnedFd>), GuardError> {
    let step = |what, result: io::Result<()>| result.map_err(|source| GuardError::Setup { what, source });
    step("name the process", process::set_name("hb-guard"))?;
    step("leave the real-time class", sched::set_other())?;
    // Raising it again needs a privilege; without that the scripts run as nice as we were started.
    let _ = rustix::process::setpriority_process(None, 0);
    lower_the_shield(Path::new(OOM_SCORE));
    process::set_umask(0o022);
    step("unblock signals", process::set_blocked_signals(&[]))?;
    step("change to /", std::env::set_current_dir("/"))?;
    let socket =
        process::take_stdin().map_err(|source| GuardError::Setup { what: "take the socket", source })?;
    // Closed, or no place for beats, if somebody else has started us.
    let pulse = process::take_stdout().ok();
    // Standard error stays, for complaints of our own; scripts get pipes.
    step("keep descriptors from scripts", process::close_on_exec_from(3))?;
    let socket = StdUnixStream::from(socket);
    step("watch the socket", socket.set_nonblocking(true))?;
    Ok((socket, pulse))
}

/// What shields the heart from being killed when memory runs out would pass to all services: then nothing could be killed
/// but what is not ours. Without `/proc` it stays as it is.
fn lower_the_shield(score: &Path) {
    if std::fs::read_to_string(score).is_ok_and(|score| score.starts_with('-')) {
        let _ = std::fs::write(score, "0");
    }
}

/// The guard ends when its socket ends, not by a signal that was meant for a whole terminal or service: it may still
/// have to stop what the heart started. The signals are caught, not ignored, because scripts would inherit that.
fn catch_signals() -> io::Result<Vec<Signal>> {
    let kinds = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate()];
    // The last one for the case that our starter ignored it: then nobody could wait for a child.
    kinds.into_iter().chain([SignalKind::child()]).map(signal).collect()
}

/// How likely the process is killed when memory runs out (`proc(5)`): below 0 less than others.
const OOM_SCORE: &str = "/proc/self/oom_score_adj";
/// Answers that may wait to be written; beyond that, scripts that ended wait to tell it.
const OUTBOX: usize = 64;

#[cfg(test)]
mod tests;
