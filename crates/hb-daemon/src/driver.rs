//! A run of the daemon, from the first line of the log to the exit code.
//!
//! ```text
//!            peers                      people and programs on this machine
//!          ^  | datagrams                ^  | signals     ^ | control socket
//!   ┌──────┴──v───────┐  ToHeart   ┌─────┴──v─────────────┴─v─┐   ┌───────────┐
//!   │ heart           │<───────────┤ front (main thread)      ├──>│ reload    │ only while it reads
//!   │ real-time class │ FromHeart  │ tokio, current thread    │<──┤           │ the files again
//!   │ epoll + timerfd ├───────────>│                          │   └───────────┘
//!   │ engine, media,  │            └──────────┬───────────────┘
//!   │ key ring        │  lines                │ lines
//!   │                 ├───────────┐           v
//!   └──┬──────────^───┘           │        ┌──────────┐ stderr, logfile, debugfile, syslog
//!      │ jobs     │ JobEnd        └───────>│ log      ├──────────────────────────────────>
//!      v          │                        └──────────┘
//!   ┌─────────────┴───┐  notes                ^
//!   │ actuator        ├───────────────────────┘
//!   │ hb-resource     ├────> addresses (netlink), announcements (ARP)
//!   └──┬──────────^───┘
//!      v socket   │
//!   [ guard: a process of its own, runs resource scripts ]
//! ```
//! Queues to and from the heart are mailboxes that the heart never waits for; log lines go through a socket pair that
//! drops and counts when it is full. The heart ends first, then the front, then the log. A panic in any thread ends the
//! process: a node of which only a part lives is worse than none.

mod hands;

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use hb_config::Checked;
use hb_engine::{Action, Engine, JobId};
use hb_resource::{Actuator, Beating, Hook, Job, JobAction};
use hb_sys::process::{Notifier, Side, daemonise, detach_errors, detach_stdio, set_umask};
use hb_sys::sched::Crew;
use tokio::runtime::Runtime;

use hands::Hands;

use crate::failfast::Failfast;
use crate::front::{
    Background, ControlSocket, Desk, Ended, Errand, Front, Keep, Reloader, Runs, ScriptFifo, Signals,
};
use crate::heart::{self, FromHeart, Heart, Leave, Order, Parts, Reset, Submit, Told, opener};
use crate::identity::hosts::{HostCache, Written};
use crate::identity::{epoch, hosts};
use crate::in_force::InForce;
use crate::leasing::Leasing;
use crate::log::{Level, Log, Writer};
use crate::machine::{Machine, Observer};
use crate::mailbox::Mailbox;
use crate::notify::Notify;
use crate::options::{Exit, Options};
use crate::realtime::{self, Scheduling};
use crate::start::{Start, chain, prepare};
use crate::{clock, log, mapping};

/// Runs a node. Unless told to stay in the foreground, the process that calls this returns as soon as the daemon
/// beats, or could not start; the daemon itself returns from here when it has stopped.
///
/// To be called before the first thread is made.
#[must_use]
pub fn run(options: Options) -> Exit {
    if options.foreground {
        return run_node(options, None);
    }
    match daemonise() {
        Ok(Side::Starter(readiness)) => match readiness.wait() {
            Ok(Some(code)) => Exit::from_code(code),
            // It ended without a word.
            Ok(None) | Err(_) => Exit::Internal,
        },
        Ok(Side::Daemon(notifier)) => run_node(options, Some(notifier)),
        Err(error) => {
            say_early(&format!("cannot go into the background: {error}"));
            Exit::Internal
        }
    }
}

/// The main function of the guard process: `hb-node guard`, started by the daemon. In the background it keeps nothing
/// open for whose end those who started the daemon may wait.
#[must_use]
pub fn guard_main(background: bool) -> Exit {
    if background && let Err(error) = detach_errors() {
        say_early(&format!("guard: cannot leave the terminal behind: {error}"));
    }
    match hb_resource::guard::run(|words, level, text| log::afterwards::write(words, level_of(level), text)) {
        Ok(()) => Exit::Good,
        Err(error) => {
            say_early(&format!("guard: {}", chain(&error)));
            Exit::Internal
        }
    }
}

