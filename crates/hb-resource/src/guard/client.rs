//! The actuator's side of the guard: starts it, hands it runs, and replaces it when it dies or hangs.
//!
//! Runs that were under way when a guard is lost are answered with [`Outcome::Lost`]; their scripts are killed
//! before that, so that a repetition never runs beside the first attempt.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use hb_sys::process::{Pidfd, Signal};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::beat::Beat;
use crate::guard::abandon::Abandoned;
use crate::guard::protocol::{self, Answer, Captured, ClientNews, Ending, Lines, Order, Run, line};
use crate::guard::will::{Bequest, Will};
use crate::report::{Level, Reporter};

/// What came of a run.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ended, or did not begin.
    Ended {
        ending: Ending,
        output: Captured,
        errors: Captured,
        /// Number of the directory in which it was found.
        directory: usize,
    },
    /// The guard ended before the run did; nothing of it runs any more.
    Lost(&'static str),
    /// It was not begun, for this reason.
    Refused(String),
}

/// Hands runs to the guard. Clones share it.
#[derive(Clone)]
pub(crate) struct GuardClient {
    requests: mpsc::Sender<Request>,
    slots: Rc<Semaphore>,
    /// Of runs that can be given up, so that they keep no others waiting.
    check_slots: Rc<Semaphore>,
    estate: Rc<RefCell<Estate>>,
}

/// What is left to the guard, and the way to the one that runs.
#[derive(Default)]
struct Estate {
    will: Will,
    orders: Option<mpsc::Sender<Written>>,
    /// Who wait until no program runs beside the node any more.
    clients_ended: Vec<oneshot::Sender<()>>,
}

/// An order as a line, and who wants to know that the socket has it.
type Written = (Vec<u8>, Option<oneshot::Sender<()>>);

struct Request {
    run: Run,
    answer: oneshot::Sender<Outcome>,
    abandoned: Option<Abandoned>,
}

impl GuardClient {
    /// Keeps a guard running with this command from now on, until the last clone is dropped; it feels these beats. Returns
    /// the task that does it, too; it ends when the guard has ended.
    pub(crate) fn start(
        command: Vec<OsString>,
        beat: Option<Beat>,
        report: Reporter,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        Self::start_impatient(command, beat, report, HANG_LIMIT)
    }

    /// The same with another limit for a guard that does not answer.
    fn start_impatient(
        command: Vec<OsString>,
        beat: Option<Beat>,
        report: Reporter,
        hang_limit: Duration,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (requests, inbox) = mpsc::channel(SLOTS + CHECK_SLOTS);
        let estate = Rc::new(RefCell::new(Estate::default()));
        let keeper = Keeper {
            command,
            beat,
            report,
            inbox,
            pending: HashMap::new(),
            clients: Vec::new(),
            next_id: 0,
            hang_limit,
            estate: Rc::clone(&estate),
        };
        let task = tokio::task::spawn_local(keeper.keep());
        let [slots, check_slots] = [SLOTS, CHECK_SLOTS].map(|most| Rc::new(Semaphore::new(most)));
        (Self { requests, slots, check_slots, estate }, task)
    }

    /// Adds to the will and waits until the guard can read it. If there is no guard at the moment, the next one gets
    /// the whole will first of all: nobody waits for that, because a takeover must not.
    pub(crate) async fn bequeath(&self, bequest: Bequest) {
        if let Some(known) = self.add(bequest) {
            let _ = tokio::time::timeout(WILL_LIMIT, known).await;
        }
    }

    /// [`Self::bequeath`] without waiting.
    pub(crate) fn bequeath_later(&self, bequest: Bequest) {
        drop(self.add(bequest));
    }

    /// Has the programs that run beside the node ended; returns when none runs any more.
    pub(crate) async fn end_clients(&self) {
        let (ended, receiver) = oneshot::channel();
        let known = self.add(Bequest::Clients(false));
        if known.is_some() {
            self.estate.borrow_mut().clients_ended.push(ended);
            let _ = receiver.await;
        }
    }

