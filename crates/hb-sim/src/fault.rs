//! What each fault does when it begins and when it ends.

use std::time::Duration;

use hb_engine::{Command, Input};

use crate::scenario::What;
use crate::world::{Happening, World, nanos};

/// The guard of a dead daemon needs about so long to notice.
const GUARD_NOTICES: (u64, u64) = (1_000_000, 50_000_000);

impl World<'_> {
    pub(crate) fn fault_begins(&mut self, index: usize) {
        let fault = &self.scenario.faults[index];
        let what = &fault.what;
        self.watch.fault_begins(what);
        self.tell(9, || format!("fault {index} begins: {what:?} for {:?}", fault.lasts));
        let node = node_of(what);
        let life = node.map_or(0, |node| self.hosts[node].life);
        let ends = self.now + nanos(fault.lasts);
        match *what {
            What::Crash(node) => self.crash(node, ends),
            What::DaemonDies(node) => self.daemon_dies(node, ends),
            What::Stop(node) => {
                self.hosts[node].restart_after = Some(nanos(fault.lasts));
                self.command(node, Command::Stop);
            }
            What::Freeze { node, jobs, deaf, clock } => self.freeze(node, jobs, deaf, clock),
            What::Cut { from, to, link } => self.net.cut(from, to, link, true),
            What::Isolated(node) => self.net.isolate(node, true),
            What::Loss(ppm) => self.net.loss += ppm,
            What::Delay(extra) => self.net.extra.push(extra),
            What::GroupDies(node, group) => self.group_dies(node, usize::from(group)),
            What::StartsFail(node) => self.hosts[node].starts_fail += 1,
            What::StopsFail(node) => self.hosts[node].stops_fail += 1,
            What::JobsHang(node) => self.hosts[node].hang += 1,
            What::JobsSlow(node) => self.hosts[node].slow += 1,
            What::WallStep(node, seconds) => self.hosts[node].wall_offset += seconds,
            What::Command(node, command) => self.command(node, command),
        }
        self.schedule(ends, Happening::FaultEnds(index, life));
    }

    pub(crate) fn fault_ends(&mut self, index: usize, life: u32) {
        let what = &self.scenario.faults[index].what;
        self.tell(9, || format!("fault {index} ends"));
        match *what {
            What::Freeze { node, jobs, deaf, .. } => self.unfreeze(node, life, jobs, deaf),
            What::Cut { from, to, link } => self.net.cut(from, to, link, false),
            What::Isolated(node) => self.net.isolate(node, false),
            What::Loss(ppm) => self.net.loss = self.net.loss.saturating_sub(ppm),
            What::Delay(extra) => remove(&mut self.net.extra, extra),
            What::StartsFail(node) => self.hosts[node].starts_fail -= 1,
            What::StopsFail(node) => self.hosts[node].stops_fail -= 1,
            What::JobsHang(node) => self.hosts[node].hang -= 1,
            What::JobsSlow(node) => self.hosts[node].slow -= 1,
            What::Crash(_)
            | What::DaemonDies(_)
            | What::Stop(_)
            | What::WallStep(..)
            | What::GroupDies(..)
            | What::Command(..) => {}
        }
        self.watch.fault_ends(self.now);
        if self.watch.faults_left == 0 {
            self.net.calm_down();
        }
    }

    pub(crate) fn crash(&mut self, node: usize, back: u64) {
        if self.hosts[node].brain.is_none() {
            return;
        }
        self.watch.died(node, self.now, self.hosts[node].frozen > 0);
        self.watch_end(node);
        self.hosts[node].die();
        self.everything_stops(node);
        let life = self.hosts[node].life;
        self.schedule(back, Happening::Boot { host: node, life });
    }

    fn daemon_dies(&mut self, node: usize, back: u64) {
        if self.hosts[node].brain.is_none() {
            return;
        }
        self.watch_end(node);
        let host = &mut self.hosts[node];
        host.die();
        host.guarded = true;
        let life = host.life;
        let held = std::mem::take(&mut host.held_jobs);
        for (life, job) in held {
            self.schedule(self.now, Happening::JobEnd { host: node, life, job });
        }
        let notices = self.now + self.dice.range(GUARD_NOTICES.0, GUARD_NOTICES.1);
        self.schedule(notices, Happening::GuardCleans { host: node });
        self.schedule(back, Happening::Boot { host: node, life });
    }

    fn freeze(&mut self, node: usize, jobs: bool, deaf: bool, clock: bool) {
        let now = self.now;
        let host = &mut self.hosts[node];
        if host.brain.is_none() {
            return;
        }
        if host.frozen == 0 {
            host.frozen_since = now;
            if clock {
                host.clock_stopped = Some(now);
            }
        }
        host.frozen += 1;
        host.jobs_frozen += u32::from(jobs);
        host.deaf += u32::from(deaf);
    }

    fn unfreeze(&mut self, node: usize, life: u32, jobs: bool, deaf: bool) {
        let host = &mut self.hosts[node];
        if host.life != life || host.frozen == 0 {
            return;
        }
        host.frozen -= 1;
        host.jobs_frozen -= u32::from(jobs);
        host.deaf -= u32::from(deaf);
        let frozen = host.frozen;
        if host.jobs_frozen == 0 {
            for (life, job) in std::mem::take(&mut host.held_jobs) {
                self.schedule(self.now, Happening::JobEnd { host: node, life, job });
            }
        }
        if frozen == 0 {
            self.thaw(node);
        }
    }

    fn command(&mut self, node: usize, command: Command) {
        let host = &mut self.hosts[node];
        if host.brain.is_none() {
            return;
        }
        if host.frozen > 0 {
            return host.asked.push_back(command);
        }
        self.handle(node, Input::Command(command));
    }
}

const fn node_of(what: &What) -> Option<usize> {
    match *what {
        What::Crash(node) | What::DaemonDies(node) | What::Stop(node) | What::Freeze { node, .. } => {
            Some(node)
        }
        What::Cut { .. }
        | What::Isolated(_)
        | What::Loss(_)
        | What::Delay(_)
        | What::GroupDies(..)
        | What::StartsFail(_)
        | What::StopsFail(_)
        | What::JobsHang(_)
        | What::JobsSlow(_)
        | What::WallStep(..)
        | What::Command(..) => None,
    }
}

fn remove(list: &mut Vec<Duration>, value: Duration) {
    if let Some(index) = list.iter().position(|other| *other == value) {
        list.remove(index);
    }
}
