//! Small names: nodes, links, groups, jobs by number, and hold sets.

use core::fmt;

/// A normal node by its place in [`crate::Config::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

/// A medium by its place in [`crate::Config::links`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u16);

/// A ping member by its place in [`crate::PingConfig::names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PingId(pub u16);

/// A resource group by its place in [`crate::Config::groups`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u16);

/// The number of a job that the driver was asked to do; never used twice in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Which resource groups, always from the speaker's point of view (`failover.md`, terms): `local` = groups whose
/// preferred node is the speaker, `foreign` = all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HoldSet(u8);

impl HoldSet {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The speaker's own groups.
    pub const LOCAL: Self = Self(1);
    /// Everybody else's groups.
    pub const FOREIGN: Self = Self(2);
    /// Everything.
    pub const ALL: Self = Self(3);

    /// Whether all of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in this set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// This set without the other.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The same groups from the other node's point of view (two nodes): `local` and `foreign` change places.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        Self(((self.0 & 1) << 1) | (self.0 >> 1))
    }

    /// The text of the field `rsc_hold`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self.0 {
            0 => "none",
            1 => "local",
            2 => "foreign",
            _ => "all",
        }
    }

    /// Reads the text of `rsc_hold`; `None` for any other text (`failover.md` 4: logged, counts as `none`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::NONE),
            "local" => Some(Self::LOCAL),
            "foreign" => Some(Self::FOREIGN),
            "all" => Some(Self::ALL),
            _ => None,
        }
    }
}

impl fmt::Display for HoldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
