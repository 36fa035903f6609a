//! Resource groups on this node: what each shall be, what it is, and the one job that runs for it.
//!
//! Level-triggered: a group whose state is not as wanted gets its next job when the last one ended. Decides nothing
//! about ownership.

use alloc::string::String;
use alloc::vec::Vec;
use core::hash::Hash as _;
use core::time::Duration;

mod exchange;
pub(crate) mod homes;
mod jobs;
mod offer;
mod watch;

use super::loans::Place;
use crate::config::{Config, GroupConfig};
use crate::engine::Engine;
use crate::id::{GroupId, HoldSet, JobId, NodeId};
use crate::io::Action;
use crate::snapshot::GroupState;
use crate::time::Tick;
use watch::Watch;

/// A failed start or stop is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// All groups of the cluster as they stand here.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    list: Vec<Group>,
    next_job: u64,
}

/// What a group has to do with the other node apart from its set.
#[derive(Clone, Copy, Debug, Default, Hash)]
struct GroupLoan {
    /// Where it shall run while we hold its set.
    place: Place,
    /// It was on the other node, and has not been started here since.
    was_lent: bool,
    /// The other node says that it has it, or may still have it, without holding its set.
    borrowed: bool,
    /// Its preferred node has changed here, and the other node may not know it yet.
    unsure: bool,
}

#[derive(Clone, Debug)]
struct Group {
    id: GroupId,
    set: HoldSet,
    membership: Membership,
    wanted: bool,
    loan: GroupLoan,
    state: GroupState,
    /// Something of it may still run although the last job failed.
    residue: bool,
    job: Option<(JobId, Action)>,
    retry: Option<Tick>,
    /// It could not be stopped and is left alone.
    kept: bool,
    /// Not offered to the other node before.
    refused: Option<Tick>,
    watch: Watch,
    /// Of its latest start.
    epoch: Option<u64>,
}

/// What loans are decided by.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "plain answers, in any combination")]
pub(crate) struct View {
    pub(crate) id: GroupId,
    pub(crate) set: HoldSet,
    pub(crate) place: Place,
    /// Shall run here unless it is elsewhere.
    pub(crate) wanted: bool,
    pub(crate) is_gone: bool,
    /// The other node names it.
    pub(crate) there: bool,
    /// See `homes`.
    pub(crate) unsure: bool,
}

/// Where a group stands between two configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Membership {
    /// In the configuration.
    Member,
    /// New in it: not started while anything that left it is still here, because both may have the same resources.
    Added,
    /// No longer in it: stopped, then forgotten.
    Removed,
}

impl Group {
    fn new(id: GroupId, set: HoldSet, membership: Membership) -> Self {
        let state = GroupState::Down;
        Self {
            id,
            set,
            membership,
            wanted: false,
            loan: GroupLoan::default(),
            state,
            residue: false,
            job: None,
            retry: None,
            kept: false,
            refused: None,
            watch: Watch::default(),
            epoch: None,
        }
    }

    /// Nothing of it is here and nothing is being done with it.
    const fn is_gone(&self) -> bool {
        matches!(self.state, GroupState::Down) && self.job.is_none()
    }

    const fn view(&self) -> View {
        View {
            id: self.id,
            set: self.set,
            place: self.loan.place,
            wanted: self.wanted,
            is_gone: self.is_gone(),
            there: self.loan.borrowed,
            unsure: self.loan.unsure,
        }
    }

    /// Whether it is not, or may not yet be, this node's to run.
    fn is_elsewhere(&self) -> bool {
        self.loan.borrowed || self.loan.place != Place::Here
    }

    const fn is_settled(&self, up: bool) -> bool {
        if self.job.is_some() || self.wanted != up {
            return false;
        }
        match self.state {
            // A failed start is reported and tried again; it does not hold up the others. After a failed stop, or a start
            // that could not be undone, nobody may be told that it is gone.
            GroupState::Up | GroupState::Failed => up,
            GroupState::Down => !up,
            GroupState::Starting | GroupState::Stopping => false,
        }
    }
}

impl Groups {
    pub(crate) fn new(config: &Config) -> Self {
        let list = config
            .groups
            .iter()
            .zip(0..)
            .map(|(group, id)| Group::new(GroupId(id), set_of(group, config.local), Membership::Member));
        Self { list: list.collect(), next_job: 1 }
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = (GroupId, GroupState)> + '_ {
        self.list.iter().map(|group| (group.id, group.state))
    }

