//! The scene of every story: two nodes, what may befall them, and the end that must come and stay.

use std::cell::Cell;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hb_client::{ResourceSet, Status};
use hb_lab::{Account, ClusterFiles, Direction, Host, HostSpec, Lab, Node};
use tokio::time::{Instant, sleep};

use crate::bound::Bound;
use crate::holdings::Holdings;
use crate::pair::{Case, Failback, Pair, Who, agent, lost_by_306, open_for_an_hour, program};
use crate::warnings;

/// Two nodes on one network, and everything seen of them so far.
pub(crate) struct Scene {
    pub(crate) case: Case,
    pub(crate) holdings: Holdings,
    nodes: [Node; 2],
    /// What befell the cluster: sections of `warnings.txt`.
    befell: Vec<&'static str>,
    /// From when on no address may be on both hosts.
    strict_since: Instant,
    floating: [Ipv4Addr; 2],
    bound: Bound,
    /// When it was first seen to be stable after what was done last.
    stable_at: Cell<Option<Instant>>,
    pub(crate) lab: Lab,
}

/// What a node holds at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    All,
    Local,
    Nothing,
    /// It does not run, and has nothing.
    Off,
}

/// The network that both nodes are on.
pub(crate) const NETWORK: &str = "front";
/// How long anything may take that has no better limit: 3.0.6 waits for ten seconds here and there.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);
/// Longer than a 3.0.6 node, or ours beside one, waits for the answer of the other.
const ANSWER: Duration = Duration::from_secs(15);

/// The files of the example, with `auto_failback` as the case wants it.
pub(crate) fn files(case: Case) -> ClusterFiles {
    ClusterFiles::two_node().with("auto_failback", case.failback.word())
}

impl Scene {
    /// The hosts and files are there, nothing runs.
    pub(crate) async fn build(case: Case) -> Self {
        Self::build_with(case, &files(case), |spec| spec).await
    }

    /// As [`Scene::build`], with other files and hosts.
    pub(crate) async fn build_with(
        case: Case,
        files: &ClusterFiles,
        change: impl Fn(HostSpec) -> HostSpec,
    ) -> Self {
        let mut lab = Lab::start(agent()).unwrap();
        let [first, second] = [(Who::Alpha, 1), (Who::Beta, 2)].map(|(who, last)| {
            change(HostSpec::new(who.name()).plug(NETWORK, Ipv4Addr::new(10, 77, 0, last)))
        });
        for plug in &first.plugs {
            lab.add_network(&plug.network).await.unwrap();
        }
        let [alpha, beta] = case.programs();
        let alpha = Node::new(lab.add_host(first).await.unwrap(), alpha, files).unwrap();
        let beta = Node::new(lab.add_host(second).await.unwrap(), beta, files).unwrap();
        let floating = [Ipv4Addr::new(10, 77, 0, 100), Ipv4Addr::new(10, 77, 0, 101)];
        let holdings =
            Holdings::watch([alpha.host().clone(), beta.host().clone()], floating.map(IpAddr::V4).to_vec());
        let (nodes, strict_since) = ([alpha, beta], Instant::now());
        let befell =
            if case.failback == Failback::Legacy { vec!["always", "legacy"] } else { vec!["always"] };
        let (bound, stable_at) = (Bound::new(case, files), Cell::new(None));
        Self { case, holdings, nodes, befell, strict_since, floating, bound, stable_at, lab }
    }

    pub(crate) fn node(&self, who: Who) -> &Node {
        &self.nodes[who.index()]
    }

    pub(crate) fn host(&self, who: Who) -> &Host {
        self.node(who).host()
    }

    /// The address whose home this node is.
    pub(crate) fn address(&self, who: Who) -> Ipv4Addr {
        self.floating[who.index()]
    }

    pub(crate) async fn start(&self, who: Who) {
        self.holdings.act(format!("start {}", who.name()));
        self.node(who).start().await.unwrap();
    }

    /// Both start, and each holds its own.
    pub(crate) async fn start_both(&mut self) {
        for who in Who::BOTH {
            self.start(who).await;
        }
        self.reaches("the start of both", Holds::Local, Holds::Local).await;
    }

