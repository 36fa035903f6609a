//! What the kernels of both hosts say about the floating addresses, all the time.
//!
//! The hosts are asked in turn. An address counts as held twice only if one host had it at two successive answers
//! and the other one at the answer in between: such a verdict is never wrong, and nothing longer than two turns
//! escapes it.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hb_lab::{Host, LabError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::pair::Who;

/// Watches two hosts until it is dropped.
pub(crate) struct Holdings {
    record: Arc<Mutex<Record>>,
    task: JoinHandle<()>,
}

/// An address came to a host or left it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) at: Instant,
    pub(crate) who: Who,
    pub(crate) address: IpAddr,
    pub(crate) held: bool,
}

struct Record {
    begun: Instant,
    /// What was done to the cluster.
    acts: Vec<(Instant, String)>,
    held: [Vec<IpAddr>; 2],
    changes: Vec<Change>,
    twice: Vec<(Instant, IpAddr)>,
    /// Why a host could not be asked.
    blind: Option<String>,
}

impl Holdings {
    pub(crate) fn watch(hosts: [Host; 2], floating: Vec<IpAddr>) -> Self {
        let record = Record {
            begun: Instant::now(),
            acts: Vec::new(),
            held: [Vec::new(), Vec::new()],
            changes: Vec::new(),
            twice: Vec::new(),
            blind: None,
        };
        let record = Arc::new(Mutex::new(record));
        let shared = Arc::clone(&record);
        let task = tokio::spawn(async move {
            loop {
                for (who, host) in Who::BOTH.into_iter().zip(&hosts) {
                    let mut held = Vec::new();
                    match host.addresses().await {
                        Ok(found) => held.extend(found.into_iter().map(|entry| entry.address)),
                        // A host without power holds nothing.
                        Err(LabError::Gone(_)) => {}
                        Err(error) => shared.lock().unwrap().blind = Some(error.to_string()),
                    }
                    held.retain(|address| floating.contains(address));
                    shared.lock().unwrap().note(who, &held);
                    sleep(TURN).await;
                }
            }
        });
        Self { record, task }
    }

    /// All changes so far.
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.record().changes.clone()
    }

    /// Did the host have the address at its last answer?
    pub(crate) fn held(&self, who: Who, address: impl Into<IpAddr>) -> bool {
        self.record().held[who.index()].contains(&address.into())
    }

    /// When an address was seen on both hosts since `since`, most often at successive times.
    pub(crate) fn twice(&self, since: Instant) -> Vec<(Instant, IpAddr)> {
        let record = self.record();
        assert_eq!(record.blind, None, "a host could not be asked");
        record.twice.iter().copied().filter(|(at, _)| *at >= since).collect()
    }

    /// Was the address on at least one host at every moment since `since`?
    pub(crate) fn always_held(&self, address: impl Into<IpAddr>, since: Instant) -> bool {
        let address = address.into();
        let mut holders = [false; 2];
        let mut always = true;
        let changes = self.changes();
        for change in changes.iter().filter(|change| change.address == address) {
            if change.at >= since {
                always &= holders.contains(&true);
            }
            holders[change.who.index()] = change.held;
        }
        always && holders.contains(&true)
    }

    /// For people.
    pub(crate) fn story(&self) -> String {
        let record = self.record();
        let mut text = String::new();
        for change in &record.changes {
            let at = change.at.duration_since(record.begun).as_secs_f64();
            let verb = if change.held { "has" } else { "has no longer" };
            writeln!(text, "    {at:7.3} {} {verb} {}", change.who.name(), change.address).unwrap();
        }
        text
    }

    /// Something is done to the cluster now.
    pub(crate) fn act(&self, what: String) {
        self.record().acts.push((Instant::now(), what));
    }

    /// What was done last, and when.
    pub(crate) fn last_act(&self) -> (Instant, String) {
        let record = self.record();
        record.acts.last().cloned().unwrap_or_else(|| (record.begun, String::new()))
    }

    /// The story in one line: what was done, and in seconds after it who got which address (`beta+1`: the first one) or
    /// lost it (`beta-1`).
    pub(crate) fn line(&self, floating: &[IpAddr]) -> String {
        let record = self.record();
        let acts = record.acts.iter().map(|(at, what)| (*at, true, what.clone()));
        let changes = record.changes.iter().map(|change| {
            let number =
                floating.iter().position(|address| *address == change.address).map_or(0, |at| at + 1);
            let sign = if change.held { '+' } else { '-' };
            (change.at, false, format!("{}{sign}{number}", change.who.name()))
        });
        let mut parts: Vec<_> = acts.chain(changes).collect();
        parts.sort_by_key(|(at, _, _)| *at);
        let (mut line, mut since) = (String::new(), record.begun);
        for (at, is_act, text) in parts {
            if is_act {
                write!(line, "{}{text}:", if line.is_empty() { "" } else { " | " }).unwrap();
                since = at;
            } else {
                write!(line, " {text} {:.2}", at.duration_since(since).as_secs_f64()).unwrap();
            }
        }
        line
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }
}

impl Drop for Holdings {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Record {
    fn note(&mut self, who: Who, now: &[IpAddr]) {
        let at = Instant::now();
        let before = std::mem::replace(&mut self.held[who.index()], now.to_vec());
        let other = &self.held[who.other().index()];
        let twice = now.iter().filter(|address| before.contains(address) && other.contains(address));
        self.twice.extend(twice.map(|address| (at, *address)));
        for address in before.iter().filter(|address| !now.contains(address)) {
            self.changes.push(Change { at, who, address: *address, held: false });
        }
        for address in now.iter().filter(|address| !before.contains(address)) {
            self.changes.push(Change { at, who, address: *address, held: true });
        }
    }
}

/// Between two questions.
const TURN: Duration = Duration::from_millis(10);