fn run_node(options: Options, background: Option<Notifier>) -> Exit {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let (log, mut writer) = match log::open(&host) {
        Ok(opened) => opened,
        Err(error) => {
            say_early(&format!("cannot open the log: {error}"));
            return Exit::Internal;
        }
    };
    log::Bridge::new(log.clone()).install();
    set_umask(0o022);
    log_panics(&log);
    match begin(options, &log, &mut writer) {
        Ok(node) => node.live(writer, background),
        Err(exit) => give_up(exit, &mut writer, background),
    }
}

/// Everything up to a heart that beats; what went wrong is in the log.
fn begin(options: Options, log: &Log, writer: &mut Writer) -> Result<Node, Exit> {
    let told = |failure: StartFailure| failure.told(log);
    let options = options.made_absolute().map_err(|error| told(error.into()))?;
    let runtime = current_thread_runtime().map_err(|error| told(error.into()))?;
    // Before anything that a stop must not interrupt.
    let mut signals = {
        let _inside = runtime.enter();
        Signals::catch().map_err(|error| told(error.into()))?
    };
    let start = prepare(&options, log, writer, |limit| signals.asked_to_stop(&runtime, limit))?;
    Node::assemble(&options, start, Loop { runtime, signals }, log).map_err(told)
}

/// The event loop of the front, and the signals that it gets.
struct Loop {
    runtime: Runtime,
    signals: Signals,
}

/// A node that is about to live: the heart beats already.
struct Node {
    front: Front,
    runtime: Runtime,
    pid_file: crate::pid_file::PidFile,
    actuator: Arc<Actuator>,
    /// Whether a program of a `failfast` line has failed.
    failfast: Arc<Failfast>,
    leasing: Leasing,
    /// When the front is gone: whether the host cache was written.
    written: Written,
    log: Log,
}

impl Node {
    /// Makes and connects the parts; the heart beats when this returns.
    fn assemble(options: &Options, start: Start, front: Loop, log: &Log) -> Result<Self, StartFailure> {
        let control = {
            let _inside = front.runtime.enter();
            ControlSocket::open(&options.run_dir)?
        };
        let (hands, lease) = Hands::open(options, &start, log)?;
        Self::connect(options, start, (front, control), hands.clone(), lease, log).inspect_err(|_| {
            // Nobody was asked to hold anything, but staged addresses may be there.
            hands.actuator.disarm(LAST_ORDER);
            hands.leasing.finish();
        })
    }

    fn connect(
        options: &Options,
        start: Start,
        (Loop { runtime, signals }, control): (Loop, ControlSocket),
        hands: Hands,
        lease: Option<heart::Hands>,
        log: &Log,
    ) -> Result<Self, StartFailure> {
        let Hands { actuator, leasing, beat, inbox, job_ends, failfast, crew } = hands;
        let _inside = runtime.enter();
        let notify = Notify::from_environment();
        let outbox = Arc::new(Mailbox::new(MAILBOX)?);
        let media = start.media.iter().map(|medium| medium.spec().clone()).collect();
        let in_force = InForce::at_start(start.checked.clone(), media);
        let links = in_force.link_names();
        let known = Checked {
            nodes: hosts::nodes(&start.checked.nodes, &start.checked.node_name, &start.membership),
            ..start.checked.clone()
        };
        let mut config = mapping::engine(&known, &links, start.uuid, start.generation);
        config.membership = start.membership;
        config.first_epoch = Some(start.epochs.first);
        let (machine, observer) = Machine::open()?;
        let mut engine = Engine::new(config, random_seed()?, clock::now());
        engine.set_fencing(mapping::fencing(&start.checked));
        let heart = Heart::new(Parts {
            engine,
            epochs: start.epochs,
            ports: start.media,
            pingers: start.pingers,
            keys: start.checked.key_ring.clone(),
            packing: mapping::packing(&start.checked),
            names: mapping::names(&in_force),
            log_refused: start.checked.log.log_badpack,
            log: log.clone(),
            submit: submit_to(Arc::clone(&actuator)),
            reset: reset_by(Arc::clone(&actuator)),
            leave: leave_with(Arc::clone(&actuator)),
            lease,
            beating: beat.map(Beating::new),
            job_ends: Arc::clone(&job_ends),
            inbox: Arc::clone(&inbox),
            outbox: Arc::clone(&outbox),
            machine,
            notify: notify.try_clone(),
            watchdog: opener(&start.checked),
        })?;
        let epochs = epoch::keep(&options.state_dir, log.clone())?;
        let (keep, written) = keep_in(options, log)?;
        let desk =
            Desk::new(inbox, Arc::clone(&outbox), epochs, keep, errands_of(Arc::clone(&actuator), log))?;
        start_heart(heart, outbox, crew.clone(), observer, log)?;
        let scheduling = Scheduling::default().change(&crew, realtime::priority(&start.checked));
        if let Some(problem) = &scheduling.problem {
            log.line(Level::Warn, problem);
        }
        let background = Background::new(scheduling, &in_force, leasing.clone());
        let exchange = exchange_with(Arc::clone(&actuator));
        let reloader = Reloader::new(options.clone(), in_force, exchange, job_ends, (start.keeper, crew));
        let front = Front {
            desk,
            control,
            fifo: open_fifo(options, &known.node_name, log),
            signals,
            reloader,
            background,
            log: log.clone(),
            notify,
            failfast: Arc::clone(&failfast),
        };
        let (pid_file, log) = (start.pid_file, log.clone());
        Ok(Self { front, runtime, pid_file, actuator, failfast, leasing, written, log })
    }

