//! The shape of `hb.toml`: one struct for each table, unknown keys refused, every key optional.
//!
//! What a key means stands in `keys.rs`; a test holds the two together.

use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::time::parse_time;
use crate::checked::{LeaseBy, StopFailed};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub(super) agents: Agents,
    pub(super) addresses: Addresses,
    pub(super) fencing: Fencing,
    pub(super) lease: Lease,
    pub(super) monitor: Monitor,
}

/// `[agents]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct Agents {
    pub(super) start_timeout: Option<AgentTime>,
    pub(super) stop_timeout: Option<AgentTime>,
    pub(super) status_timeout: Option<AgentTime>,
    pub(super) kill_grace: Option<AgentTime>,
    pub(super) stop_retries: Option<Spanned<Retries>>,
    pub(super) stop_pause: Option<AgentTime>,
    pub(super) stop_failed: Option<toml::Spanned<Policy>>,
    pub(super) stop_failed_command: Option<CommandLine>,
    pub(super) end_hung_heart: Option<bool>,
}

/// `[addresses]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct Addresses {
    pub(super) native: Option<bool>,
}

/// `[fencing]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct Fencing {
    pub(super) agent: Option<Spanned<AgentName>>,
    pub(super) options: Option<Spanned<Vec<AgentOption>>>,
    pub(super) own_options: Option<Spanned<Vec<AgentOption>>>,
    pub(super) delay: Option<Spanned<AgentTime>>,
    pub(super) timeout: Option<Spanned<AgentTime>>,
}

/// The name of a program, without a directory; empty: none.
#[derive(Debug)]
pub(super) struct AgentName(pub(super) String);

impl<'de> Deserialize<'de> for AgentName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let is_odd = |c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c);
        if text.starts_with(['.', '-']) || text.contains(is_odd) || text.len() > LONGEST_TEXT {
            return Err(D::Error::invalid_value(Unexpected::Str(&text), &"a name such as \"fence_ipmilan\""));
        }
        Ok(Self(text))
    }
}

/// A line `name=value`.
#[derive(Debug)]
pub(super) struct AgentOption(pub(super) String);

impl<'de> Deserialize<'de> for AgentOption {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if !text.contains('=') || text.contains(char::is_control) || text.len() > LONGEST_TEXT {
            // Not shown: it may be a password.
            return Err(D::Error::custom("an option is one line, name=value"));
        }
        Ok(Self(text))
    }
}

/// `[lease]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct Lease {
    pub(super) enabled: Option<bool>,
    pub(super) by: Option<By>,
    pub(super) except: Option<Vec<String>>,
    pub(super) staged: Option<Vec<Spanned<String>>>,
}

/// `[monitor]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct Monitor {
    pub(super) interval: Option<Interval>,
    pub(super) timeout: Option<AgentTime>,
    pub(super) failures: Option<Positive>,
    pub(super) restarts: Option<Count>,
    pub(super) within: Option<AgentTime>,
    pub(super) then: Option<Then>,
    pub(super) groups: Option<Vec<Spanned<String>>>,
}

/// A pause; nothing: never.
#[derive(Debug)]
pub(super) struct Interval(pub(super) Option<Duration>);

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "off" {
            return Ok(Self(None));
        }
        TimeVisitor.visit_str(&text).map(|time| Self(Some(time.0)))
    }
}

/// From 0 to [`MOST_RETRIES`].
#[derive(Debug)]
pub(super) struct Count(pub(super) u32);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        let fits = number <= MOST_RETRIES;
        if fits { Ok(Self(number)) } else { Err(D::Error::custom("too many")) }
    }
}

/// From 1 to [`MOST_RETRIES`].
#[derive(Debug)]
pub(super) struct Positive(pub(super) u32);

impl<'de> Deserialize<'de> for Positive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Count::deserialize(deserializer)?.0 {
            0 => Err(D::Error::custom("at least 1")),
            number => Ok(Self(number)),
        }
    }
}

/// What follows when restarts do not help: whether the other node is asked.
#[derive(Debug)]
pub(super) struct Then(pub(super) bool);

impl<'de> Deserialize<'de> for Then {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "move" => Ok(Self(true)),
            "stay" => Ok(Self(false)),
            other => Err(D::Error::invalid_value(Unexpected::Str(other), &"move or stay")),
        }
    }
}

/// What holds a lease.
#[derive(Debug)]
pub(super) struct By(pub(super) LeaseBy);

impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "nftables" => Ok(Self(LeaseBy::Nftables)),
            "lifetime" => Ok(Self(LeaseBy::Lifetime)),
            other => Err(D::Error::invalid_value(Unexpected::Str(other), &"nftables or lifetime")),
        }
    }
}

/// A time that concerns a script, from [`SHORTEST`] to [`LONGEST`].
#[derive(Debug)]
pub(super) struct AgentTime(pub(super) Duration);

/// How often something is repeated; nothing: for ever.
#[derive(Debug)]
pub(super) struct Retries(pub(super) Option<u32>);

/// What follows when a group cannot be stopped.
#[derive(Debug)]
pub(super) struct Policy(pub(super) StopFailed);

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "retry" => Ok(Self(StopFailed::Retry)),
            "keep" => Ok(Self(StopFailed::Keep)),
            "reboot" => Ok(Self(StopFailed::Reboot)),
            "fence" => Ok(Self(StopFailed::Fence)),
            other => Err(D::Error::invalid_value(Unexpected::Str(other), &"retry, keep, reboot or fence")),
        }
    }
}

/// A program by its absolute path, and its arguments; may be empty.
#[derive(Debug)]
pub(super) struct CommandLine(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for CommandLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        if words.first().is_none_or(|program| program.starts_with('/')) {
            Ok(Self(words))
        } else {
            Err(D::Error::custom("a program is named by its absolute path"))
        }
    }
}

impl<'de> Deserialize<'de> for AgentTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TimeVisitor)
    }
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = AgentTime;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a time such as \"60s\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AgentTime, E> {
        let time = parse_time(text).filter(|time| (SHORTEST..=LONGEST).contains(time));
        time.map(AgentTime).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Retries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RetriesVisitor)
    }
}

struct RetriesVisitor;

impl Visitor<'_> for RetriesVisitor {
    type Value = Retries;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a number or \"unlimited\"")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Retries, E> {
        let retries = u32::try_from(number).ok().filter(|retries| *retries <= MOST_RETRIES);
        retries
            .map(|retries| Retries(Some(retries)))
            .ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Retries, E> {
        if text == "unlimited" {
            Ok(Retries(None))
        } else {
            Err(E::invalid_value(Unexpected::Str(text), &self))
        }
    }
}

/// A shorter time would end scripts before they have begun.
const SHORTEST: Duration = Duration::from_millis(100);
/// Bytes of a name or an option.
const LONGEST_TEXT: usize = 1024;
/// A longer time is no limit any more.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// More repetitions than this mean for ever.
const MOST_RETRIES: u32 = 100_000;
