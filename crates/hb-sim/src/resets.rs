//! Resets of one node by another: how long they take, how they end, and what becomes of the victim.

use std::time::Duration;

use hb_engine::{Input, JobId, NodeId, Outcome};

use crate::world::{Happening, World, nanos};

/// Resets in a million that fail: the device does not answer.
const FAILS: u64 = 300_000;
/// Shortest and longest reset.
const TAKES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(3));
/// From the reset to the boot of the victim.
const BOOTS: Duration = Duration::from_secs(2);

impl World<'_> {
    pub(crate) fn begin_reset(&mut self, index: usize, job: JobId, node: NodeId) {
        let victim = usize::from(node.0);
        self.tell(index, || format!("begins to reset node {victim}"));
        let time = self.dice.range(nanos(TAKES.0), nanos(TAKES.1));
        let life = self.hosts[index].life;
        if self.hosts[index].resets_since.replace(life) == Some(life) {
            self.broken("two-resets", || format!("node {index} begins a reset while another one runs"));
        }
        self.schedule(self.now + time, Happening::ResetEnd { host: index, life, job, victim });
    }

    /// The device does its work whatever has become of whoever asked for it.
    pub(crate) fn reset_end(&mut self, index: usize, life: u32, job: JobId, victim: usize) {
        let fails = self.dice.chance(FAILS);
        self.tell(index, || format!("reset of node {victim} {}", if fails { "failed" } else { "done" }));
        if !fails {
            let back = self.now + nanos(BOOTS);
            self.crash(victim, back);
            // Also what a guard had not yet removed.
            self.everything_stops(victim);
            self.hosts[victim].guarded = false;
            self.watch.healed_since = self.now;
        }
        let outcome = if fails {
            Outcome::Failed { reason: "simulated".to_owned(), residue: false }
        } else {
            Outcome::Ok
        };
        let host = &mut self.hosts[index];
        host.resets_since.take_if(|begun| *begun == life);
        if host.life != life || host.brain.is_none() {
            return;
        }
        if host.frozen > 0 {
            host.ended.push_back((job, outcome));
        } else {
            self.handle(index, Input::Done { job, outcome });
        }
    }
}