    fn add(&self, bequest: Bequest) -> Option<oneshot::Receiver<()>> {
        let mut estate = self.estate.borrow_mut();
        estate.will.add(bequest.clone());
        let order = line(&Order::Will(bequest)).ok()?;
        let (known, receiver) = oneshot::channel();
        // A guard that lets so many orders wait hangs, and will be replaced.
        estate.orders.as_ref()?.try_send((order, Some(known))).ok()?;
        Some(receiver)
    }

    /// Has a script run and waits for its end. Waits for its turn first when many run. A run that can be given up returns
    /// soon after that; nothing of it runs any more then but what the kernel does not let go, on a dead disk for example.
    pub(crate) async fn run(&self, run: Run, abandoned: Option<&Abandoned>) -> Outcome {
        let lost = || Outcome::Refused("the actuator ends".to_owned());
        let slot = match abandoned {
            None => self.slots.acquire().await,
            Some(abandoned) => tokio::select! {
                biased;
                () = abandoned.wait() => return Outcome::Refused("it was given up".to_owned()),
                slot = self.check_slots.acquire() => slot,
            },
        };
        let Ok(_slot) = slot else { return lost() };
        let (answer, outcome) = oneshot::channel();
        if self.requests.send(Request { run, answer, abandoned: abandoned.cloned() }).await.is_err() {
            return lost();
        }
        let Some(abandoned) = abandoned else { return outcome.await.unwrap_or_else(|_| lost()) };
        let given_up = async {
            abandoned.wait().await;
            tokio::time::sleep(LEAVE_LIMIT).await;
        };
        tokio::select! {
            biased;
            outcome = outcome => outcome.unwrap_or_else(|_| lost()),
            () = given_up => Outcome::Refused("it was given up".to_owned()),
        }
    }
}

/// The task that owns the guard process.
struct Keeper {
    command: Vec<OsString>,
    beat: Option<Beat>,
    report: Reporter,
    inbox: mpsc::Receiver<Request>,
    pending: HashMap<u64, Pending>,
    /// Programs that the guard runs beside the node.
    clients: Vec<Pidfd>,
    /// Every run gets a number of its own, so that a late answer is never taken for another's.
    next_id: u64,
    hang_limit: Duration,
    estate: Rc<RefCell<Estate>>,
}

/// A run under way.
struct Pending {
    answer: oneshot::Sender<Outcome>,
    abandoned: Option<Abandoned>,
    /// The script, once it was started.
    script: Option<Pidfd>,
    /// When the guard must have answered at the latest; beyond that it hangs.
    due: Instant,
}

/// A guard process and the channels to it.
struct Guard {
    child: Child,
    process: Pidfd,
    orders: mpsc::Sender<Written>,
    answers: mpsc::Receiver<Answer>,
}

enum End {
    /// Nobody needs the guard any more.
    Unneeded,
    Lost(&'static str),
}

impl Keeper {
    async fn keep(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let begun = Instant::now();
            match Guard::start(&self.command, self.beat.as_ref()) {
                Ok(mut guard) => match self.serve(&mut guard).await {
                    End::Unneeded => {
                        self.estate.take();
                        return guard.leave().await;
                    }
                    End::Lost(reason) => {
                        self.estate.borrow_mut().orders = None;
                        self.report.note(Level::Error, format!("The guard is lost: {reason}"));
                        guard.kill().await;
                        self.give_up_pending(reason).await;
                        // What is asked for meanwhile waits for the next guard.
                        tokio::time::sleep(pause).await;
                    }
                },
                Err(error) => {
                    let reason = format!("the guard cannot be started: {error}");
                    self.report.note(Level::Error, reason.clone());
                    self.refuse_for(pause, &reason).await;
                }
            }
            if self.inbox.is_closed() {
                return;
            }
            pause = if begun.elapsed() > SETTLED { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        }
    }

