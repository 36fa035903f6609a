//! What is known of one node: name, generation, status, numbers, links.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::bus::allowance::Allowance;
use crate::bus::receiver::Receiver;
use crate::membership::DEFAULT_WEIGHT;
use crate::random::Random;
use crate::reconfigure::PeerFiles;
use crate::time::Tick;

/// Status of a node that was never heard.
pub(crate) const STATUS_INIT: &str = "init";
/// Status of a node whose daemon runs.
pub(crate) const STATUS_UP: &str = "up";
/// Status of a node whose communication is up.
pub(crate) const STATUS_ACTIVE: &str = "active";
/// Status of a node that was declared dead.
pub(crate) const STATUS_DEAD: &str = "dead";

/// Whether a node has its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    /// It is a node of the cluster.
    InUse,
    /// It was deleted: the number waits for another one.
    Free,
}

/// One node as we see it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) number: Number,
    /// Since when it counts as a node: its silence is measured from then on.
    pub(crate) known_since: Tick,
    /// See [`crate::MemberRecord`].
    pub(crate) weight: u32,
    pub(crate) site: String,
    pub(crate) uuid: Option<[u8; 16]>,
    /// Highest generation of which a status came; 0 = never.
    pub(crate) generation: u64,
    pub(crate) status: String,
    /// Sequence number of the newest status.
    pub(crate) status_seq: u64,
    pub(crate) last_status: Option<Tick>,
    /// The dead time that its last status asked for.
    pub(crate) deadtime: Option<Duration>,
    /// Anything at all was heard of it since our start.
    pub(crate) heard: bool,
    pub(crate) receiver: Receiver,
    /// What it can make us do by its numbered messages, which nobody can play again.
    pub(crate) actions: Allowance,
    /// How many of its requests we can refuse; these anybody can play again.
    pub(crate) refusals: Allowance,
    /// It announces `protocol`, so it expects acknowledgements.
    pub(crate) acknowledges: bool,
    /// It announces the fields of our extension.
    pub(crate) speaks_hb: bool,
    /// The epoch of its last status.
    pub(crate) epoch: Option<u64>,
    /// What it says about its configuration files.
    pub(crate) files: PeerFiles,
    /// When it was last heard on each link; `None` = not up.
    pub(crate) links: Vec<Option<Tick>>,
}

impl Node {
    pub(crate) fn new(name: &str, links: usize, now: Tick, random: &mut Random) -> Self {
        Self {
            name: name.to_owned(),
            number: Number::InUse,
            known_since: now,
            weight: DEFAULT_WEIGHT,
            site: String::new(),
            uuid: None,
            generation: 0,
            status: STATUS_INIT.to_owned(),
            status_seq: 0,
            last_status: None,
            deadtime: None,
            heard: false,
            receiver: Receiver::new(random),
            actions: Allowance::full(now),
            refusals: Allowance::full(now),
            acknowledges: true,
            speaks_hb: false,
            epoch: None,
            files: PeerFiles::default(),
            links: core::iter::repeat_n(None, links).collect(),
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.status == STATUS_DEAD
    }
}