    /// A power cut.
    pub(crate) async fn crash(&mut self, who: Who) {
        self.befalls("death");
        self.holdings.act(format!("crash {}", who.name()));
        self.host(who).crash().await.unwrap();
    }

    /// Asks for an orderly stop.
    pub(crate) async fn stop_begins(&mut self, who: Who) {
        self.befalls("stop");
        self.holdings.act(format!("stop {}", who.name()));
        self.node(who).stop().await.unwrap();
    }

    /// An orderly stop, to its very end.
    pub(crate) async fn stop(&mut self, who: Who) {
        self.stop_begins(who).await;
        self.node(who).stopped(LIMIT).await.unwrap();
    }

    /// Lets a node give groups away, as its operator would.
    pub(crate) async fn standby(&self, who: Who, set: &str) {
        self.request(who, "standby", set).await;
    }

    /// Lets a node ask for groups, as its operator would.
    pub(crate) async fn takeover(&self, who: Who, set: &str) {
        self.request(who, "takeover", set).await;
    }

    async fn request(&self, who: Who, what: &str, set: &str) {
        if self.case.runs_306(who) {
            return self.script(who, &format!("hb_{what}"), set).await;
        }
        self.order(who, &[&program("hb-ctl").to_string_lossy(), what, set], what).await;
    }

    /// Runs a script of Debian's package on a host, whose daemon may be ours.
    pub(crate) async fn script(&self, who: Who, name: &str, set: &str) {
        self.order(who, &[&script_of_306(name), set], name.trim_start_matches("hb_")).await;
    }

    async fn order(&self, who: Who, argv: &[&str], what: &str) {
        self.holdings.act(format!("{what} {} {}", who.name(), argv.last().copied().unwrap_or_default()));
        let output = self.host(who).run(argv, LIMIT).await.unwrap();
        assert!(output.succeeded(), "{}: {argv:?}: {output:?}", self.case);
    }

    /// Runs `hb-ctl` on a host; what it prints. It ends with this code.
    pub(crate) async fn ctl(&self, who: Who, words: &[&str], code: i32) -> String {
        let ctl = program("hb-ctl").to_string_lossy().into_owned();
        let argv: Vec<&str> = std::iter::once(ctl.as_str()).chain(words.iter().copied()).collect();
        if let [order, rest @ ..] = words
            && *order != "status"
        {
            self.holdings.act(format!("{order} {} {}", who.name(), rest.join(" ")));
        }
        let output = self.host(who).run(&argv, LIMIT).await.unwrap();
        assert_eq!(output.exit.code, Some(code), "{}: {words:?}: {output:?}", self.case);
        output.stdout
    }

    /// From now on this kind of warning may be in the log of 3.0.6.
    pub(crate) fn befalls(&mut self, what: &'static str) {
        self.befell.push(what);
    }

    /// From now on it may take this much longer until it is stable: a limit or a delay that only this story has.
    pub(crate) fn may_take(&mut self, time: Duration) {
        self.bound.more = time;
    }

    /// Loses `percent` of the heartbeats that come to each node.
    pub(crate) async fn lose(&mut self, percent: u8) {
        self.befalls("loss");
        self.bound.is_disturbed = percent > 0;
        self.holdings.act(format!("lose {percent} percent"));
        for who in Who::BOTH {
            let lost = self.host(who).lose(NETWORK, Direction::Incoming, percent, "udp dport 694").await;
            lost.unwrap_or_else(|error| panic!("{error} (Debian: package nftables)"));
        }
    }

    /// Lets each frame from and to a node wait up to `most`; zero ends it.
    pub(crate) async fn delay(&mut self, who: Who, most: Duration) {
        self.befalls("loss");
        self.bound.is_disturbed = !most.is_zero();
        self.holdings.act(format!("delay {} by up to {most:?}", who.name()));
        let times = Duration::ZERO..=most;
        self.host(who).delay(NETWORK, times.clone(), times).await.unwrap();
    }

