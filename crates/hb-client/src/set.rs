//! Which resource groups are meant, in the words of `hb_standby`: `all`, `local`, `foreign`, `none`.
//!
//! Whose point of view `local` takes is decided where the word is used: always that of the node that is asked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A set of resource groups from the point of view of the node that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceSet {
    /// No group.
    None,
    /// The groups whose preferred node is the node that is asked.
    Local,
    /// The groups of all other nodes.
    Foreign,
    /// Every group.
    All,
}

impl ResourceSet {
    /// The word for it, as in the field `rsc_hold` (`failover.md` 4).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Local => "local",
            Self::Foreign => "foreign",
            Self::All => "all",
        }
    }
}

impl fmt::Display for ResourceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ResourceSet {
    type Err = UnknownSet;

    /// Reads what an operator may ask for: `all`, `local`, `foreign`, or `failback`, an old word for `foreign`
    /// (`failover.md` 9.6).
    fn from_str(text: &str) -> Result<Self, UnknownSet> {
        match text {
            "all" => Ok(Self::All),
            "local" => Ok(Self::Local),
            "foreign" | "failback" => Ok(Self::Foreign),
            _ => Err(UnknownSet),
        }
    }
}

/// The word names no set of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a set of resource groups: use `all`, `local` or `foreign`")]
pub struct UnknownSet;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_may_ask_for_everything_but_nothing() {
        assert_eq!("all".parse(), Ok(ResourceSet::All));
        assert_eq!("failback".parse(), Ok(ResourceSet::Foreign));
        assert_eq!("none".parse::<ResourceSet>(), Err(UnknownSet));
        assert_eq!("All".parse::<ResourceSet>(), Err(UnknownSet));
    }

    #[test]
    fn words_are_the_same_in_json() {
        for set in [ResourceSet::None, ResourceSet::Local, ResourceSet::Foreign, ResourceSet::All] {
            assert_eq!(serde_json::to_string(&set).unwrap(), format!("\"{set}\""));
        }
    }
}
