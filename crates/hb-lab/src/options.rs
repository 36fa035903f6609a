//! What `hb-ctl lab` is told, and the entry that does it.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::fault::Fault;
use crate::files::ClusterFiles;
use crate::node::NodeProgram;
use crate::{Agent, LabError, live, measure};

/// Which nodes run the real Heartbeat 3.0.6 instead of `hb-node`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Peers {
    /// None.
    #[default]
    Ours,
    /// beta, the node that takes over: `heartbeat` on the command line.
    HeartbeatTakesOver,
    /// alpha, the home of the probed address: `heartbeat-home`.
    HeartbeatAtHome,
    /// Both, for comparison: `heartbeat-both`.
    HeartbeatBoth,
}

impl FromStr for Peers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ours" => Ok(Self::Ours),
            "heartbeat" => Ok(Self::HeartbeatTakesOver),
            "heartbeat-home" => Ok(Self::HeartbeatAtHome),
            "heartbeat-both" => Ok(Self::HeartbeatBoth),
            other => Err(format!(
                "there is no peer `{other}`; there are ours, heartbeat, heartbeat-home, heartbeat-both"
            )),
        }
    }
}

/// What becomes of a heart that hangs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HungHearts {
    /// Its guard ends it.
    #[default]
    Ended,
    /// It hangs on: only its lease protects from it.
    Kept,
}

/// What `hb-ctl lab` is told.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// The faults of a scripted run, in this order; none: interactive.
    pub faults: Vec<Fault>,
    /// Time between two heartbeats; `None`: as in the cluster's files.
    pub keepalive: Option<Duration>,
    /// Silence after which a node counts as dead; `None`: as in the cluster's files.
    pub deadtime: Option<Duration>,
    /// Runs of each fault, at least 1.
    pub runs: u32,
    /// One JSON object per run instead of a table.
    pub json: bool,
    /// Which nodes run the real Heartbeat 3.0.6.
    pub peers: Peers,
    /// Path of `hb-node`; `None`: beside the running program.
    pub hb_node: Option<PathBuf>,
    /// Directory with other cluster files than those of `examples/conf/two-node`.
    pub files: Option<PathBuf>,
    /// IPv6 addresses float instead of those of the files.
    pub ipv6: bool,
    /// The addresses are staged: on both nodes, behind a gate on the one that does not hold them.
    pub staged: bool,
    /// What guards of ours do.
    pub hung_hearts: HungHearts,
}

impl Default for LabOptions {
    fn default() -> Self {
        Self {
            faults: Vec::new(),
            keepalive: None,
            deadtime: None,
            runs: 1,
            json: false,
            peers: Peers::Ours,
            hb_node: None,
            files: None,
            ipv6: false,
            staged: false,
            hung_hearts: HungHearts::Ended,
        }
    }
}

impl LabOptions {
    /// The daemons of alpha and beta.
    pub(crate) fn programs(&self) -> Result<[NodeProgram; 2], LabError> {
        let ours = || match &self.hb_node {
            Some(hb_node) => Ok(NodeProgram::Ours { hb_node: hb_node.clone() }),
            None => NodeProgram::beside(),
        };
        Ok(match self.peers {
            Peers::Ours => [ours()?, ours()?],
            Peers::HeartbeatTakesOver => [ours()?, NodeProgram::heartbeat()?],
            Peers::HeartbeatAtHome => [NodeProgram::heartbeat()?, ours()?],
            Peers::HeartbeatBoth => [NodeProgram::heartbeat()?, NodeProgram::heartbeat()?],
        })
    }

    /// The cluster's files with the times that were asked for, and with failback, which `return` needs.
    pub(crate) fn files(&self) -> Result<ClusterFiles, LabError> {
        let files = match &self.files {
            Some(directory) => ClusterFiles::load(directory)?,
            None => ClusterFiles::two_node(),
        };
        let files = if self.ipv6 { files.with_ipv6() } else { files };
        let unfit = |name| LabError::Unfit(format!("ha.cf has no {name}, and none was given"));
        let keepalive =
            self.keepalive.or_else(|| files.time("keepalive")).ok_or_else(|| unfit("keepalive"))?;
        let deadtime = self.deadtime.or_else(|| files.time("deadtime")).ok_or_else(|| unfit("deadtime"))?;
        if deadtime <= keepalive {
            return Err(LabError::Unfit(format!(
                "a dead time of {deadtime:?} is too short for a heartbeat every {keepalive:?}"
            )));
        }
        Ok(files.with_timing(keepalive, deadtime).with("auto_failback", "on"))
    }
}

/// Runs the lab: scripted faults if the options name some, else the live picture (or, without a terminal, a plain
/// account of twenty seconds).
///
/// # Errors
/// See [`LabError`].
pub fn lab(options: LabOptions) -> Result<(), LabError> {
    let agent = Agent::current()?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LabError::Runtime)?;
    runtime.block_on(async move {
        if !options.faults.is_empty() {
            return measure::run(&options, &agent, &mut io::stdout()).await.map(drop);
        }
        if io::stdout().is_terminal() && io::stdin().is_terminal() {
            live::screen(&options, agent).await
        } else {
            live::plain(&options, agent, &mut io::stdout()).await
        }
    })
}
