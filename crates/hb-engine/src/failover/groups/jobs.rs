//! The jobs of groups: which begins when, and what its end means.
//!
//! A group whose state is not as wanted gets its next job when the last one ended.

use super::super::loans::LoanJob;
use super::watch::AfterStop;
use super::{Group, Membership};
use crate::config::FailedStop;
use crate::engine::Engine;
use crate::event::Event;
use crate::id::{GroupId, JobId};
use crate::io::{Action, Outcome, Output};
use crate::snapshot::GroupState;

impl Engine {
    /// Begins the next job of each group that is not as wanted.
    pub(crate) fn drive_groups(&mut self) {
        let now = self.now.tick;
        let leaving = self.failover.groups.list.iter().any(Group::is_removed);
        let waits_for_homes = self.waits_for_homes();
        for index in 0..self.failover.groups.list.len() {
            let Some(group) = self.failover.groups.list.get_mut(index) else { return };
            if group.job.is_some() || group.kept || group.retry.is_some_and(|retry| retry > now) {
                continue;
            }
            match (group.shall_run(), group.state) {
                (true, GroupState::Down | GroupState::Failed) => {
                    // What already runs here stays: the other node gives back what it is not offered.
                    if group.loan.borrowed || (group.loan.unsure && waits_for_homes) {
                        continue;
                    }
                    if leaving && group.membership == Membership::Added {
                        continue;
                    }
                    group.membership = Membership::Member;
                    group.state = GroupState::Starting;
                    let epoch = self.next_epoch();
                    if let Some(group) = self.failover.groups.list.get_mut(index) {
                        group.epoch = epoch;
                    }
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

    pub(super) fn begin_job(&mut self, index: usize, action: fn(GroupId) -> Action) {
        let job = self.failover.groups.new_job();
        let Some(group) = self.failover.groups.list.get_mut(index) else { return };
        let action = action(group.id);
        group.job = Some((job, action));
        group.watch.job_begins();
        group.retry = None;
        self.outputs.push_back(Output::Do { job, action });
    }

    /// A job ended; unknown numbers are ignored.
    pub(crate) fn job_done(&mut self, job: JobId, outcome: Outcome) {
        let found =
            self.failover.groups.list.iter().position(|group| group.job.is_some_and(|(id, _)| id == job));
        let Some(index) = found else {
            self.fencing_done(job, &outcome);
            return self.check_done(job, outcome);
        };
        let now = self.now.tick;
        let Some(group) = self.failover.groups.list.get_mut(index) else { return };
        let Some((_, action)) = group.job.take() else { return };
        let after_stop = core::mem::take(&mut group.watch.after_stop);
        let event = match (action, outcome) {
            (Action::Announce(_), _) => None,
            (Action::Start(id), Outcome::Ok) => {
                group.state = GroupState::Up;
                group.residue = false;
                Some(Event::GroupUp { group: id })
            }
            (Action::Stop(id), Outcome::Ok)
                if matches!(after_stop, AfterStop::GiveUp | AfterStop::Rest) && group.shall_run() =>
            {
                group.failed(false, now);
                Some(Event::GroupFailed { group: id, reason: FAILS_AGAIN.into() })
            }
            (Action::Stop(id), Outcome::Ok) => {
                group.state = GroupState::Down;
                group.residue = false;
                Some(Event::GroupDown { group: id })
            }
            (Action::Start(id), Outcome::Failed { reason, residue }) => {
                group.failed(residue, now);
                Some(Event::GroupFailed { group: id, reason })
            }
            (Action::Stop(id), Outcome::Failed { reason, .. }) => {
                group.failed(true, now);
                group.kept = self.config.agents.failed_stop == FailedStop::Keep;
                Some(Event::GroupFailed { group: id, reason })
            }
        };
        let has_failed = matches!(event, Some(Event::GroupFailed { .. }));
        let failed_start = has_failed
            && (matches!(action, Action::Start(_)) || after_stop == AfterStop::GiveUp && !group.residue);
        let came_back = matches!(action, Action::Start(_)) && core::mem::take(&mut group.loan.was_lent);
        // Before it settles: a set that is released now is no longer held then.
        let is_loan = matches!(action, Action::Stop(id) if self.is_loan(id));
        if failed_start {
            self.look_for_offers();
        }
        if has_failed && after_stop == AfterStop::Rest {
            self.failover.groups.keep_here(index, now);
        }
        self.watch_from_now(index);
        if let Some(event) = event {
            self.report(event);
        }
        if let (true, Action::Stop(id)) = (has_failed, action) {
            self.stop_has_failed(id);
        }
        self.lend_what_is_gone();
        self.answer_owed();
        self.forget_gone_groups();
        self.drive_groups();
        self.settle();
        self.loan_job_done(action, LoanJob { is_loan, failed_start, came_back });
    }
}

/// Why a group that was looked at is not started again at once.
const FAILS_AGAIN: &str = "it has failed again and again";