    /// Lets nobody wait for a guard that may never be.
    async fn refuse_for(&mut self, pause: Duration, reason: &str) {
        let refuse = async {
            while let Some(request) = self.inbox.recv().await {
                let _ = request.answer.send(Outcome::Refused(reason.to_owned()));
            }
        };
        let _ = tokio::time::timeout(pause, refuse).await;
    }

    async fn serve(&mut self, guard: &mut Guard) -> End {
        self.hand_down_will(guard);
        loop {
            let due = self.pending.values().map(|pending| pending.due).min();
            tokio::select! {
                request = self.inbox.recv() => match request {
                    Some(request) => self.hand_over(request, guard),
                    None => return End::Unneeded,
                },
                answer = guard.answers.recv() => match answer {
                    Some(answer) => self.take(answer),
                    None => return End::Lost("it ended"),
                },
                () = until(due) => return End::Lost("it hangs"),
            }
        }
    }

    fn hand_down_will(&self, guard: &Guard) {
        let mut estate = self.estate.borrow_mut();
        match line(&Order::Will(Bequest::All(Box::new(estate.will.clone())))) {
            // The first order of all.
            Ok(order) => drop(guard.orders.try_send((order, None))),
            Err(error) => {
                let text = format!("The guard cannot be told what to end if this process dies: {error}");
                self.report.note(Level::Error, text);
            }
        }
        estate.orders = Some(guard.orders.clone());
    }

    fn hand_over(&mut self, request: Request, guard: &Guard) {
        let Request { mut run, answer, abandoned } = request;
        self.next_id += 1;
        run.id = self.next_id;
        let due = Instant::now() + run.limit + run.grace + self.hang_limit;
        let sent = match line(&Order::Run(run)) {
            // As many orders fit as there are slots.
            Ok(order) => guard.orders.try_send((order, None)).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match sent {
            Ok(()) => {
                drop(self.pending.insert(self.next_id, Pending { answer, abandoned, script: None, due }));
            }
            Err(reason) => drop(answer.send(Outcome::Refused(reason))),
        }
    }

    fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Started { id, pid, program } => {
                tracing::debug!(pid, program, "script started");
                if let Some(pending) = self.pending.get_mut(&id) {
                    // Fails only when the script has ended already.
                    pending.script = Pidfd::open(pid).ok();
                    if let Some(abandoned) = &pending.abandoned {
                        abandoned.begins(Pidfd::open(pid).ok());
                    }
                }
            }
            Answer::Ended { id, ending, output, errors, directory } => {
                if let Some(pending) = self.pending.remove(&id) {
                    let _ = pending.answer.send(Outcome::Ended { ending, output, errors, directory });
                }
            }
            Answer::Client(news) => self.take_client_news(news),
        }
    }

    fn take_client_news(&mut self, news: ClientNews) {
        match news {
            ClientNews::Started(pid) => {
                self.clients.retain(|client| !client.has_ended().unwrap_or(true));
                self.clients.extend(Pidfd::open(pid));
            }
            ClientNews::AllEnded => self.clients_ended(),
            ClientNews::FailfastEnded => self.report.failfast_ended(),
            ClientNews::Note(level, text) => self.report.note(level, text),
        }
    }

    /// Ends what the lost guard left running, then says so.
    async fn give_up_pending(&mut self, reason: &'static str) {
        for (_, pending) in self.pending.drain() {
            if let Some(script) = pending.script {
                end_group(script).await;
            }
            let _ = pending.answer.send(Outcome::Lost(reason));
        }
        // The next guard starts them anew.
        for client in std::mem::take(&mut self.clients) {
            end_group(client).await;
        }
        self.clients_ended();
    }

    fn clients_ended(&mut self) {
        for waiting in self.estate.borrow_mut().clients_ended.drain(..) {
            let _ = waiting.send(());
        }
    }
}

