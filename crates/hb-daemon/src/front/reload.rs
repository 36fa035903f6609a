//! Reads the configuration again while the node runs (SIGHUP, `hb-ctl reload`), and takes over what can change.
//!
//! Everything is read, checked and opened before anything changes: with an error, the old configuration stays in force
//! as a whole. What differs is decided in `in_force`; here is the order in which the parts learn of it: the actuator
//! before the engine can ask for a new group, the log last, so that the old one tells why it ends.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hb_client::RefusalCause;
use hb_config::Checked;
use hb_engine::{Membership, NodesPlan};
use hb_resource::Change as ActuatorChange;
use hb_sys::sched::Crew;
use hb_transport::{Keeper, Medium, MediumSpec, Pinger};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::desk::Busy;
use super::{Background, Office};
use crate::heart::{Change, JobEnd, LeaseChange, WatchdogChange};
use crate::identity::hosts;
use crate::in_force::{InForce, Plan};
use crate::leasing::{Leasing, Next};
use crate::log::{Level, Log};
use crate::mailbox::Mailbox;
use crate::options::Options;
use crate::start::{chain, give_away};
use crate::{configuration, mapping, realtime};

/// Gives the actuator another configuration, or says why it takes none.
pub(crate) type Exchange = Box<dyn Fn(ActuatorChange) -> Result<(), String>>;

/// What is in force, and who has to know of a change.
pub(crate) struct Reloader {
    options: Options,
    in_force: RefCell<InForce>,
    exchange: Exchange,
    job_ends: Arc<Mailbox<JobEnd>>,
    keeper: Arc<Keeper>,
    crew: Crew,
    running: Cell<bool>,
    /// Asked for while one was running: the files may have changed after they were read.
    again: Cell<bool>,
}

/// What is new and was opened before anything changes.
struct Opened {
    ports: Vec<Medium>,
    pingers: Vec<Pinger>,
    watchdog: WatchdogChange,
    lease: Option<Next>,
}

/// Why nothing was taken over.
pub(super) struct Refusal {
    pub(super) cause: RefusalCause,
    pub(super) text: String,
}

impl Reloader {
    /// The node runs with what `in_force` says.
    pub(crate) fn new(
        options: Options,
        in_force: InForce,
        exchange: Exchange,
        job_ends: Arc<Mailbox<JobEnd>>,
        (keeper, crew): (Keeper, Crew),
    ) -> Self {
        let (running, again) = (Cell::new(false), Cell::new(false));
        let (in_force, keeper) = (RefCell::new(in_force), Arc::new(keeper));
        Self { options, in_force, exchange, job_ends, keeper, crew, running, again }
    }
}

impl Office {
    /// A signal: reads and takes over, once more if another one comes meanwhile. What comes of it is in the log.
    pub(super) async fn hang_up(&self) {
        self.reloader.again.set(true);
        while !self.reloader.running.get() && self.reloader.again.replace(false) {
            // Told in the log.
            let _ = self.reload().await;
        }
    }

    /// Reads and takes over; says what came of it, in the log too.
    pub(super) async fn reload(&self) -> Result<String, Refusal> {
        if self.reloader.running.replace(true) {
            return Err(busy("the configuration is being read already"));
        }
        self.log.line(Level::Info, "Reading the configuration again.");
        let result = self.read_and_take_over().await;
        self.reloader.running.set(false);
        if let Err(refusal) = &result {
            let text = match refusal.cause {
                RefusalCause::Configuration => {
                    "Config errors: the old configuration stays in force.".to_owned()
                }
                RefusalCause::UnknownRequest
                | RefusalCause::Permission
                | RefusalCause::Unknown
                | RefusalCause::Busy => {
                    format!("The old configuration stays in force: {}.", refusal.text)
                }
            };
            self.log.line(Level::Error, &text);
        }
        result
    }

    async fn read_and_take_over(&self) -> Result<String, Refusal> {
        let (options, log) = (self.reloader.options.clone(), self.log.clone());
        let read = aside(move || read(&options, &log)).await?;
        let Read { checked, media, known } =
            read.map_err(|text| Refusal { cause: RefusalCause::Configuration, text })?;
        let snapshot = self.desk.status().await?.snapshot;
        let mut plan = self.reloader.in_force.borrow().plan(checked, media, &snapshot);
        plan.nodes.membership.members = known.members;
        plan.nodes.membership.deleted = known.deleted;
        if plan.is_empty() {
            self.log.line(Level::Info, "Configuration unchanged.");
            return Ok("Configuration unchanged.".to_owned());
        }
        let ports = self.open_media(&plan).await?;
        let pingers = self.open_pingers(&plan)?;
        let lease = self.open_lease(&plan).await?;
        let groups = snapshot.groups.len() + plan.groups.len();
        let result = match self.open_watchdog(&plan).await {
            Ok(watchdog) => self.take_over(plan, Opened { ports, pingers, watchdog, lease }, groups).await,
            Err(refusal) => Err(refusal),
        };
        if result.is_err() {
            // What was to be leased from now on is not.
            self.except();
        }
        result
    }

