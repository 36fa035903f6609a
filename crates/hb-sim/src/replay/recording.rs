//! A recorded run: how the pair was set up, what was on the wire, and what was done to it.

use std::collections::BTreeMap;
use std::time::Duration;

use hb_engine::{Command, Failback, HoldSet};
use hb_wire::Message;

/// A message on the wire.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When, since 1970.
    pub at: Duration,
    /// Verified and decoded.
    pub message: Message,
}

/// One run of a pair of 3.0.6; group 0 is the first node's, group 1 the second's.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Both names, in the order of `ha.cf`.
    pub nodes: Vec<String>,
    /// `auto_failback`.
    pub failback: Failback,
    /// `keepalive`.
    pub keepalive: Duration,
    /// `deadtime`.
    pub deadtime: Duration,
    /// `warntime`.
    pub warntime: Duration,
    /// `initdead`.
    pub initdead: Duration,
    /// The method and the key of `authkeys`, separated by a blank.
    pub auth: String,
    /// Everything on the wire, in order, also what a cut kept from its receiver.
    pub heard: Vec<Heard>,
    pub(super) orders: Vec<(Duration, usize, Command)>,
    pub(super) crashes: Vec<(Duration, usize)>,
    /// From when to when nobody heard the other.
    pub(super) cuts: Vec<(Duration, Duration)>,
}

/// What is wrong with the description of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingError {
    /// A line that is not understood.
    Line(String),
    /// Two nodes are needed.
    Nodes,
}

impl std::fmt::Display for RecordingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(f, "not understood: {line}"),
            Self::Nodes => f.write_str("a run has two nodes"),
        }
    }
}

impl std::error::Error for RecordingError {}

/// One life of a node: from its first message of a generation to its last one, or to its death.
#[derive(Clone, Debug)]
pub(super) struct Life {
    /// The text of the field `hg`.
    pub(super) generation: String,
    pub(super) uuid: [u8; 16],
    pub(super) from: Duration,
    pub(super) to: Duration,
}

impl Recording {
    /// Reads the description of a run: settings as in `ha.cf`, `auth METHOD KEY`, and `at SECONDS WHAT [NODE [SET]]`, where
    /// WHAT is start, stop, crash, standby, takeover, cut, heal or end.
    ///
    /// # Errors
    /// A line that is not understood, or not two nodes.
    pub fn read(text: &str) -> Result<Self, RecordingError> {
        let mut recording = Self {
            nodes: Vec::new(),
            failback: Failback::On,
            keepalive: Duration::from_secs(1),
            deadtime: Duration::from_secs(3),
            warntime: Duration::from_secs(2),
            initdead: Duration::from_secs(5),
            auth: String::new(),
            heard: Vec::new(),
            orders: Vec::new(),
            crashes: Vec::new(),
            cuts: Vec::new(),
        };
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            recording.take_line(line).ok_or_else(|| RecordingError::Line(line.to_owned()))?;
        }
        if recording.nodes.len() == 2 { Ok(recording) } else { Err(RecordingError::Nodes) }
    }

    fn take_line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "node" => self.nodes = rest.split(' ').map(str::to_owned).collect(),
            "auto_failback" if rest == "on" => self.failback = Failback::On,
            "auto_failback" if rest == "off" => self.failback = Failback::Off,
            "keepalive" => self.keepalive = seconds(rest)?,
            "deadtime" => self.deadtime = seconds(rest)?,
            "warntime" => self.warntime = seconds(rest)?,
            "initdead" => self.initdead = seconds(rest)?,
            "auth" => rest.clone_into(&mut self.auth),
            "at" => {
                let words: Vec<&str> = rest.split(' ').collect();
                let (time, what) = words.split_first()?;
                self.take_event(seconds(time)?, what)?;
            }
            _ => return None,
        }
        Some(())
    }

    fn take_event(&mut self, at: Duration, what: &[&str]) -> Option<()> {
        let node = |name: &str| self.nodes.iter().position(|node| node == name);
        match what {
            ["start" | "end", ..] => {}
            ["stop", name] => self.orders.push((at, node(name)?, Command::Stop)),
            ["crash", name] => self.crashes.push((at, node(name)?)),
            ["standby", name, set] => {
                self.orders.push((at, node(name)?, Command::Standby(HoldSet::parse(set)?)));
            }
            ["takeover", name, set] => {
                self.orders.push((at, node(name)?, Command::Takeover(HoldSet::parse(set)?)));
            }
            ["cut"] => self.cuts.push((at, Duration::MAX)),
            ["heal"] => self.cuts.last_mut()?.1 = at,
            _ => return None,
        }
        Some(())
    }

    /// Whether the message is the node's own, of this life.
    pub(super) fn is_of(&self, heard: &Heard, node: usize, life: &Life) -> bool {
        heard.message.text("src") == Some(&self.nodes[node])
            && heard.message.text("hg") == Some(&life.generation)
    }

    /// The lives of a node, in order.
    pub(super) fn lives(&self, node: usize) -> Vec<Life> {
        let mut lives: BTreeMap<Duration, Life> = BTreeMap::new();
        for heard in self.heard.iter().filter(|heard| heard.message.text("src") == Some(&self.nodes[node])) {
            let Some(generation) = heard.message.text("hg") else { continue };
            let uuid = heard.message.binary("srcuuid").and_then(|uuid| uuid.try_into().ok());
            if let Some(life) = lives.values_mut().find(|life| life.generation == generation) {
                life.to = heard.at;
                continue;
            }
            let uuid = uuid.unwrap_or([1; 16]);
            let generation = generation.to_owned();
            lives.insert(heard.at, Life { generation, uuid, from: heard.at, to: heard.at });
        }
        let mut lives: Vec<Life> = lives.into_values().collect();
        for (at, _) in self.crashes.iter().filter(|(_, dead)| *dead == node) {
            if let Some(life) = lives.iter_mut().rfind(|life| life.from < *at) {
                life.to = *at;
            }
        }
        lives
    }

    /// Whether a message at this time reached the other node.
    pub(super) fn is_connected(&self, at: Duration) -> bool {
        self.cuts.iter().all(|(from, to)| at < *from || at >= *to)
    }
}

fn seconds(text: &str) -> Option<Duration> {
    // Microseconds of today's seconds fit exactly enough.
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}
