//! Jobs: how long they take, how they end, and what really runs meanwhile.
//!
//! A group counts as running from the begin of its start to the good end of its stop: that is the span in which two
//! owners could harm its data.

use hb_engine::{Action, GroupId, Input, JobId, Outcome};

use crate::world::{Happening, World, nanos};

/// The guard of a dead daemon looks so often whether the last job has ended.
const GUARD_LOOKS: u64 = 20_000_000;

impl World<'_> {
    pub(crate) fn begin_job(&mut self, index: usize, job: JobId, action: Action) {
        let (shortest, longest) = self.setup().job_time;
        let time = self.dice.range(nanos(shortest), nanos(longest));
        let limit = nanos(self.setup().job_limit);
        let (now, host) = (self.now, &mut self.hosts[index]);
        let group = group_of(action);
        if host.jobs.values().any(|(other, ..)| group_of(*other) == group) {
            return self.broken("one-job", || format!("node {index} begins {action:?} beside another job"));
        }
        let hangs = host.hang > 0 && !matches!(action, Action::Announce(_));
        let time = if hangs {
            limit
        } else if host.slow > 0 {
            (time * 5).min(limit)
        } else {
            time
        };
        let life = host.life;
        host.jobs.insert(job, (action, hangs, life));
        self.tell(index, || format!("begins {action:?}"));
        if let Action::Start(_) = action {
            self.numbers.starts += 1;
            self.set_running(index, group, true);
        }
        self.schedule(now + time, Happening::JobEnd { host: index, life, job });
    }

    pub(crate) fn job_end(&mut self, index: usize, life: u32, job: JobId) {
        let host = &mut self.hosts[index];
        if host.jobs_frozen > 0 {
            return host.held_jobs.push((life, job));
        }
        if host.jobs.get(&job).is_none_or(|(.., begun)| *begun != life) {
            return;
        }
        let Some((action, hung, _)) = host.jobs.remove(&job) else { return };
        let fails = match action {
            Action::Start(_) => hung || host.starts_fail > 0,
            Action::Stop(_) => hung || host.stops_fail > 0,
            Action::Announce(_) => false,
        };
        // The stop that cleans up after a failed start fails as well, or hangs.
        let residue = match action {
            Action::Start(_) => fails && (host.stops_fail > 0 || hung),
            Action::Stop(_) => fails,
            Action::Announce(_) => false,
        };
        let (alive, frozen) = (host.life == life && host.brain.is_some(), host.frozen > 0);
        self.tell(index, || format!("ended  {action:?}{}", if fails { ": failed" } else { "" }));
        match action {
            Action::Start(_) if fails && !residue => self.set_running(index, group_of(action), false),
            Action::Start(_) if !fails => {
                self.hosts[index].dead[group_of(action)] = false;
                self.watch_taken(index);
            }
            Action::Stop(_) if !fails => self.set_running(index, group_of(action), false),
            Action::Start(_) | Action::Stop(_) | Action::Announce(_) => {}
        }
        let failed = || Outcome::Failed { reason: "simulated".to_owned(), residue };
        let outcome = if fails { failed() } else { Outcome::Ok };
        if alive && frozen {
            self.hosts[index].ended.push_back((job, outcome));
        } else if alive {
            self.handle(index, Input::Done { job, outcome });
        }
    }

    /// Looks take as long as jobs.
    pub(crate) fn begin_check(&mut self, index: usize, job: JobId, group: GroupId) {
        let (shortest, longest) = self.setup().job_time;
        let time = self.dice.range(nanos(shortest), nanos(longest));
        let host = &self.hosts[index];
        let time = if host.hang > 0 { nanos(self.setup().job_limit) } else { time };
        self.schedule(
            self.now + time,
            Happening::CheckEnd { host: index, life: self.hosts[index].life, job, group },
        );
    }

    pub(crate) fn check_end(&mut self, index: usize, life: u32, job: JobId, group: GroupId) {
        let host = &self.hosts[index];
        if host.life != life || host.brain.is_none() {
            return;
        }
        let number = usize::from(group.0);
        let runs = host.running[number] && !host.dead[number] && host.hang == 0;
        let reason = || Outcome::Failed { reason: "simulated".to_owned(), residue: false };
        let outcome = if runs { Outcome::Ok } else { reason() };
        if host.frozen > 0 {
            self.hosts[index].ended.push_back((job, outcome));
        } else {
            self.handle(index, Input::Done { job, outcome });
        }
    }

    /// What was started has ended by itself, and nobody notices but who looks.
    pub(crate) fn group_dies(&mut self, index: usize, group: usize) {
        if self.hosts[index].running[group] {
            self.hosts[index].dead[group] = true;
        }
    }

    /// Power is off: jobs and groups are gone at once.
    pub(crate) fn everything_stops(&mut self, index: usize) {
        self.hosts[index].jobs.clear();
        self.hosts[index].held_jobs.clear();
        for group in 0..self.setup().groups.len() {
            self.set_running(index, group, false);
        }
    }

    /// The guard of a dead daemon: lets running jobs end, then removes the groups.
    pub(crate) fn guard_cleans(&mut self, index: usize) {
        if !self.hosts[index].guarded {
            return;
        }
        if !self.hosts[index].jobs.is_empty() {
            return self.schedule(self.now + GUARD_LOOKS, Happening::GuardCleans { host: index });
        }
        self.everything_stops(index);
        self.hosts[index].guarded = false;
    }

    pub(crate) fn set_running(&mut self, index: usize, group: usize, running: bool) {
        let was = std::mem::replace(&mut self.hosts[index].running[group], running);
        self.hosts[index].dead[group] &= running;
        if running && !was {
            self.watch_claim(index, group);
        }
    }
}

fn group_of(action: Action) -> usize {
    match action {
        Action::Start(group) | Action::Stop(group) | Action::Announce(group) => usize::from(group.0),
    }
}