    /// The media that are new, opened where a slow one holds up nobody.
    async fn open_media(&self, plan: &Plan) -> Result<Vec<Medium>, Refusal> {
        let new = plan.links.iter().zip(&plan.next.media).filter(|(link, _)| link.before.is_none());
        let new: Vec<MediumSpec> = new.map(|(_, spec)| spec.clone()).collect();
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let keeper = Arc::clone(&self.reloader.keeper);
        let opened = aside(move || {
            let open = |spec: &MediumSpec| match keeper.open(spec) {
                Ok((medium, None)) => Ok(medium),
                Ok((_, Some(error))) => Err(format!("{spec}: {}", chain(&error))),
                Err(error) => Err(format!("{spec}: {error}")),
            };
            new.iter().map(open).collect::<Result<Vec<_>, _>>()
        });
        opened.await?.map_err(|text| self.not_opened(text))
    }

    /// Those who ask the ping members that are new: opening one waits for nobody.
    fn open_pingers(&self, plan: &Plan) -> Result<Vec<Pinger>, Refusal> {
        let new = plan.pings.iter().zip(&plan.next.pings).filter(|(ping, _)| ping.before.is_none());
        let open = |(_, (spec, number)): (_, &(_, _))| {
            Pinger::open(spec, *number).map_err(|error| format!("{spec}: {}", chain(&error)))
        };
        new.map(open).collect::<Result<_, _>>().map_err(|text| self.not_opened(text))
    }

    /// A new watchdog device, opened last: from then on somebody has to kick it.
    async fn open_watchdog(&self, plan: &Plan) -> Result<WatchdogChange, Refusal> {
        let before = self.reloader.in_force.borrow().checked.watchdog.clone();
        let after = plan.next.checked.clone();
        let opened = aside(move || WatchdogChange::between(before.as_deref(), &after));
        opened.await?.map_err(|text| self.not_opened(format!("Cannot open watchdog device: {text}")))
    }

    /// Another lease, beside the one that is in force; and everything that shall be leased is, by that one too.
    async fn open_lease(&self, plan: &Plan) -> Result<Option<Next>, Refusal> {
        let before = self.reloader.in_force.borrow().checked.clone();
        let (leasing, after) = (self.background.borrow().leasing.clone(), plan.next.checked.clone());
        let opened = aside(move || {
            let groups = mapping::groups(&after);
            if before.lease.except != after.lease.except {
                leasing.warn_of_strangers(&after.lease.except, &groups);
            }
            leasing.gate(&after, &groups)?;
            leasing.prepare(&before, &after, &groups)
        });
        opened.await?.map_err(|text| busy(&text))
    }

    /// What is excepted from now on is let go. Waits until the heart has exchanged the lease, if it does, and the one before has
    /// gone; whether that came to pass.
    async fn end_lease(&self) -> Result<bool, Refusal> {
        let leasing = self.except();
        let checked = self.reloader.in_force.borrow().checked.clone();
        let begun = Instant::now();
        let limit = checked.keepalive * 2 + EXCHANGE;
        while self.desk.status().await?.lease.is_changing {
            if begun.elapsed() > limit {
                return Ok(false);
            }
            sleep(ASK_AGAIN).await;
        }
        Ok(aside(move || leasing.has_changed(limit)).await?)
    }

    /// Lets go of what is excepted by what is in force.
    fn except(&self) -> Leasing {
        let leasing = self.background.borrow().leasing.clone();
        let in_force = self.reloader.in_force.borrow();
        leasing.except(&in_force.checked, &mapping::groups(&in_force.checked));
        leasing
    }

    fn not_opened(&self, text: String) -> Refusal {
        self.log.line(Level::Error, &text);
        Refusal { cause: RefusalCause::Configuration, text }
    }

    async fn take_over(
        &self,
        plan: Plan,
        Opened { ports, pingers, watchdog, mut lease }: Opened,
        groups: usize,
    ) -> Result<String, Refusal> {
        let Self { reloader, .. } = self;
        let engine = mapping::reconfiguration(&plan);
        let Plan { next, nodes, new_groups, mut lines, .. } = plan;
        let checked = &next.checked;
        let config = mapping::scripts(&reloader.options, checked, next.media.iter());
        let (patience, keepalive) = (mapping::line_patience(checked), checked.keepalive);
        (reloader.exchange)(ActuatorChange { config, groups: new_groups }).map_err(|text| busy(&text))?;
        reloader.job_ends.make_room(JobEnd::room(groups));
        self.desk.change(Change {
            lease: lease.as_mut().map_or(LeaseChange::Stays, Next::change),
            engine,
            ports,
            pingers,
            keys: checked.key_ring.clone(),
            packing: mapping::packing(checked),
            names: mapping::names(&next),
            log_refused: checked.log.log_badpack,
            watchdog,
        })?;
        if let Some(lease) = lease {
            let missing = self.background.borrow().leasing.exchange(lease);
            lines.extend(missing.map(|text| (Level::Warn, text)));
        }
        for (level, line) in &lines {
            self.log.line(*level, line);
        }
        let before = reloader.in_force.replace(next);
        self.exchange_log(&before.checked);
        let problem = self.reschedule(&before.checked).await?;
        self.renew_background();
        reloader.keeper.set_patience(patience);
        reloader.keeper.set_pace(keepalive);
        let told = self.told_by_heart(&nodes).await?;
        for line in &told {
            self.log.line(Level::Warn, line);
        }
        self.renew_background();
        let lines = lines.into_iter().map(|(_, line)| line);
        Ok(lines.chain(problem).chain(told).collect::<Vec<_>>().join("\n"))
    }

