//! The actuator's thread: takes jobs, works on different groups side by side and on one group in order.
//!
//! ```text
//!  owner --submit--> [jobs] --> dispatcher --> [group 0] --> worker --+--> kernel (netlink, packet socket)
//!                                   |          [group 1] --> worker --+
//!                                   |             ...                 +--> [runs] --> keeper <==socket==> guard
//!  owner <--report callback---------+----------------------------------
//! ```
//! All queues are bounded. Which job comes when is decided by the owner.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::rc::Rc;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};

use crate::address::Addresses;
use crate::agent::Agents;
use crate::announce::Announcer;
use crate::config::ActuatorConfig;
use crate::fence;
use crate::group::{Group, Tools};
use crate::guard::abandon::Abandoned;
use crate::guard::client::GuardClient;
use crate::guard::farewell::Farewell;
use crate::guard::will::Bequest;
use crate::hook::{Hook, HookQueue};
use crate::netlink::Netlink;
use crate::report::{Failure, Level, Report, Reporter};
use crate::sentinel::{self, Claim, Ours};
use crate::spec::{GroupSpec, Means};

/// Something to do with a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Comes back with [`Report::Done`].
    pub id: u64,
    /// What to do.
    pub action: JobAction,
    /// Number of the start, which scripts get as `HB_EPOCH` until the next one; only with [`JobAction::Start`].
    pub epoch: Option<u64>,
}

/// What to do with a group, by its index in [`ActuatorConfig::groups`] or [`Change::groups`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobAction {
    /// Start its resources from first to last; on a failure stop them all.
    Start(usize),
    /// Stop its resources from last to first.
    Stop(usize),
    /// Tell the network again where its addresses are.
    Announce(usize),
    /// Look whether all of its resources run. Ended early when the next job of the group comes; it then fails.
    Check(usize),
}

impl JobAction {
    fn group(self) -> usize {
        match self {
            Self::Start(group) | Self::Stop(group) | Self::Announce(group) | Self::Check(group) => group,
        }
    }
}

/// Another configuration for a running actuator.
#[derive(Clone, Debug)]
pub struct Change {
    /// Limits, directories and environment of scripts from the next run on, and which addresses are staged. Its groups,
    /// guard and crew are not looked at.
    pub config: ActuatorConfig,
    /// New groups by the index under which jobs will name them. Who uses the index of an earlier group again has
    /// stopped that one.
    pub groups: Vec<(usize, GroupSpec)>,
}

/// What goes to the actuator's thread, in order.
#[derive(Debug)]
enum Order {
    Job(Job),
    Change(Box<Change>),
    Farewell(Farewell),
    Hook(Hook),
    Fence(u64, String),
    StartClients,
    EndClients(std_mpsc::SyncSender<bool>),
    Disarm(std_mpsc::SyncSender<()>),
}

/// Why an actuator does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Thread, event loop or a socket could not be made. A packet socket needs `CAP_NET_RAW`.
    #[error("cannot {what}: {source}")]
    Setup {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// A group has a script, but no command is known that starts the guard.
    #[error("there are resource scripts, but no command to start the guard process that runs them")]
    NoGuard,
}

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SubmitError {
    /// [`QUEUE`] jobs wait already.
    #[error("too many jobs wait")]
    Full,
    /// The actuator's thread has ended.
    #[error("the actuator has ended")]
    Ended,
}

