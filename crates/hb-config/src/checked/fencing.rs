//! What switches a dead node off, as the files say it. Whether that works is nobody's business here.

use std::fmt;
use std::time::Duration;

/// A fencing device of cluster-glue: `stonith` or `stonith_host` of `ha.cf` (`config.md` 4.8).
#[derive(Clone, PartialEq, Eq)]
pub struct FenceDevice {
    /// Its type, such as `meatware` or `external/ipmi`.
    pub kind: String,
    /// Its parameters in one line, by position; may hold a password.
    pub parameters: String,
}

impl fmt::Debug for FenceDevice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FenceDevice").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What switches a dead node off, and how long that may take.
#[derive(Clone, PartialEq, Eq)]
pub struct FenceSettings {
    /// The device of `ha.cf`; not used if there is an agent.
    pub device: Option<FenceDevice>,
    /// A fence agent such as `fence_ipmilan`, a program of the path.
    pub agent: Option<String>,
    /// What the agent reads beside the action: lines `name=value`, in which `{node}` stands for the name of the dead node.
    /// May hold passwords.
    pub options: Vec<String>,
    /// What the agent reads instead to reset this node itself, for [`StopFailed::Fence`](super::StopFailed::Fence).
    pub own_options: Option<Vec<String>>,
    /// How long after a death the first reset is tried. Default 100 ms.
    pub delay: Duration,
    /// Longest run of a reset. Default 60 s.
    pub timeout: Duration,
}

impl FenceSettings {
    /// Whether there is anything that switches a node off.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.device.is_some() || self.agent.is_some()
    }

    /// What the agent reads to reset this node itself: options of its own, or those for all nodes. `None`: nothing is known
    /// to do that, and the options for the other node would reset that one.
    #[must_use]
    pub fn for_itself(&self) -> Option<&[String]> {
        let for_all = self.options.iter().any(|option| option.contains("{node}")).then_some(&self.options);
        self.agent.as_ref().and(self.own_options.as_ref().or(for_all)).map(Vec::as_slice)
    }

    /// The device's type or the agent's name; empty if there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        let device = self.device.as_ref().map(|device| device.kind.as_str());
        self.agent.as_deref().or(device).unwrap_or_default()
    }
}

impl Default for FenceSettings {
    fn default() -> Self {
        let (delay, timeout) = (Duration::from_millis(100), Duration::from_secs(60));
        Self { device: None, agent: None, options: Vec::new(), own_options: None, delay, timeout }
    }
}

impl fmt::Debug for FenceSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FenceSettings")
            .field("name", &self.name())
            .field("delay", &self.delay)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
