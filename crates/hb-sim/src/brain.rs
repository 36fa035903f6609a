//! What decides on a node: the real engine, or the model of 3.0.6, behind the same face.

use hb_engine::{Engine, GroupId, HoldSet, Input, Now, Output, Tick};

use crate::legacy::Legacy;

/// The program of a node.
#[derive(Debug)]
pub(crate) enum Brain {
    Ours(Box<Engine>),
    Legacy(Box<Legacy>),
}

/// What is compared with the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) stable: bool,
    pub(crate) hold: HoldSet,
    /// Groups of it that the other node runs.
    pub(crate) lent: Vec<GroupId>,
    /// Of every node, itself included: status, announced hold set, missing messages.
    pub(crate) peers: Vec<(String, Option<HoldSet>, u32)>,
}

impl Brain {
    pub(crate) fn handle(&mut self, now: Now, input: Input) {
        match self {
            Self::Ours(engine) => engine.handle(now, input),
            Self::Legacy(node) => node.handle(now, input),
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        match self {
            Self::Ours(engine) => engine.poll(),
            Self::Legacy(node) => node.poll(),
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        match self {
            Self::Ours(engine) => engine.next_deadline(),
            Self::Legacy(node) => Some(node.next_deadline()),
        }
    }

    /// More about its state than a view tells, for a timeline.
    pub(crate) fn explain(&self) -> String {
        match self {
            Self::Ours(_) => String::new(),
            Self::Legacy(node) => node.explain(),
        }
    }

    /// Whether it is a 3.0.6 node that waits for a step of a hand-over, or makes one.
    pub(crate) fn hands_over(&self) -> bool {
        match self {
            Self::Ours(_) => false,
            Self::Legacy(node) => node.hands_over(),
        }
    }

    pub(crate) fn view(&self, now: Now) -> View {
        match self {
            Self::Ours(engine) => {
                let snapshot = engine.snapshot(now);
                let peers = snapshot.nodes.into_iter().map(|node| (node.status, node.hold, node.missing));
                let lent = snapshot.groups.iter().filter(|group| group.lent).map(|group| group.group);
                let (stable, hold) = (snapshot.stable, snapshot.hold);
                View { stable, hold, lent: lent.collect(), peers: peers.collect() }
            }
            Self::Legacy(node) => node.view(),
        }
    }
}