impl Guard {
    /// Starts a guard and the two tasks that carry its traffic.
    fn start(command: &[OsString], beat: Option<&Beat>) -> io::Result<Self> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no command is configured"))?;
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let pulse = beat.map_or_else(|| Ok(Stdio::null()), |beat| beat.for_child().map(Stdio::from))?;
        let mut guard = Command::new(program);
        if program == OWN_PROGRAM {
            guard.arg0("hb-node");
        }
        let mut child = guard
            .args(arguments)
            .stdin(OwnedFd::from(theirs))
            .stdout(pulse)
            // A group of its own, so that Ctrl-C in a terminal does not reach it.
            .process_group(0)
            .spawn()?;
        let connected =
            Pidfd::open(child.id()).and_then(|process| Ok((process, UnixStream::from_std(ours)?)));
        let (process, socket) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        let (readable, writable) = socket.into_split();
        let (orders, outbox) = mpsc::channel(ORDERS);
        let (inbox, answers) = mpsc::channel(SLOTS);
        tokio::task::spawn_local(write_orders(writable, outbox));
        tokio::task::spawn_local(read_answers(Lines::new(readable), inbox));
        Ok(Self { child, process, orders, answers })
    }

    /// Says that nothing is to be done, and closes the socket, upon which the guard ends. It may outlive us when
    /// scripts still run.
    async fn leave(self) {
        let Self { mut child, process, orders, answers } = self;
        if let Ok(order) = line(&Order::Will(Bequest::Nothing)) {
            let _ = orders.send((order, None)).await;
        }
        drop((orders, answers));
        if has_ended_in_time(&process).await {
            let _ = child.wait();
        }
    }

    async fn kill(mut self) {
        let _ = self.process.signal(Signal::KILL);
        if has_ended_in_time(&self.process).await {
            let _ = self.child.wait();
        }
    }
}

async fn write_orders(socket: OwnedWriteHalf, mut outbox: mpsc::Receiver<Written>) {
    while let Some((order, known)) = outbox.recv().await {
        // The reader notices the end of the guard.
        if protocol::write(&socket, &order).await.is_err() {
            return;
        }
        if let Some(known) = known {
            let _ = known.send(());
        }
    }
}

async fn read_answers(mut answers: Lines, inbox: mpsc::Sender<Answer>) {
    loop {
        match answers.next().await {
            Ok(Some(answer)) => {
                if inbox.send(answer).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the guard cannot be understood");
                return;
            }
        }
    }
}

/// Kills a script and its process group, and waits until the script is gone.
async fn end_group(script: Pidfd) {
    // The script is not our child and may be reaped at any time, but its number is certain while it lives.
    if script.has_ended().is_ok_and(|ended| !ended) {
        let _ = script.signal_group(Signal::KILL);
        has_ended_in_time(&script).await;
    }
}

/// Waits for a process that was told to end. By looking again and again: this happens once in the life of a guard,
/// and SIGCHLD belongs to the program that we are a part of.
async fn has_ended_in_time(process: &Pidfd) -> bool {
    let ended = async {
        while !process.has_ended().unwrap_or(false) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(LEAVE_LIMIT, ended).await.is_ok()
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Scripts that may run at the same time; more wait for their turn.
const SLOTS: usize = 64;
/// The same for runs that can be given up.
const CHECK_SLOTS: usize = 16;

/// Orders that may wait to be written: as many runs as may go on, and what is added to the will meanwhile.
const ORDERS: usize = 4 * SLOTS;

/// How long a takeover waits for a guard that does not read.
const WILL_LIMIT: Duration = Duration::from_millis(100);

/// What a guard may take on top of time limit and grace of a script before it counts as hanging.
const HANG_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait for processes that were told to end.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// The way to the program that runs. Processes are listed with its name instead.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// Pause before a guard is started again; doubled each time, up to the longest, until one has settled.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const SETTLED: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
