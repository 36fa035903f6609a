//! Monitoring: what runs here is looked at in intervals, started again when it has failed, and offered to the other node when
//! that does not help (`hb.toml`, `[monitor]`). 3.0.6 has nothing like it (`failover.md` 11.11).
//!
//! A check has a number of its own beside the jobs. It begins only while nothing is done with the group, and counts for nothing
//! as soon as anything is: so it neither delays a stop nor speaks of a time before it.

use alloc::string::String;

use super::{Group, Groups};
use crate::config::MonitorPolicy;
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{GroupId, JobId};
use crate::io::{Action, Outcome, Output};
use crate::snapshot::{GroupState, MonitorSnapshot};
use crate::time::Tick;

/// What is known of a group by looking at it.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// When the next check begins.
    pub(super) due: Option<Tick>,
    check: Option<JobId>,
    /// Failed checks in a row.
    failed: u32,
    /// How often it was started again since `since`.
    restarts: u32,
    since: Option<Tick>,
    pub(super) after_stop: AfterStop,
    /// Failed checks of this run of the node, and the last one.
    total: u32,
    problem: Option<String>,
}

/// What follows when a group that shall run is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum AfterStop {
    /// It was not stopped because it had failed.
    #[default]
    Nothing,
    /// It is started again.
    Restart,
    /// That was done often enough: it has failed like a start, and the other node may try.
    GiveUp,
    /// The same, but the other node is not asked.
    Rest,
}

impl Watch {
    /// Something is done with the group: what is being looked at says nothing of the time after it.
    pub(super) const fn job_begins(&mut self) {
        self.check = None;
        self.due = None;
    }

    /// Looks at it again after an interval.
    pub(super) fn goes_on(&mut self, now: Tick, policy: &MonitorPolicy) {
        self.due = Some(now.plus(policy.interval));
    }

    /// Adds the state to a hash (see `digest`).
    pub(super) fn digest<H: core::hash::Hasher>(&self, hasher: &mut H) {
        use core::hash::Hash as _;
        (self.due.is_some(), self.check.is_some(), self.failed, self.restarts, self.after_stop).hash(hasher);
    }

    /// What is to follow the next stop, after one failure too many.
    fn decide(&mut self, now: Tick, policy: &MonitorPolicy) -> AfterStop {
        if self.since.is_none_or(|since| now.since(since) > policy.within) {
            (self.restarts, self.since) = (0, Some(now));
        }
        if self.restarts < policy.restarts {
            self.restarts += 1;
            AfterStop::Restart
        } else if policy.moves {
            AfterStop::GiveUp
        } else {
            AfterStop::Rest
        }
    }
}

impl Groups {
    pub(super) fn next_check(&self) -> Option<Tick> {
        self.list.iter().filter_map(|group| group.watch.due).min()
    }

    pub(crate) fn monitor_of(&self, id: GroupId) -> Option<MonitorSnapshot> {
        let watch = &self.list.iter().find(|group| group.id == id)?.watch;
        (watch.due.is_some() || watch.check.is_some() || watch.total > 0).then(|| MonitorSnapshot {
            failures: watch.total,
            restarts: watch.restarts,
            problem: watch.problem.clone(),
        })
    }
}

impl Engine {
    /// The rule for a group, if it is monitored.
    fn monitor_policy(&self, index: usize) -> Option<MonitorPolicy> {
        let policy = self.config.agents.monitor.as_ref()?;
        let key = &self.config.groups.get(index)?.key;
        (policy.only.is_empty() || policy.only.contains(key)).then(|| policy.clone())
    }

    /// What is up is looked at after an interval, if it is monitored.
    pub(super) fn watch_from_now(&mut self, index: usize) {
        let now = self.now.tick;
        let policy = self.monitor_policy(index);
        let Some(group) = self.failover.groups.list.get_mut(index) else { return };
        group.watch.job_begins();
        if policy.is_none() && group.state == GroupState::Up {
            group.refused = None;
        }
        if let Some(policy) = policy.filter(|_| group.state == GroupState::Up && group.job.is_none()) {
            group.watch.goes_on(now, &policy);
        }
    }

    /// Other rules are in force: everything is looked at by them, one group after the other within the first interval.
    pub(crate) fn watch_anew(&mut self) {
        let now = self.now.tick;
        let count = u32::try_from(self.failover.groups.list.len()).unwrap_or(u32::MAX);
        for (index, turn) in (1..=count).enumerate() {
            self.watch_from_now(index);
            let interval = self.monitor_policy(index).map(|policy| policy.interval);
            let due = self.failover.groups.list.get_mut(index).and_then(|group| group.watch.due.as_mut());
            if let (Some(due), Some(interval)) = (due, interval) {
                *due = now.plus(interval / count * turn);
            }
        }
    }

    /// Begins the checks for which it is time.
    pub(crate) fn begin_checks(&mut self) {
        let now = self.now.tick;
        for index in 0..self.failover.groups.list.len() {
            let is_due = |group: &Group| group.watch.due.is_some_and(|due| due <= now);
            if !self.failover.groups.list.get(index).is_some_and(is_due) {
                continue;
            }
            let job = self.failover.groups.new_job();
            let Some(group) = self.failover.groups.list.get_mut(index) else { return };
            group.watch.due = None;
            group.watch.check = Some(job);
            let group = group.id;
            self.outputs.push_back(Output::Check { job, group });
        }
    }

    /// A check ended; one that nobody waits for any more is ignored.
    pub(super) fn check_done(&mut self, job: JobId, outcome: Outcome) {
        let is_it = |group: &Group| group.watch.check == Some(job);
        let Some(index) = self.failover.groups.list.iter().position(is_it) else { return };
        let now = self.now.tick;
        let policy = self.monitor_policy(index);
        let Some(group) = self.failover.groups.list.get_mut(index) else { return };
        group.watch.check = None;
        let Some(policy) = policy else { return };
        group.watch.goes_on(now, &policy);
        let id = group.id;
        let Outcome::Failed { reason, .. } = outcome else {
            group.watch.failed = 0;
            if group.watch.since.is_none_or(|since| now.since(since) > policy.within) {
                // It has run for long: what was before is forgotten.
                (group.watch.restarts, group.watch.since, group.refused) = (0, None, None);
            }
            return;
        };
        group.watch.failed += 1;
        group.watch.total = group.watch.total.saturating_add(1);
        group.watch.problem = Some(reason.clone());
        let enough = group.watch.failed >= policy.failures;
        if enough {
            // After a restart it has as many again.
            group.watch.failed = 0;
            group.watch.after_stop = group.watch.decide(now, &policy);
            group.state = GroupState::Stopping;
        }
        let restarts = enough && group.watch.after_stop == AfterStop::Restart;
        self.report(Event::CheckFailed { group: id, reason });
        if restarts {
            self.report(Event::Restarting { group: id });
        }
        if enough {
            self.begin_job(index, Action::Stop);
        }
    }
}