    /// Holds messages of this type from and to a node back, each for this time; all others pass.
    pub(crate) async fn hold_back(&mut self, who: Who, kind: &str, time: Duration) {
        for befalls in ["loss", "late"] {
            self.befalls(befalls);
        }
        self.holdings.act(format!("hold back {kind} {} s", time.as_secs()));
        // As the media carry it (`wire.md` 2.2).
        let field = format!(")t={kind},");
        self.host(who).delay_those(&field, NETWORK, time..=time, time..=time).await.unwrap();
    }

    /// From now on no address may be on both hosts again.
    pub(crate) fn be_strict(&mut self) {
        self.strict_since = Instant::now();
    }

    /// The end after the return of `who`: its own groups are there again, or stay where they are.
    pub(crate) async fn returns(&mut self, who: Who) {
        let (one, other) = match self.case.failback {
            Failback::On | Failback::Legacy => (Holds::Local, Holds::Local),
            Failback::Off => (Holds::Nothing, Holds::All),
        };
        let (alpha, beta) = if who == Who::Alpha { (one, other) } else { (other, one) };
        self.reaches(&format!("the return of {}", who.name()), alpha, beta).await;
        self.stays(Duration::from_secs(2), alpha, beta).await;
    }

    /// Waits for an end: the kernels and both nodes say so at the same time. Tells how long that took.
    pub(crate) async fn reaches(&self, what: &str, alpha: Holds, beta: Holds) -> Duration {
        let begun = Instant::now();
        loop {
            let Err(reason) = self.is_at(alpha, beta).await else {
                self.note_stable();
                return begun.elapsed();
            };
            if begun.elapsed() > LIMIT {
                self.note_open_hand_over().await;
                let wanted = format!("{what}: not alpha {alpha:?} and beta {beta:?} within {LIMIT:?}");
                panic!("{}: {wanted}: {reason}\n{}", self.case, self.describe().await);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Hands a set over, and asks again where a 3.0.6 node takes part and nothing came of it: one that lost the last step of a
    /// hand-over ignores the next request, of which its peer tells after ten seconds (`failover.md` 3.6).
    pub(crate) async fn hands_over(&self, what: &str, (who, set): (Who, &str), alpha: Holds, beta: Holds) {
        self.asks(what, async || self.standby(who, set).await, alpha, beta).await;
    }

    /// As [`Scene::hands_over`], asked for by the node that takes.
    pub(crate) async fn takes_over(&self, what: &str, (who, set): (Who, &str), alpha: Holds, beta: Holds) {
        self.asks(what, async || self.takeover(who, set).await, alpha, beta).await;
    }

    async fn asks(&self, what: &str, request: impl AsyncFn(), alpha: Holds, beta: Holds) {
        let begun = Instant::now();
        let mut asked = begun;
        request().await;
        while begun.elapsed() < LIMIT.saturating_sub(ANSWER) && self.is_at(alpha, beta).await.is_err() {
            if self.case.pair != Pair::BothOurs && asked.elapsed() > ANSWER {
                asked = Instant::now();
                request().await;
            }
            sleep(Duration::from_millis(50)).await;
        }
        self.reaches(what, alpha, beta).await;
    }

    /// An end that only two real ones come to, where messages come late or are lost (`failover.md` 3.7 and 11.13).
    async fn note_open_hand_over(&self) {
        let is_open = |account| matches!(account, Account::Heartbeat { hold, .. } if hold == "transition");
        let accounts = [self.node(Who::Alpha).account().await, self.node(Who::Beta).account().await];
        let may_be = self.case.pair == Pair::Both306 && self.befell.contains(&"loss");
        if may_be && accounts.into_iter().any(is_open) {
            self.write_line("stable: in an hour (F06)");
            open_for_an_hour(|open| open.set(true));
        }
    }

    /// As [`Scene::reaches`], the owner of `who`'s end first.
    pub(crate) async fn reaches_for(&self, what: &str, who: Who, holds: Holds, other: Holds) -> Duration {
        match who {
            Who::Alpha => self.reaches(what, holds, other).await,
            Who::Beta => self.reaches(what, other, holds).await,
        }
    }

    /// Looks for a while whether the end stays: no address moves, and both nodes still say the same.
    pub(crate) async fn stays(&self, time: Duration, alpha: Holds, beta: Holds) {
        let before = self.holdings.changes().len();
        if self.is_at(alpha, beta).await.is_ok() {
            self.note_stable();
        }
        sleep(time).await;
        let is_at = self.is_at(alpha, beta).await;
        if let Err(reason) = is_at {
            self.note_open_hand_over().await;
            panic!("{}: it did not stay: {reason}\n{}", self.case, self.describe().await);
        }
        let moved = self.holdings.changes().len() - before;
        assert_eq!(moved, 0, "{}: addresses moved in between\n{}", self.case, self.describe().await);
    }

    /// Within its bound after what was done last neither node has anything under way. How long that took, and the bound.
    pub(crate) async fn becomes_stable(&self) -> (Duration, Duration) {
        let (since, act) = self.holdings.last_act();
        let bound = self.bound.after(&act);
        if self.stable_at.get().is_none_or(|at| at < since) {
            let left = bound.saturating_sub(since.elapsed());
            self.until(&format!("stable {bound:?} after `{act}`"), left, Self::are_stable).await;
            self.note_stable();
        }
        let took = self.stable_at.get().unwrap_or(since).duration_since(since);
        if took > bound {
            let story = self.describe().await;
            panic!("{}: stable {took:?} after `{act}`, later than {bound:?}\n{story}", self.case);
        }
        (took, bound)
    }

    fn note_stable(&self) {
        let (since, _) = self.holdings.last_act();
        if self.stable_at.get().is_none_or(|at| at < since) {
            self.stable_at.set(Some(Instant::now()));
        }
    }

    pub(crate) async fn are_stable(&self) -> bool {
        let accounts = [self.node(Who::Alpha).account().await, self.node(Who::Beta).account().await];
        accounts.iter().all(|account| match account {
            Account::Ours(status) => status.stable,
            // In legacy mode it has no hold set to tell, and says `none` or `transition`.
            Account::Heartbeat { hold, .. } => hold != "transition" || self.case.failback == Failback::Legacy,
            Account::Off | Account::NotRunning => true,
            Account::Mute => false,
        })
    }

    /// The last words of every story: no address on both hosts, stable within the bound, nothing strange in the log of 3.0.6.
    pub(crate) async fn ends(self) {
        let twice = self.holdings.twice(self.strict_since);
        if let Some((_, address)) = twice.first() {
            panic!("{}: both had {address}\n{}", self.case, self.describe().await);
        }
        let (took, bound) = self.becomes_stable().await;
        let (took, bound) = (took.as_secs_f64(), bound.as_secs_f64());
        self.write_line(&format!("stable: {took:.2} of {bound:.1}"));
        for who in Who::BOTH {
            if self.case.runs_306(who) {
                warnings::judge(self.case, who, &self.node(who).log(), &self.befell);
            }
        }
    }

    /// The status of a node of ours.
    pub(crate) async fn status(&self, who: Who) -> Box<Status> {
        let account = self.node(who).account().await;
        let Account::Ours(status) = account else {
            panic!("{}: {} says {account:?}", self.case, who.name());
        };
        status
    }

    /// Waits until something is true, and tells what it was if it never is.
    pub(crate) async fn until(
        &self,
        what: &str,
        limit: Duration,
        mut is_true: impl AsyncFnMut(&Self) -> bool,
    ) {
        let begun = Instant::now();
        while !is_true(self).await {
            let late = begun.elapsed() > limit;
            assert!(!late, "{}: not within {limit:?}: {what}\n{}", self.case, self.describe().await);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether it is, or why not.
    pub(crate) async fn is_at(&self, alpha: Holds, beta: Holds) -> Result<(), String> {
        let wanted = [alpha, beta];
        for who in Who::BOTH {
            for address in Who::BOTH {
                let should = match wanted[who.index()] {
                    Holds::All => true,
                    Holds::Local => address == who,
                    Holds::Nothing | Holds::Off => false,
                };
                let address = self.address(address);
                let held = self.host(who).addresses().await.unwrap_or_default();
                let held = held.iter().any(|entry| entry.address == address);
                // The watch may be a moment behind.
                if held != should || self.holdings.held(who, address) != should {
                    return Err(format!("{} and {address}", who.name()));
                }
            }
        }
        for who in Who::BOTH {
            self.says(who, wanted[who.index()], wanted[who.other().index()]).await?;
        }
        Ok(())
    }

    /// Does the node itself say so too?
    async fn says(&self, who: Who, holds: Holds, other: Holds) -> Result<(), String> {
        let account = self.node(who).account().await;
        let hold = match holds {
            Holds::All => ResourceSet::All,
            Holds::Local => ResourceSet::Local,
            Holds::Nothing => ResourceSet::None,
            Holds::Off => return self.is_off(who, &account),
        };
        let peer = if other == Holds::Off { "dead" } else { "active" };
        let agrees = match &account {
            Account::Ours(status) => {
                let peer_status = status.nodes.iter().find(|node| node.name == who.other().name());
                status.stable && status.hold == hold && peer_status.is_some_and(|node| node.status == peer)
            }
            Account::Heartbeat { hold: said, peer: peer_status } => {
                // In legacy mode it has no hold set to tell.
                let agrees = said == hold.as_str() || self.case.failback == Failback::Legacy;
                agrees && peer_status == peer
            }
            Account::Off | Account::NotRunning | Account::Mute => false,
        };
        if agrees { Ok(()) } else { Err(format!("{} says {}", who.name(), short(&account))) }
    }

    fn is_off(&self, who: Who, account: &Account) -> Result<(), String> {
        match account {
            Account::Off | Account::NotRunning => Ok(()),
            Account::Mute | Account::Ours(_) | Account::Heartbeat { .. } => {
                Err(format!("{}: {} says {}", self.case, who.name(), short(account)))
            }
        }
    }

    /// For people: what happened to the addresses, what the nodes say, the ends of their logs.
    async fn describe(&self) -> String {
        let mut text = self.holdings.story();
        for who in Who::BOTH {
            let account = short(&self.node(who).account().await);
            let log = self.node(who).log();
            let skipped = log.lines().count().saturating_sub(40);
            writeln!(text, "{} says {account}; end of its log:", who.name()).unwrap();
            for line in log.lines().skip(skipped) {
                writeln!(text, "    {line}").unwrap();
            }
        }
        text
    }

    /// One line of the matrix: who had what when, and its end: how long it took to be stable after what was done last, and might have
    /// taken.
    fn write_line(&self, end: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cluster").join("matrix");
        let line = self.holdings.line(&self.floating.map(IpAddr::V4));
        let line = format!("{}: {line} | {end}\n", self.case);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(self.case.to_string()), line).unwrap();
    }

    /// After a failure: keeps the logs.
    fn keep_logs(&self) {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cluster").join(self.case.to_string());
        for who in Who::BOTH {
            let Some(logs) = self.host(who).outside("/var/log") else { continue };
            let place = kept.join(who.name());
            // What cannot be kept does not matter more than the failure itself.
            let _made = std::fs::create_dir_all(&place);
            for entry in std::fs::read_dir(logs).into_iter().flatten().flatten() {
                let _kept = std::fs::copy(entry.path(), place.join(entry.file_name()));
            }
        }
        println!("{}: logs kept in {}", self.case, kept.display());
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep_logs();
            let lost = |who: &Who| self.case.runs_306(*who) && self.node(*who).log().contains(LOST_BY_306);
            if Who::BOTH.iter().any(lost) {
                lost_by_306(|lost| lost.set(true));
            }
        }
    }
}

/// Where Debian's package has put a script.
fn script_of_306(name: &str) -> String {
    let output = Command::new("dpkg").args(["-L", "heartbeat"]).output().unwrap();
    let files = String::from_utf8(output.stdout).unwrap();
    let is_it = |file: &&str| file.contains("/heartbeat/") && file.ends_with(&format!("/{name}"));
    files.lines().find(is_it).unwrap_or_else(|| panic!("package heartbeat has no {name}")).to_owned()
}

fn short(account: &Account) -> String {
    match account {
        Account::Ours(status) => serde_json::to_string(status).unwrap(),
        Account::Off | Account::NotRunning | Account::Mute | Account::Heartbeat { .. } => {
            format!("{account:?}")
        }
    }
}

/// A message of a script came to nothing in the FIFO.
const LOST_BY_306: &str = "ERROR: msg2string: Message with zero fields";
