//! What one can do to a node of the live lab, by keys.

use crate::LabError;
use crate::cluster::{Cluster, NETWORK};
use crate::node::{Account, Node};

/// What a key does to the chosen node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Crash,
    /// Cut or heal.
    Cable,
    Stop,
    /// Stop in its tracks, or let go on.
    Hang,
    KillHeart,
    Restart,
}

/// What is done to a node and not undone by a boot of its host.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wounds {
    pub(super) cut: bool,
    pub(super) hung: bool,
}

impl Action {
    pub(super) const fn of_key(key: char) -> Option<Self> {
        Some(match key {
            'c' => Self::Crash,
            'x' => Self::Cable,
            's' => Self::Stop,
            'h' => Self::Hang,
            'k' => Self::KillHeart,
            'r' => Self::Restart,
            _ => return None,
        })
    }

    /// Does it; returns what was done, for people.
    pub(super) async fn perform(
        self,
        cluster: &Cluster,
        node: &Node,
        wounds: &mut Wounds,
    ) -> Result<&'static str, LabError> {
        match self {
            Self::Crash => {
                node.host().crash().await?;
                *wounds = Wounds::default();
                Ok("power cut")
            }
            Self::Cable if wounds.cut => {
                node.host().heal(NETWORK).await?;
                wounds.cut = false;
                Ok("cable plugged in")
            }
            Self::Cable => {
                node.host().cut(NETWORK).await?;
                wounds.cut = true;
                Ok("cable cut")
            }
            Self::Stop => {
                node.stop().await?;
                Ok("orderly stop")
            }
            Self::Hang if wounds.hung => {
                node.go_on().await?;
                wounds.hung = false;
                Ok("goes on")
            }
            Self::Hang => {
                node.hang().await?;
                wounds.hung = true;
                Ok("hangs")
            }
            Self::KillHeart => {
                node.kill_heart().await?;
                wounds.hung = false;
                Ok("heart killed (kill -9)")
            }
            Self::Restart => restart(cluster, node, wounds).await,
        }
    }
}

async fn restart(cluster: &Cluster, node: &Node, wounds: &mut Wounds) -> Result<&'static str, LabError> {
    match node.account().await {
        Account::Off => {
            node.host().boot().await?;
            *wounds = Wounds::default();
            cluster.start_service(node).await?;
            node.start().await?;
            Ok("power on, daemon started")
        }
        Account::NotRunning => {
            node.start().await?;
            Ok("daemon started")
        }
        Account::Mute | Account::Ours(_) | Account::Heartbeat { .. } => Ok("runs already"),
    }
}
