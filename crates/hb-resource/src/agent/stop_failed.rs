//! What the operator wants done when a group cannot be stopped: a command, such as one that reboots the machine, or a reset by
//! the node's own fencing device.
//!
//! When that is so, and what becomes of the group, is not decided here.

use super::Agents;
use crate::fence;
use crate::guard::client::Outcome;
use crate::guard::protocol::{Awaited, Ending, Run};
use crate::report::Level;

impl Agents {
    /// Does what is configured, if anything is, and waits for its end.
    pub(crate) async fn stop_failed(&self, group: &str) {
        self.run_stop_failed(group).await;
        let config = self.config();
        let Some(spec) = &config.fence_self else { return };
        let text = format!("{group} cannot be stopped: resetting this node with [{}]", spec.name);
        self.report.note(Level::Critical, text);
        if let Err(reason) = fence::run(spec, &config.node, self).await {
            self.report.note(Level::Critical, format!("this node was not reset: {reason}"));
        }
    }

    async fn run_stop_failed(&self, group: &str) {
        let config = self.config();
        let Some((program, arguments)) = config.stop_failed.split_first() else { return };
        let text = format!("{group} cannot be stopped: running {}", config.stop_failed.join(" "));
        self.report.note(Level::Critical, text);
        let named = ("HB_GROUP".into(), group.into());
        let run = Run {
            // Given by the guard's keeper.
            id: 0,
            name: program.clone(),
            directories: vec!["/".into()],
            arguments: arguments.to_vec(),
            environment: config.environment.iter().cloned().chain([named]).collect(),
            working_dir: config.working_dir.clone(),
            limit: config.stop_timeout,
            grace: config.kill_grace,
            awaited: Awaited::First,
            input: String::new(),
        };
        let problem = match self.runner.run(run, None).await {
            Outcome::Ended { ending: Ending::Exit(0), .. } => return,
            Outcome::Ended { ending, .. } => format!("{ending:?}"),
            Outcome::Lost(why) => why.to_owned(),
            Outcome::Refused(why) => why,
        };
        self.report.note(Level::Critical, format!("{program} for {group} failed: {problem}"));
    }
}