    /// Serves until the heart has ended.
    fn live(self, mut writer: Writer, background: Option<Notifier>) -> Exit {
        let Self { front, runtime, pid_file, actuator, failfast, leasing, written, log } = self;
        writer.drain();
        if let Some(notifier) = background {
            writer.set_background();
            let detached = detach_stdio().and_then(|()| std::env::set_current_dir("/"));
            if let Err(error) = detached {
                log.line(Level::Warn, &format!("cannot leave the terminal behind: {error}"));
            }
            // The starter may have been killed; the node lives on.
            let _ = notifier.report(Exit::Good.code());
        }
        let Ok(writer) = writer.spawn() else { return Exit::Internal };
        front.notify.send("READY=1");
        let Ended { heart, waiting } = front.run(&runtime);
        let exit = match heart {
            Ok(()) => {
                // The others know already that nothing is served here any more.
                if !actuator.end_clients() {
                    log.line(
                        Level::Error,
                        "Programs of respawn lines may still run: the guard does not say that they ended",
                    );
                }
                actuator.disarm(LAST_ORDER);
                leasing.finish();
                if failfast.has_failed() { Exit::FailfastEnded } else { Exit::Good }
            }
            // The guard does what it does after a death.
            Err(error) => {
                log.line(Level::Crit, &format!("the heart failed: {error}"));
                Exit::Internal
            }
        };
        if !written.wait(LAST_ORDER) {
            log.line(Level::Error, "The host cache may not be written: the disk does not answer");
        }
        pid_file.remove();
        writer.finish(LAST_LINES);
        // Whoever waits for our end sees it now.
        drop(waiting);
        exit
    }
}