    /// What is to be told of what the heart has not taken over, or not yet; it answers after it has taken over all that it could.
    async fn told_by_heart(&self, nodes: &NodesPlan) -> Result<Vec<String>, Refusal> {
        let snapshot = self.desk.status().await?.snapshot;
        let mut lines = self.reloader.in_force.borrow_mut().note_nodes(nodes, &snapshot);
        if !self.end_lease().await? {
            lines.push("the lease before stays in force until it can be exchanged without a gap".to_owned());
        }
        Ok(lines)
    }

    /// Another scheduling class or priority; what could not be had, which is in the log too.
    async fn reschedule(&self, before: &Checked) -> io::Result<Option<String>> {
        let priority = realtime::priority(&self.reloader.in_force.borrow().checked);
        if priority == realtime::priority(before) {
            return Ok(None);
        }
        let (crew, now) = (self.reloader.crew.clone(), self.background.borrow().scheduling.clone());
        // To lock memory means to wait for all that touches it.
        let scheduling = aside(move || now.change(&crew, priority)).await?;
        let problem = scheduling.problem.clone();
        if let Some(problem) = &problem {
            self.log.line(Level::Warn, problem);
        }
        self.background.borrow_mut().scheduling = scheduling;
        Ok(problem)
    }

    /// What the status says beside the heart's report.
    fn renew_background(&self) {
        let in_force = self.reloader.in_force.borrow();
        let (scheduling, leasing) = {
            let background = self.background.borrow();
            (background.scheduling.clone(), background.leasing.clone())
        };
        self.background.replace(Background::new(scheduling, &in_force, leasing));
    }

    /// A switch by signal is undone only by another value in the file.
    fn exchange_log(&self, before: &Checked) {
        let in_force = self.reloader.in_force.borrow();
        let after = &in_force.checked;
        if before.log.debug != after.log.debug {
            self.log.set_debug(after.log.debug > 0);
        }
        let targets = mapping::log_targets(after);
        if targets != mapping::log_targets(before) {
            self.log.set_targets(targets);
            self.log.line(Level::Info, "The log goes on here.");
        }
    }
}

impl From<Busy> for Refusal {
    fn from(busy: Busy) -> Self {
        Self { cause: RefusalCause::Busy, text: busy.to_string() }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self { cause: RefusalCause::Busy, text: error.to_string() }
    }
}

fn busy(text: &str) -> Refusal {
    Refusal { cause: RefusalCause::Busy, text: text.to_owned() }
}

/// Time for a heart that is busy to exchange the lease, and for the table before to go.
const EXCHANGE: Duration = Duration::from_secs(1);

/// Between two looks whether it has.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// In a thread of its own: disks and name services may take their time.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new().name("hb-reload".to_owned()).spawn(move || {
        // The front may have ended in the meantime.
        let _ = sender.send(work());
    })?;
    // The thread cannot end without sending: a panic ends the process.
    receiver.await.map_err(|_| io::ErrorKind::BrokenPipe.into())
}

/// What a reading comes to.
struct Read {
    checked: Checked,
    /// Those that can be used.
    media: Vec<MediumSpec>,
    /// Of the host cache, where nodes may join.
    known: Membership,
}

/// The files without errors and the media that they name; else all that is wrong with them.
fn read(options: &Options, log: &Log) -> Result<Read, String> {
    let Some(loaded) = configuration::load_at_rest(options) else {
        return Err("the files are being changed all the time".to_owned());
    };
    configuration::log_diagnostics(log, &loaded.diagnostics);
    let Some(checked) = loaded.config else { return Err(loaded.render(false)) };
    let targets = mapping::log_targets(&checked);
    for file in [&targets.logfile, &targets.debugfile].into_iter().flatten().filter(|file| !file.exists()) {
        // The writer opens it later, and says what hinders it.
        if std::fs::File::options().append(true).create_new(true).open(file).is_ok() {
            give_away(log, std::iter::once(file.as_path()));
        }
    }
    let media = mapping::media(&checked);
    let known =
        if checked.autojoin.is_open() { hosts::read(&options.state_dir) } else { Ok(Membership::default()) };
    let known = known.map_err(|error| format!("cannot read the host cache: {error}"))?;
    Ok(Read { checked, media, known })
}