    pub(crate) fn epoch_of(&self, id: GroupId) -> Option<u64> {
        self.list.iter().find(|group| group.id == id)?.epoch
    }

    /// Whether something is being started or stopped; announcements of addresses do not count.
    pub(crate) fn is_busy(&self) -> bool {
        let changes = |job: &(JobId, Action)| matches!(job.1, Action::Start(_) | Action::Stop(_));
        self.list.iter().any(|group| group.job.as_ref().is_some_and(changes))
    }

    /// Whether all groups of the set are as wanted.
    pub(crate) fn are_settled(&self, set: HoldSet, up: bool) -> bool {
        // What left the configuration is released like everything else, but nobody waits for it, or for what waits for its
        // end, to come up.
        let is_elsewhere = |group: &Group| {
            group.membership != Membership::Member || group.is_elsewhere() || group.loan.unsure
        };
        // What changed its set while it was being stopped was of the other one, and is not gone.
        let leaves = |group: &Group| {
            group.loan.unsure
                && (group.residue || matches!(group.state, GroupState::Starting | GroupState::Stopping))
        };
        let counts =
            |group: &&Group| set.contains(group.set) && !(up && is_elsewhere(group)) || !up && leaves(group);
        self.list.iter().filter(counts).all(|group| group.is_settled(up))
    }

    /// The groups of a set that are in the configuration.
    pub(crate) fn members(&self, set: HoldSet) -> Vec<GroupId> {
        let members = self.list.iter().filter(|group| set.contains(group.set) && !group.is_removed());
        members.map(|group| group.id).collect()
    }

    /// Those of them that shall not run here.
    pub(crate) fn not_wanted(&self, set: HoldSet) -> Vec<GroupId> {
        let members = self.list.iter().filter(|group| set.contains(group.set) && !group.is_removed());
        members.filter(|group| !group.wanted).map(|group| group.id).collect()
    }

    /// Whether nothing of this group is here, and nothing is being done with it.
    pub(crate) fn is_gone(&self, id: GroupId) -> bool {
        self.list.iter().filter(|group| group.id == id).all(Group::is_gone)
    }

    /// Whether the last job of a group of the set failed.
    pub(crate) fn has_failed(&self, set: HoldSet) -> bool {
        self.list.iter().any(|group| set.contains(group.set) && group.state == GroupState::Failed)
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        [self.next_retry(), self.next_check()].into_iter().flatten().min()
    }

    fn next_retry(&self) -> Option<Tick> {
        self.list
            .iter()
            .filter(|group| group.job.is_none() && !group.kept)
            .filter_map(|group| group.retry)
            .min()
    }

    /// Adds the states to a hash (see `digest`).
    pub(crate) fn digest<H: core::hash::Hasher>(&self, hasher: &mut H) {
        for group in &self.list {
            (group.wanted, group.state, group.residue, group.job.is_some(), group.retry.is_some())
                .hash(hasher);
            (group.membership, group.loan, group.refused.is_some(), group.kept).hash(hasher);
            group.watch.digest(hasher);
        }
    }

    /// A group of the configuration, as loans see it.
    pub(crate) fn view(&self, id: GroupId) -> Option<View> {
        self.views().find(|view| view.id == id)
    }

