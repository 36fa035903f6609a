//! Resource groups on this node: what each shall be, what it is, and the one job that runs for it.
//!
//! Level-triggered: a group whose state is not as wanted gets its next job when the last one ended. Decides nothing
//! about ownership.

use alloc::string::String;
use alloc::vec::Vec;
use core::hash::Hash as _;
use core::time::Duration;

use crate::config::{Config, GroupConfig};
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{GroupId, HoldSet, JobId};
use crate::io::{Action, Outcome, Output};
use crate::snapshot::GroupState;
use crate::time::Tick;

/// A failed start or stop is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// All groups of the cluster as they stand here.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    list: Vec<Group>,
    next_job: u64,
}

#[derive(Clone, Debug)]
struct Group {
    set: HoldSet,
    wanted: bool,
    state: GroupState,
    /// Something of it may still run although the last job failed.
    residue: bool,
    job: Option<(JobId, Action)>,
    retry: Option<Tick>,
}

impl Group {
    const fn is_settled(&self, up: bool) -> bool {
        if self.job.is_some() || self.wanted != up {
            return false;
        }
        match self.state {
            GroupState::Up => up,
            GroupState::Down => !up,
            // A failed start is reported and tried again; it does not hold up the others.
            GroupState::Failed => up && !self.residue,
            GroupState::Starting | GroupState::Stopping => false,
        }
    }
}

impl Groups {
    pub(crate) fn new(config: &Config) -> Self {
        let set = |group: &GroupConfig| {
            if group.home == Some(config.local) { HoldSet::LOCAL } else { HoldSet::FOREIGN }
        };
        let list = config.groups.iter().map(|group| Group {
            set: set(group),
            wanted: false,
            state: GroupState::Down,
            residue: false,
            job: None,
            retry: None,
        });
        Self { list: list.collect(), next_job: 1 }
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = GroupState> + '_ {
        self.list.iter().map(|group| group.state)
    }

    /// Whether something is being started or stopped; announcements of addresses do not count.
    pub(crate) fn is_busy(&self) -> bool {
        let changes = |job: &(JobId, Action)| matches!(job.1, Action::Start(_) | Action::Stop(_));
        self.list.iter().any(|group| group.job.as_ref().is_some_and(changes))
    }

    /// Whether all groups of the set are as wanted.
    pub(crate) fn are_settled(&self, set: HoldSet, up: bool) -> bool {
        self.list.iter().filter(|group| set.contains(group.set)).all(|group| group.is_settled(up))
    }

    pub(crate) fn next_retry(&self) -> Option<Tick> {
        self.list.iter().filter(|group| group.job.is_none()).filter_map(|group| group.retry).min()
    }

    /// Adds the states to a hash (see `digest`).
    pub(crate) fn digest<H: core::hash::Hasher>(&self, hasher: &mut H) {
        for group in &self.list {
            (group.wanted, group.state, group.residue, group.job.is_some(), group.retry.is_some())
                .hash(hasher);
        }
    }

    fn new_job(&mut self) -> JobId {
        let job = JobId(self.next_job);
        self.next_job += 1;
        job
    }
}

#[cfg(test)]
impl super::Failover {
    /// The number of the job begun last.
    pub(crate) const fn groups_last_job(&self) -> u64 {
        self.groups.next_job - 1
    }
}

impl Engine {
    /// Wants the groups of a set to run here, or not; begins what can begin.
    pub(crate) fn want(&mut self, set: HoldSet, up: bool) {
        for group in self.failover.groups.list.iter_mut().filter(|group| set.contains(group.set)) {
            group.wanted = up;
            group.retry = None;
            if group.state == GroupState::Failed && !group.residue {
                group.state = GroupState::Down;
            }
        }
        self.drive_groups();
    }

    /// Tells the network again where our addresses are.
    pub(crate) fn announce_again(&mut self) {
        for index in 0..self.failover.groups.list.len() {
            let idle =
                self.failover.groups.list.get(index).is_some_and(|group| {
                    group.state == GroupState::Up && group.job.is_none() && group.wanted
                });
            if idle {
                self.begin_job(index, Action::Announce);
            }
        }
    }

    /// Begins the next job of each group that is not as wanted.
    pub(crate) fn drive_groups(&mut self) {
        let now = self.now.tick;
        for index in 0..self.failover.groups.list.len() {
            let Some(group) = self.failover.groups.list.get_mut(index) else { return };
            if group.job.is_some() || group.retry.is_some_and(|retry| retry > now) {
                continue;
            }
            match (group.wanted, group.state) {
                (true, GroupState::Down | GroupState::Failed) => {
                    group.state = GroupState::Starting;
                    self.begin_job(index, Action::Start);
                }
                (false, GroupState::Up | GroupState::Failed) => {
                    group.state = GroupState::Stopping;
                    self.begin_job(index, Action::Stop);
                }
                (true, GroupState::Up)
                | (false, GroupState::Down)
                | (_, GroupState::Starting | GroupState::Stopping) => {}
            }
        }
    }

    fn begin_job(&mut self, index: usize, action: fn(GroupId) -> Action) {
        let Ok(id) = u16::try_from(index).map(GroupId) else { return };
        let job = self.failover.groups.new_job();
        let action = action(id);
        if let Some(group) = self.failover.groups.list.get_mut(index) {
            group.job = Some((job, action));
            group.retry = None;
        }
        self.outputs.push_back(Output::Do { job, action });
    }

    /// A job ended; unknown numbers are ignored.
    pub(crate) fn job_done(&mut self, job: JobId, outcome: Outcome) {
        let found =
            self.failover.groups.list.iter().position(|group| group.job.is_some_and(|(id, _)| id == job));
        let Some(index) = found else { return };
        let now = self.now.tick;
        let Some(group) = self.failover.groups.list.get_mut(index) else { return };
        let Some((_, action)) = group.job.take() else { return };
        let event = match (action, outcome) {
            (Action::Announce(_), _) => None,
            (Action::Start(id), Outcome::Ok) => {
                group.state = GroupState::Up;
                group.residue = false;
                Some(Event::GroupUp { group: id })
            }
            (Action::Stop(id), Outcome::Ok) => {
                group.state = GroupState::Down;
                group.residue = false;
                Some(Event::GroupDown { group: id })
            }
            (Action::Start(id), Outcome::Failed { reason }) => {
                group.failed(false, now);
                Some(Event::GroupFailed { group: id, reason })
            }
            (Action::Stop(id), Outcome::Failed { reason }) => {
                group.failed(true, now);
                Some(Event::GroupFailed { group: id, reason })
            }
        };
        if let Some(event) = event {
            self.report(event);
        }
        self.drive_groups();
        self.settle();
    }

    /// The groups' names and states for the snapshot.
    pub(crate) fn group_states(&self) -> Vec<(String, GroupState)> {
        let keys = self.config.groups.iter().map(|group| group.key.clone());
        keys.zip(self.failover.groups.states()).collect()
    }
}

impl Group {
    /// `residue`: something of it may still run.
    fn failed(&mut self, residue: bool, now: Tick) {
        self.state = GroupState::Failed;
        self.residue = residue;
        // Nothing is left of a failed start: if it is no longer wanted, it is simply down.
        if !residue && !self.wanted {
            self.state = GroupState::Down;
        } else {
            self.retry = Some(now.plus(RETRY_AFTER));
        }
    }
}