/// Why a part could not be made.
#[derive(Debug, thiserror::Error)]
enum StartFailure {
    #[error("cannot start")]
    Io(#[from] io::Error),
    #[error("cannot start the actuator")]
    Actuator(#[from] hb_resource::StartError),
}

impl StartFailure {
    fn told(self, log: &Log) -> Exit {
        log.line(Level::Error, &chain(&self));
        Exit::Failed
    }
}

fn give_up(exit: Exit, writer: &mut Writer, background: Option<Notifier>) -> Exit {
    writer.drain();
    if let Some(notifier) = background {
        // If the starter is gone, nobody is left to tell.
        let _ = notifier.report(exit.code());
    }
    exit
}

/// A node without its FIFO is whole for everybody but scripts.
fn open_fifo(options: &Options, node: &str, log: &Log) -> Option<ScriptFifo> {
    let opened = ScriptFifo::open(&options.state_dir, node);
    opened.inspect_err(|error| log.line(Level::Error, &format!("no FIFO for scripts: {error}"))).ok()
}

/// Keeps the host cache in the state directory.
fn keep_in(options: &Options, log: &Log) -> io::Result<(Keep, Written)> {
    let (cache, written) = HostCache::keep(&options.state_dir, log.clone())?;
    Ok((Box::new(move |members| cache.put(members)), written))
}

/// What the front has done by the actuator.
fn errands_of(actuator: Arc<Actuator>, log: &Log) -> Runs {
    let log = log.clone();
    Box::new(move |errand| {
        let (what, taken) = match errand {
            Errand::StartClients => ("programs of respawn lines are", actuator.start_clients()),
            Errand::Hook(Told { kind, fields }) => {
                let variable = |(name, value): (String, String)| (format!("HA_{name}").into(), value.into());
                let variables = fields.into_iter().map(variable).collect();
                ("a hook is", actuator.run_hook(Hook { kind, variables }))
            }
        };
        if let Err(error) = taken {
            log.line(Level::Error, &format!("{what} not run: {error}"));
        }
    })
}

fn leave_with(actuator: Arc<Actuator>) -> Leave {
    Box::new(move |farewell| {
        // The next one comes soon.
        let _ = actuator.leave_farewell(farewell);
    })
}

fn exchange_with(actuator: Arc<Actuator>) -> Box<dyn Fn(hb_resource::Change) -> Result<(), String>> {
    Box::new(move |change| actuator.reconfigure(change).map_err(|error| error.to_string()))
}

fn reset_by(actuator: Arc<Actuator>) -> Reset {
    Box::new(move |JobId(id), node| actuator.fence(id, node.to_owned()).map_err(|error| error.to_string()))
}

fn submit_to(actuator: Arc<Actuator>) -> Submit {
    Box::new(move |JobId(id), order| {
        let (action, epoch) = match order {
            Order::Do(Action::Start(group), epoch) => (JobAction::Start(usize::from(group.0)), epoch),
            Order::Do(Action::Stop(group), _) => (JobAction::Stop(usize::from(group.0)), None),
            Order::Do(Action::Announce(group), _) => (JobAction::Announce(usize::from(group.0)), None),
            Order::Check(group) => (JobAction::Check(usize::from(group.0)), None),
        };
        actuator.submit(Job { id, action, epoch }).map_err(|error| error.to_string())
    })
}

/// Starts the heart's thread and waits until it is as real-time as it gets without locked memory; then who watches it.
fn start_heart(
    heart: Heart<hb_transport::Medium>,
    outbox: Arc<Mailbox<FromHeart>>,
    crew: Crew,
    observer: Observer,
    log: &Log,
) -> io::Result<()> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::Builder::new().name("hb-heart".to_owned()).stack_size(crate::HEART_STACK).spawn(move || {
        realtime::take_no_signals();
        let _member = crew.join();
        // Nobody listens only if the start was given up.
        let _ = sender.send(rustix::thread::gettid());
        let mut last = FromHeart::Ended(heart.run());
        while let Err(again) = outbox.post(last) {
            last = again;
            thread::sleep(Duration::from_millis(10));
        }
    })?;
    let thread = receiver.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
    observer.start(thread, log.clone())
}

const fn level_of(level: hb_resource::Level) -> Level {
    match level {
        hb_resource::Level::Debug => Level::Debug,
        hb_resource::Level::Info => Level::Info,
        hb_resource::Level::Warning => Level::Warn,
        hb_resource::Level::Error => Level::Error,
        hb_resource::Level::Critical => Level::Crit,
    }
}

fn current_thread_runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn random_seed() -> io::Result<u64> {
    let mut seed = [0; 8];
    // 8 bytes come whole or not at all (`getrandom(2)`).
    rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())?;
    Ok(u64::from_ne_bytes(seed))
}

/// A panic ends the process; its text shall be in the log even where nobody reads stderr.
fn log_panics(log: &Log) {
    let log = log.clone();
    std::panic::set_hook(Box::new(move |panic| {
        log.line(Level::Crit, &format!("heartbeat fails: {panic}"));
        // The process ends when this returns; the log thread needs a moment before.
        thread::sleep(LAST_WORDS);
    }));
}

/// Before there is a log, and where there is none.
fn say_early(text: &str) {
    use io::Write as _;
    // Without stderr there is nobody to tell.
    let _ = writeln!(io::stderr(), "heartbeat: {text}");
}

/// Messages that may wait in each direction between heart and front: more than connections and signals can cause.
const MAILBOX: usize = 64;
/// Time for the log thread to write a last line before the process is aborted.
const LAST_WORDS: Duration = Duration::from_millis(50);
/// Longest wait at the end for the guard to know that nothing is left to do, and for the disk to have the host cache.
const LAST_ORDER: Duration = Duration::from_secs(1);
/// Longest wait at the end for the log to be written.
const LAST_LINES: Duration = Duration::from_secs(2);