/// The running actuator. Dropping it lets the submitted jobs come to their end in the background.
#[derive(Debug)]
pub struct Actuator {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Actuator {
    /// Starts the thread, opens its sockets and begins to start the guard. Touches no resource.
    ///
    /// `report` is called on the actuator's thread and must never block; it is called for every job exactly once with
    /// [`Report::Done`].
    ///
    /// # Errors
    /// See [`StartError`]. That the real-time class is refused is not one: [`Crew::set`](hb_sys::sched::Crew::set) tells.
    pub fn start(config: ActuatorConfig, report: Box<dyn Fn(Report) + Send>) -> Result<Self, StartError> {
        let has_script = |group: &GroupSpec| {
            group.resources.iter().any(|resource| matches!(resource.means(), Means::Agent(_)))
        };
        if config.guard_command.is_empty() && config.groups.iter().any(has_script) {
            return Err(StartError::NoGuard);
        }
        let (orders, inbox) = mpsc::channel(QUEUE);
        let (ready, readiness) = std_mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("hb-actuator".to_owned())
            .spawn(move || thread_main(config, report, inbox, &ready))
            .map_err(|source| StartError::Setup { what: "start a thread", source })?;
        // The sender is dropped without a word only if the thread died, which ends the process.
        let gone =
            || Err(StartError::Setup { what: "start a thread", source: io::ErrorKind::BrokenPipe.into() });
        readiness.recv().unwrap_or_else(|_| gone())?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Hands a job over; never blocks. Jobs of one group are done in the order in which they are submitted.
    ///
    /// # Errors
    /// See [`SubmitError`]; the job is not done then, and there is no report about it.
    pub fn submit(&self, job: Job) -> Result<(), SubmitError> {
        self.order(Order::Job(job))
    }

    /// Works by another configuration from now on; never blocks. Jobs that were submitted before are not touched.
    ///
    /// # Errors
    /// See [`SubmitError`]; nothing changes then.
    pub fn reconfigure(&self, change: Change) -> Result<(), SubmitError> {
        self.order(Order::Change(Box::new(change)))
    }

    /// What the guard sends when this process has died and everything is released; replaces what was given before. Never
    /// blocks.
    ///
    /// # Errors
    /// See [`SubmitError`]; the guard keeps what it has then.
    pub fn leave_farewell(&self, farewell: Farewell) -> Result<(), SubmitError> {
        self.order(Order::Farewell(farewell))
    }

    /// Tells scripts of an event, without waiting for them: one after the other.
    ///
    /// # Errors
    /// See [`SubmitError`]; no script hears of it then.
    pub fn run_hook(&self, hook: Hook) -> Result<(), SubmitError> {
        self.order(Order::Hook(hook))
    }

    /// Resets another node of this name ([`ActuatorConfig::fence`]), without waiting for it; its end is told with
    /// [`Report::Done`] and this number.
    ///
    /// # Errors
    /// See [`SubmitError`]; nothing is done then, and nothing told.
    pub fn fence(&self, id: u64, node: String) -> Result<(), SubmitError> {
        self.order(Order::Fence(id, node))
    }

    /// Starts the programs that run beside the node ([`ActuatorConfig::clients`]), and keeps them running. Never blocks.
    ///
    /// # Errors
    /// See [`SubmitError`]; nothing is started then.
    pub fn start_clients(&self) -> Result<(), SubmitError> {
        self.order(Order::StartClients)
    }

    /// Ends the programs that run beside the node, the last one first: SIGTERM, after the grace of scripts SIGKILL. Waits
    /// until none runs any more; `false` if the guard did not say so in time: a few seconds more than the graces of all.
    #[must_use]
    pub fn end_clients(&self) -> bool {
        let (sender, receiver) = std_mpsc::sync_channel(1);
        self.order(Order::EndClients(sender)).is_ok() && receiver.recv().unwrap_or(false)
    }

    /// Before this process ends in good order, when nothing of the groups runs any more: the guard then has nothing to do.
    /// Waits until it knows, but not longer than `limit`.
    pub fn disarm(&self, limit: Duration) {
        let (sender, receiver) = std_mpsc::sync_channel(1);
        if self.order(Order::Disarm(sender)).is_ok() {
            // If it does not know in time it does what it does after a death: nothing, and a farewell that is true.
            let _ = receiver.recv_timeout(limit);
        }
    }

    fn order(&self, order: Order) -> Result<(), SubmitError> {
        let orders = self.orders.as_ref().ok_or(SubmitError::Ended)?;
        orders.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SubmitError::Full,
            mpsc::error::TrySendError::Closed(_) => SubmitError::Ended,
        })
    }

    /// Waits until all submitted jobs have ended, and the guard with them. Stops no resource by itself.
    pub fn finish(mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked: a panic ends the process.
            let _ = thread.join();
        }
    }
}

