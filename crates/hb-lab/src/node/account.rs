//! What a node says of itself when it is asked, by the means of its kind.

use std::time::Duration;

use hb_client::{Client, ClientError, NodeKind, Status};

use super::{Node, NodeProgram, RUN_DIR};
use crate::process::Process;

/// What a node says of itself.
#[derive(Clone, Debug)]
pub enum Account {
    /// Its host has no power.
    Off,
    /// No daemon runs.
    NotRunning,
    /// A daemon runs, but does not answer.
    Mute,
    /// The answer of `hb-node`.
    Ours(Box<Status>),
    /// What `cl_status` tells.
    Heartbeat {
        /// Answer of `rscstatus`: `all`, `local`, `foreign`, `none` or `transition`.
        hold: String,
        /// Answer of `nodestatus` for the other node.
        peer: String,
    },
}

impl Account {
    /// Are all nodes active for it, and nothing on the move?
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Off | Self::NotRunning | Self::Mute => false,
            Self::Ours(status) => {
                let mut nodes = status.nodes.iter().filter(|node| node.kind == NodeKind::Normal);
                status.stable && nodes.all(|node| node.status == "active")
            }
            Self::Heartbeat { hold, peer } => hold != "transition" && peer == "active",
        }
    }
}

impl Node {
    /// What it says of itself; asks with a short limit, so that a hung node is [`Account::Mute`].
    pub async fn account(&self) -> Account {
        if !self.host.is_up() {
            return Account::Off;
        }
        match &self.program {
            NodeProgram::Ours { .. } => self.account_ours().await,
            NodeProgram::Heartbeat306 => self.account_heartbeat().await,
        }
    }

    async fn account_ours(&self) -> Account {
        let Some(run_dir) = self.host.outside(RUN_DIR) else { return Account::NotRunning };
        let asked = tokio::task::spawn_blocking(move || {
            Client::connect(&run_dir, Duration::from_millis(250)).and_then(|mut client| client.status())
        });
        match asked.await {
            Ok(Ok(status)) => Account::Ours(Box::new(status)),
            Ok(Err(ClientError::NotRunning { .. })) => {
                let runs = self.process().as_ref().is_some_and(Process::is_running);
                if runs { Account::Mute } else { Account::NotRunning }
            }
            Ok(Err(_)) | Err(_) => Account::Mute,
        }
    }

    async fn account_heartbeat(&self) -> Account {
        let ask = async |arguments: &[&str]| {
            let argv = [&["cl_status"], arguments].concat();
            let output = self.host.run(&argv, Duration::from_secs(2)).await.ok()?;
            Some(output.stdout.trim().to_owned()).filter(|answer| !answer.is_empty())
        };
        let running = match self.executable() {
            Ok(executable) => self.host.processes(&executable).await.is_ok_and(|found| !found.is_empty()),
            Err(_) => false,
        };
        if !running {
            return Account::NotRunning;
        }
        let Some(hold) = ask(&["rscstatus"]).await else { return Account::Mute };
        let Some(nodes) = ask(&["listnodes", "-n"]).await else { return Account::Mute };
        let Some(peer) = nodes.lines().find(|node| *node != self.host.name()) else { return Account::Mute };
        let Some(peer) = ask(&["nodestatus", peer]).await else { return Account::Mute };
        Account::Heartbeat { hold, peer }
    }
}
