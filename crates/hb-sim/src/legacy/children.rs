//! The scripts of 3.0.6: hooks one after the other, releases and acquisitions at once, each ending with a message.

use std::collections::VecDeque;

use hb_engine::{Action, Config, GroupId, HoldSet, JobId, Outcome, Output};
use hb_wire::Message;

use super::Legacy;

/// What a script says when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    /// `req_our_resources()`: announce.
    Announce,
    MachDown,
    Done,
    Shutdone,
    /// `ip-request`: the group does not run here.
    Answer(GroupId),
}

#[derive(Debug)]
struct Child {
    steps: VecDeque<Action>,
    job: Option<JobId>,
    then: Then,
}

#[derive(Debug)]
pub(super) struct Children {
    running: Vec<Child>,
    hooks: VecDeque<Child>,
    sets: Vec<HoldSet>,
    up: Vec<bool>,
    next_job: u64,
}

impl Children {
    pub(super) fn new(config: &Config) -> Self {
        let set = |home| if home == Some(config.local) { HoldSet::LOCAL } else { HoldSet::FOREIGN };
        let sets: Vec<HoldSet> = config.groups.iter().map(|group| set(group.home)).collect();
        let up = vec![false; sets.len()];
        Self { running: Vec::new(), hooks: VecDeque::new(), sets, up, next_job: 1 }
    }

    /// The groups of a set that do not run.
    pub(super) fn idle(&self, set: HoldSet) -> Vec<GroupId> {
        let groups = (0u16..).zip(self.sets.iter().zip(&self.up));
        groups
            .filter(|(_, (own, up))| set.contains(**own) && !**up)
            .map(|(group, _)| GroupId(group))
            .collect()
    }

    /// The sets of which something runs.
    pub(super) fn truth(&self) -> HoldSet {
        let sets = self.sets.iter().zip(&self.up).filter(|(_, up)| **up);
        sets.fold(HoldSet::NONE, |sum, (set, _)| sum.union(*set))
    }

    /// `children` of `failover.md` 3.1, with the hooks that wait.
    pub(super) fn count(&self) -> usize {
        self.running.len() + self.hooks.len()
    }
}

impl Legacy {
    /// A release or acquisition: starts at once, whatever else runs.
    pub(super) fn begin_child(&mut self, set: HoldSet, up: bool, then: Then) {
        let child = self.child(set, up, then);
        self.children.running.push(child);
    }

    /// A hook: waits until nothing else runs.
    pub(super) fn queue_hook(&mut self, set: HoldSet, then: Then) {
        let child = self.child(set, true, then);
        self.children.hooks.push_back(child);
    }

    /// A hook for one group.
    pub(super) fn queue_for(&mut self, group: GroupId, up: bool, then: Then) {
        let action = if up { Action::Start(group) } else { Action::Stop(group) };
        self.children.hooks.push_back(Child { steps: [action].into(), job: None, then });
    }

    /// What has not begun when a release begins never begins.
    pub(super) fn forget_hooks(&mut self) {
        self.children.hooks.clear();
    }

    fn child(&self, set: HoldSet, up: bool, then: Then) -> Child {
        let groups = (0u16..).zip(&self.children.sets).filter(|(_, own)| set.contains(**own));
        let action = |group| if up { Action::Start(GroupId(group)) } else { Action::Stop(GroupId(group)) };
        Child { steps: groups.map(|(group, _)| action(group)).collect(), job: None, then }
    }

    /// Begins what can begin and ends what has nothing left to do.
    pub(super) fn drive_children(&mut self) {
        loop {
            if self.children.running.is_empty()
                && let Some(hook) = self.children.hooks.pop_front()
            {
                self.children.running.push(hook);
            }
            let Some(index) = (0..self.children.running.len()).find(|index| self.advance(*index)) else {
                return;
            };
            let child = self.children.running.remove(index);
            self.child_ended(child.then);
        }
    }

    /// The next step of a child; true if it has ended.
    fn advance(&mut self, index: usize) -> bool {
        while self.children.running[index].job.is_none() {
            let Some(action) = self.children.running[index].steps.front().copied() else { return true };
            let (group, up) = match action {
                Action::Start(group) | Action::Announce(group) => (group, true),
                Action::Stop(group) => (group, false),
            };
            let busy = self.children.running.iter().enumerate().any(|(other, child)| {
                other != index && child.job.is_some() && child.steps.front().is_some_and(|a| same(*a, group))
            });
            if busy {
                return false;
            }
            if self.children.up[usize::from(group.0)] == up {
                self.children.running[index].steps.pop_front();
                continue;
            }
            let job = JobId(self.children.next_job);
            self.children.next_job += 1;
            self.children.running[index].job = Some(job);
            self.outputs.push_back(Output::Do { job, action });
        }
        false
    }

    pub(super) fn child_step(&mut self, job: JobId, outcome: &Outcome) {
        let Some(child) = self.children.running.iter_mut().find(|child| child.job == Some(job)) else {
            return;
        };
        child.job = None;
        let Some(action) = child.steps.pop_front() else { return };
        let good = *outcome == Outcome::Ok;
        match action {
            Action::Start(group) => self.children.up[usize::from(group.0)] = good,
            Action::Stop(group) => self.children.up[usize::from(group.0)] = !good,
            Action::Announce(_) => {}
        }
    }

    fn child_ended(&mut self, then: Then) {
        match then {
            Then::Nothing => {}
            Then::Announce => self.announce(true, Some("req_our_resources()")),
            Then::MachDown => {
                let mut message = Message::new("resource");
                message.push_text("rsc_hold", "foreign");
                message.push_text("info", "mach_down");
                self.say(message);
            }
            Then::Answer(group) => self.answer_request(group),
            Then::Done => self.ask(self.table.standby_set, "done"),
            Then::Shutdone => {
                let mut message = Message::new("shutdone");
                message.push_text("st", "dead");
                self.say(message);
            }
        }
    }
}

fn same(action: Action, group: GroupId) -> bool {
    match action {
        Action::Start(other) | Action::Stop(other) | Action::Announce(other) => other == group,
    }
}