fn thread_main(
    config: ActuatorConfig,
    report: Box<dyn Fn(Report) + Send>,
    orders: mpsc::Receiver<Order>,
    ready: &std_mpsc::SyncSender<Result<(), StartError>>,
) {
    let report = Reporter::new(report);
    let _member = config.crew.join();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => {
            let _ = ready.send(Err(StartError::Setup { what: "start the event loop", source }));
            return;
        }
    };
    LocalSet::new().block_on(&runtime, async {
        match prepare(config, report) {
            Ok(prepared) => {
                let _ = ready.send(Ok(()));
                dispatch(prepared, orders).await;
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        }
    });
}

struct Prepared {
    config: Rc<ActuatorConfig>,
    tools: Tools,
    keeper: Option<tokio::task::JoinHandle<()>>,
    claims: Option<mpsc::Receiver<Claim>>,
}

/// Opens everything that a takeover needs, so that it need not be opened then.
fn prepare(mut config: ActuatorConfig, report: Reporter) -> Result<Prepared, StartError> {
    let setup = |what| move |source| StartError::Setup { what, source };
    for directory in &mut config.agent_dirs {
        // The guard lives in another directory.
        *directory = std::path::absolute(&*directory).map_err(setup("find the working directory"))?;
    }
    let netlink = Netlink::open().map_err(setup("open a netlink socket"))?;
    let has_address = config.groups.iter().any(|group| group.addresses().next().is_some());
    let announcer = if has_address {
        Some(Announcer::open(report.clone()).map_err(setup("open a packet socket"))?)
    } else {
        None
    };
    let (guard, keeper) = if config.guard_command.is_empty() {
        (None, None)
    } else {
        let (guard, keeper) =
            GuardClient::start(config.guard_command.clone(), config.beat.clone(), report.clone());
        (Some(guard), Some(keeper))
    };
    let config = Rc::new(config);
    let agents = Agents::new(guard, Rc::clone(&config), report.clone());
    agents.bequeath(Bequest::Config(Box::new((*config).clone())));
    // What is not configured any more nobody here can stop.
    let keys = config.groups.iter().map(|group| &group.key).filter(|key| config.left_behind.contains(*key));
    agents.bequeath(Bequest::LeftBehind(keys.cloned().collect()));
    let ours = Ours::default();
    let claims = sentinel::watch(ours.clone())
        .inspect_err(|error| {
            if !has_address {
                return;
            }
            let text = format!("Nobody watches whether other machines claim our addresses: {error}");
            report.note(Level::Warning, text);
        })
        .ok();
    let addresses = Addresses::new(netlink).with_lifetimes(config.lifetimes.clone()).keeping_copies();
    let stage = config.stage.clone();
    let tools = Tools { addresses: Rc::new(addresses), announcer, agents, report, ours, stage };
    Ok(Prepared { config, tools, keeper, claims })
}

/// Sorts jobs into the queues of their groups until the owner is gone, then waits for the workers and the guard.
async fn dispatch(prepared: Prepared, mut orders: mpsc::Receiver<Order>) {
    let Prepared { config, mut tools, keeper, claims } = prepared;
    let mut claims = Claims(claims);
    let (mut workers, mut defences) = (JoinSet::new(), JoinSet::new());
    let mut hooks = Some(HookQueue::new(&tools));
    let mut queues = BTreeMap::new();
    for (index, spec) in config.groups.iter().enumerate() {
        queues.insert(index, employ(index, spec.clone(), &config, &tools, &mut workers));
    }
    tools.restage(&config.staged).await;
    loop {
        let order = tokio::select! {
            biased;
            order = orders.recv() => order,
            Some(_) = defences.join_next() => continue,
            // Beside the jobs, and one at a time: whoever is outside may not hold them up by many of them.
            claim = claims.next(), if defences.is_empty() => {
                defences.spawn_local(tools.clone().defend(claim));
                continue;
            }
        };
        let Some(order) = order else { break };
        match order {
            Order::Job(job) => assign(job, &queues, &tools.report),
            Order::Farewell(farewell) => tools.agents.bequeath(Bequest::Farewell(farewell)),
            Order::Hook(hook) => {
                if let Some(hooks) = &mut hooks {
                    hooks.take(hook, &tools.report);
                }
            }
            Order::Fence(id, node) => {
                workers.spawn_local(fence::reset(id, node, tools.agents.clone(), tools.report.clone()));
            }
            Order::StartClients => tools.agents.bequeath(Bequest::Clients(true)),
            Order::EndClients(done) => {
                let agents = tools.agents.clone();
                // Beside the jobs: it takes as long as the programs do.
                workers.spawn_local(async move {
                    let _ = done.send(agents.end_clients().await);
                });
            }
            Order::Disarm(done) => {
                hooks = None;
                tools.restage(&BTreeSet::new()).await;
                tools.agents.renounce().await;
                let _ = done.send(());
            }
            Order::Change(change) => {
                tools.restage(&change.config.staged).await;
                tools.agents.reconfigure(change.config);
                for (index, spec) in change.groups {
                    tools.open_announcer(&spec);
                    // A worker that was there under this number ends when its queue goes.
                    queues.insert(index, employ(index, spec, &config, &tools, &mut workers));
                }
            }
        }
        while workers.try_join_next().is_some() {}
    }
    drop((queues, tools, defences, hooks));
    while workers.join_next().await.is_some() {}
    if let Some(keeper) = keeper {
        let _ = keeper.await;
    }
}

