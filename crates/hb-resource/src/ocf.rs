//! An OCF agent and what it is told by variables (the Open Cluster Framework's interface of resource agents, 1.0).
//!
//! What its exit codes mean stands in `verdict`; where it is looked for, in the configuration.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An agent below `resource.d` of the OCF root, with its parameters: `ocf:PROVIDER:AGENT::name=value::...`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OcfSpec {
    /// Its directory, such as `heartbeat`.
    pub provider: String,
    /// Its file name, such as `Filesystem`.
    pub agent: String,
    /// Names and values, in the order of the file.
    pub parameters: Vec<(String, String)>,
}

impl OcfSpec {
    /// A name of this resource that is the same on all nodes and after each restart, and fit for a file name: agents keep
    /// their state under it. Values may be secrets, so only a digest of them shows.
    #[must_use]
    pub fn instance(&self) -> String {
        if self.parameters.is_empty() {
            return self.agent.clone();
        }
        format!("{}_{:016x}", self.agent, fnv1a(self.to_string().as_bytes()))
    }

    /// What the agent gets besides what all scripts get. `limit` is how long it may run, `interval` the pause between two
    /// `monitor`s, nothing for one that only asks.
    pub(crate) fn variables(
        &self,
        root: &Path,
        limit: Duration,
        interval: Duration,
    ) -> Vec<(OsString, OsString)> {
        let meta = |name: &str, time: Duration| {
            (format!("OCF_RESKEY_CRM_meta_{name}").into(), time.as_millis().to_string().into())
        };
        let given = self
            .parameters
            .iter()
            .map(|(name, value)| (format!("OCF_RESKEY_{name}").into(), OsString::from(value)));
        let fixed = [
            ("OCF_ROOT", OsString::from(root)),
            ("OCF_RA_VERSION_MAJOR", "1".into()),
            ("OCF_RA_VERSION_MINOR", "0".into()),
            ("OCF_RESOURCE_INSTANCE", self.instance().into()),
            ("OCF_RESOURCE_PROVIDER", OsString::from(&self.provider)),
            ("OCF_RESOURCE_TYPE", OsString::from(&self.agent)),
        ];
        let fixed = fixed.into_iter().map(|(name, value)| (OsString::from(name), value));
        // Agents of today ask for these two, too.
        fixed.chain([meta("timeout", limit), meta("interval", interval)]).chain(given).collect()
    }
}

impl fmt::Display for OcfSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ocf:{}:{}", self.provider, self.agent)?;
        self.parameters.iter().try_for_each(|(name, value)| write!(f, "::{name}={value}"))
    }
}

/// FNV-1a, 64 bits: no secret is kept by it, and it stays the same for ever.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dummy(parameters: &[(&str, &str)]) -> OcfSpec {
        let parameters = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        OcfSpec { provider: "heartbeat".into(), agent: "Dummy".into(), parameters }
    }

    #[test]
    fn an_instance_is_a_file_name_that_stays_the_same() {
        assert_eq!(dummy(&[]).instance(), "Dummy");
        let one = dummy(&[("state", "/run/a b/c"), ("fake", "x=y")]);
        assert_eq!(one.to_string(), "ocf:heartbeat:Dummy::state=/run/a b/c::fake=x=y");
        assert_eq!(one.instance(), "Dummy_e3611fd072c96233");
        assert_ne!(one.instance(), dummy(&[("state", "/run/a b/d")]).instance());
    }

    #[test]
    fn parameters_and_what_the_interface_asks_for_are_variables() {
        let limit = Duration::from_secs(20);
        let variables = dummy(&[("state", "/run/x")]).variables(Path::new("/r"), limit, Duration::ZERO);
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| known == name);
            found.and_then(|(_, value)| value.to_str()).unwrap_or("-")
        };
        assert_eq!((value("OCF_ROOT"), value("OCF_RESKEY_state")), ("/r", "/run/x"));
        assert_eq!((value("OCF_RESOURCE_TYPE"), value("OCF_RESOURCE_PROVIDER")), ("Dummy", "heartbeat"));
        assert_eq!(
            (value("OCF_RESKEY_CRM_meta_timeout"), value("OCF_RESKEY_CRM_meta_interval")),
            ("20000", "0")
        );
    }
}