    /// All groups of the configuration, as loans see them.
    pub(crate) fn views(&self) -> impl Iterator<Item = View> + '_ {
        self.list.iter().filter(|group| !group.is_removed()).map(Group::view)
    }

    /// The same with those that have left the configuration and are not gone yet.
    pub(crate) fn all_views(&self) -> impl Iterator<Item = View> + '_ {
        self.list.iter().map(Group::view)
    }

    /// Whether anything is on the other node by itself, or comes from there.
    pub(crate) fn has_loans(&self) -> bool {
        self.list.iter().any(Group::is_elsewhere)
    }

    /// Those that the other node shall run although we hold their set.
    pub(crate) fn lent(&self) -> impl Iterator<Item = View> + '_ {
        self.views().filter(|view| view.place == Place::Lent)
    }

    /// Says where a group shall run.
    pub(crate) fn place(&mut self, id: GroupId, place: Place) {
        for group in self.list.iter_mut().filter(|group| group.id == id) {
            group.loan.place = place;
            group.loan.was_lent = true;
            group.wishes_changed();
        }
    }

    /// The other node names what it has without holding its set, one answer for each group, and answers our list with that
    /// number; true if that changes anything.
    pub(crate) fn note_borrowed(&mut self, answered: u64, named: &[bool]) -> bool {
        let mut changed = false;
        for (group, named) in self.list.iter_mut().zip(named) {
            let before = (group.loan.borrowed, group.loan.place);
            group.loan.borrowed = *named;
            if matches!(group.loan.place, Place::Recalled(number) if answered >= number) && !named {
                group.loan.place = Place::Here;
            }
            changed |= before != (group.loan.borrowed, group.loan.place);
        }
        changed
    }

    /// The other node has nothing any longer.
    pub(crate) fn end_loans(&mut self) {
        self.forget_places(HoldSet::ALL);
        self.list.iter_mut().for_each(|group| group.loan.borrowed = false);
    }

    /// The other node is dead and may have what was lent to it, but not what is still here.
    pub(crate) fn keep_what_is_not_gone(&mut self) {
        let kept = |group: &&mut Group| group.loan.place == Place::Lent && !group.is_gone();
        self.list.iter_mut().filter(kept).for_each(|group| group.loan.place = Place::Here);
    }

    /// We no longer hold a set: who does says where its groups run.
    pub(crate) fn forget_places(&mut self, set: HoldSet) {
        for group in self.list.iter_mut().filter(|group| set.contains(group.set)) {
            group.loan.place = Place::Here;
        }
    }

    /// The number of a new job; also of those that are not about a group.
    pub(crate) fn new_job(&mut self) -> JobId {
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
            group.want(up && !group.is_removed());
        }
        self.drive_groups();
    }

    /// What could not be stopped is stopped again now.
    pub(crate) fn stop_again(&mut self) {
        let failed = |group: &&mut Group| !group.shall_run() && group.state == GroupState::Failed;
        self.failover.groups.list.iter_mut().filter(failed).for_each(Group::wishes_changed);
        self.drive_groups();
    }

    /// Wants one group to run here, or not.
    pub(crate) fn want_group(&mut self, id: GroupId, up: bool) {
        let groups = &mut self.failover.groups.list;
        for group in groups.iter_mut().filter(|group| group.id == id && !group.is_removed()) {
            group.want(up);
        }
        self.drive_groups();
    }

    /// The names of groups on the wire.
    pub(crate) fn group_keys(&self, ids: &[GroupId]) -> Vec<String> {
        let groups = self.failover.groups.list.iter().zip(&self.config.groups);
        let named = groups.filter(|(group, _)| ids.contains(&group.id));
        named.map(|(_, config)| config.key.clone()).collect()
    }

    /// The group of this name that is in the configuration, and the set that it belongs to.
    pub(crate) fn group_by_key(&self, key: &str) -> Option<(GroupId, HoldSet)> {
        let groups = self.failover.groups.list.iter().zip(&self.config.groups);
        let mut named = groups.filter(|(group, config)| config.key == key && !group.is_removed());
        named.next().map(|(group, _)| (group.id, group.set))
    }

    /// Tells the network again where our addresses are.
    pub(crate) fn announce_again(&mut self) {
        for index in 0..self.failover.groups.list.len() {
            let idle = self.failover.groups.list.get(index).is_some_and(|group| {
                group.state == GroupState::Up && group.job.is_none() && group.shall_run()
            });
            if idle {
                self.begin_job(index, Action::Announce);
            }
        }
    }
}

impl Group {
    const fn is_removed(&self) -> bool {
        matches!(self.membership, Membership::Removed)
    }

    fn shall_run(&self) -> bool {
        self.wanted && self.loan.place == Place::Here
    }

    fn want(&mut self, up: bool) {
        self.wanted = up;
        self.wishes_changed();
    }

    /// What failed is tried anew, or is simply down.
    fn wishes_changed(&mut self) {
        self.retry = None;
        self.kept = false;
        if self.state == GroupState::Failed && !self.residue {
            self.state = GroupState::Down;
        }
    }

    /// `residue`: something of it may still run.
    fn failed(&mut self, residue: bool, now: Tick) {
        self.state = GroupState::Failed;
        self.residue = residue;
        // Nothing is left of a failed start: if it is no longer wanted, it is simply down.
        if !residue && !self.shall_run() {
            self.state = GroupState::Down;
        } else {
            self.retry = Some(now.plus(RETRY_AFTER));
        }
    }
}

/// Groups whose preferred node we are, or everybody else's.
fn set_of(group: &GroupConfig, local: NodeId) -> HoldSet {
    if group.home == Some(local) { HoldSet::LOCAL } else { HoldSet::FOREIGN }
}