/// What the sentinel hears, if there is one.
struct Claims(Option<mpsc::Receiver<Claim>>);

impl Claims {
    /// The next claim; never, when there is no sentinel.
    async fn next(&mut self) -> Claim {
        if let Some(claims) = &mut self.0
            && let Some(claim) = claims.recv().await
        {
            return claim;
        }
        self.0 = None;
        std::future::pending().await
    }
}

/// A worker for a group, and the way to it.
fn employ(
    index: usize,
    spec: GroupSpec,
    config: &ActuatorConfig,
    tools: &Tools,
    workers: &mut JoinSet<()>,
) -> mpsc::Sender<Job> {
    let (queue, inbox) = mpsc::channel(GROUP_QUEUE);
    let is_left = config.left_behind.contains(&spec.key);
    let group = Group::new(index, spec, tools.clone());
    let group = if is_left { group.left_behind() } else { group };
    workers.spawn_local(work(group, inbox, tools.report.clone()));
    queue
}

fn assign(job: Job, queues: &BTreeMap<usize, mpsc::Sender<Job>>, report: &Reporter) {
    let refusal = match queues.get(&job.action.group()).map(|queue| queue.try_send(job)) {
        Some(Ok(())) => return,
        Some(Err(_)) => "too many jobs wait for this group",
        None => "there is no such group",
    };
    // What was not even tried to stop may run.
    let residue = matches!(job.action, JobAction::Stop(_));
    report.done(job.id, Err(Failure { reason: refusal.to_owned(), residue }));
}

/// Does the jobs of one group, one after the other.
async fn work(mut group: Group, mut jobs: mpsc::Receiver<Job>, report: Reporter) {
    let mut next = jobs.recv().await;
    while let Some(job) = next.take() {
        let mut came = None;
        let result = match job.action {
            JobAction::Start(_) => group.start(job.epoch).await,
            JobAction::Stop(_) => group.stop().await,
            JobAction::Announce(_) => group.announce().await.map_err(without_residue),
            JobAction::Check(_) => check(&group, &mut jobs, &mut came).await.map_err(without_residue),
        };
        report.done(job.id, result);
        next = match came {
            Some(came) => Some(came),
            None => jobs.recv().await,
        };
    }
}

fn without_residue(reason: String) -> Failure {
    Failure { reason, residue: false }
}

/// Looks at a group until the next job comes: its scripts are killed then, because that job must not wait for them. What `came`
/// meanwhile.
async fn check(group: &Group, jobs: &mut mpsc::Receiver<Job>, came: &mut Option<Job>) -> Result<(), String> {
    let abandoned = Abandoned::default();
    let mut check = std::pin::pin!(group.check(&abandoned));
    tokio::select! {
        biased;
        next = jobs.recv() => *came = next,
        result = &mut check => return result,
    }
    abandoned.abandon();
    check.await
}

/// Jobs that may wait for the actuator's thread to look at them.
pub const QUEUE: usize = 1024;

/// Jobs that may wait for one group. The engine never has more than one unfinished.
const GROUP_QUEUE: usize = 16;
