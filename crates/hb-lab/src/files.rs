//! The files of a test cluster, and the changes that measurements make to them.
//!
//! Knows as much of Heartbeat's file formats as it takes to set a directive and to find the addresses; what is
//! valid is decided by the programs that read them.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use crate::{Host, LabError};

/// `ha.cf`, `haresources` and `authkeys` of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterFiles {
    /// Text of `ha.cf`.
    pub ha_cf: String,
    /// Text of `haresources`.
    pub haresources: String,
    /// Text of `authkeys`.
    pub authkeys: String,
    /// Text of `hb.toml`, which 3.0.6 does not read; empty: there is none.
    pub hb_toml: String,
}

/// An address that a cluster keeps available.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floating {
    /// Name of its home node.
    pub home: String,
    /// The address.
    pub address: IpAddr,
}

impl ClusterFiles {
    /// The cluster of `examples/conf/two-node`: nodes alpha and beta on `eth0`, one address each.
    #[must_use]
    pub fn two_node() -> Self {
        Self {
            ha_cf: include_str!("../../../examples/conf/two-node/ha.cf").to_owned(),
            haresources: include_str!("../../../examples/conf/two-node/haresources").to_owned(),
            authkeys: include_str!("../../../examples/conf/two-node/authkeys").to_owned(),
            hb_toml: String::new(),
        }
    }

    /// The files in a directory.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn load(directory: &Path) -> Result<Self, LabError> {
        let read = |name| {
            let path = directory.join(name);
            std::fs::read_to_string(&path).map_err(LabError::file("read", path))
        };
        Ok(Self {
            ha_cf: read("ha.cf")?,
            haresources: read("haresources")?,
            authkeys: read("authkeys")?,
            hb_toml: String::new(),
        })
    }

    /// With an IPv6 address for each node instead of the resources, written as 3.0.6 needs it.
    #[must_use]
    pub fn with_ipv6(self) -> Self {
        let haresources = "alpha IPv6addr::fd00:a4d:0:0:0:0:0:100/64/eth0\n\
                           beta IPv6addr::fd00:a4d:0:0:0:0:0:101/64/eth0\n";
        Self { haresources: haresources.to_owned(), ..self }
    }

    /// With the addresses of all groups staged.
    #[must_use]
    pub fn staged(self) -> Self {
        let lines = self.haresources.lines().filter(|line| !line.starts_with('#'));
        let keys: Vec<_> = lines.filter_map(|line| line.split_whitespace().nth(1)).collect();
        Self { hb_toml: format!("[lease]\nstaged = {keys:?}\n"), ..self }
    }

    /// With guards that let a heart hang, so that only its lease protects from it.
    #[must_use]
    pub fn with_hung_hearts(self) -> Self {
        Self { hb_toml: format!("{}[agents]\nend-hung-heart = false\n", self.hb_toml), ..self }
    }

    /// Without the groups whose home is not alpha.
    #[must_use]
    pub fn of_alpha(mut self) -> Self {
        let lines = self.haresources.lines().filter(|line| line.split_whitespace().next() == Some("alpha"));
        self.haresources = lines.flat_map(|line| [line, "\n"]).collect();
        self
    }

    /// With this directive in `ha.cf` instead of every other of its name.
    #[must_use]
    pub fn with(mut self, directive: &str, value: &str) -> Self {
        let others = self.ha_cf.lines().filter(|line| line.split_whitespace().next() != Some(directive));
        // On top, because some directives must stand before those that they govern.
        let lines: Vec<_> =
            std::iter::once(format!("{directive} {value}")).chain(others.map(str::to_owned)).collect();
        self.ha_cf = lines.join("\n") + "\n";
        self
    }

    /// With this keepalive and dead time, and a warn time and an initial dead time that go with them.
    #[must_use]
    pub fn with_timing(self, keepalive: Duration, deadtime: Duration) -> Self {
        let ms = |time: Duration| format!("{}ms", time.as_millis());
        self.with("keepalive", &ms(keepalive))
            .with("deadtime", &ms(deadtime))
            .with("warntime", &ms(deadtime / 2))
            .with("initdead", &ms(deadtime.saturating_mul(3).max(Duration::from_secs(3))))
    }

    /// The value of a directive that `ha.cf` has, as a time.
    #[must_use]
    pub fn time(&self, directive: &str) -> Option<Duration> {
        let value = self.value(directive)?;
        let ms = value.strip_suffix("ms").map(|number| number.parse().ok().map(Duration::from_millis));
        ms.unwrap_or_else(|| value.parse().ok().map(Duration::from_secs))
    }

    /// The first word after a directive of `ha.cf`, of the last line that has it.
    pub(crate) fn value(&self, directive: &str) -> Option<&str> {
        let lines = self.ha_cf.lines().map(|line| line.split('#').next().unwrap_or_default());
        let mut words =
            lines.map(str::split_whitespace).filter_map(|mut words| Some((words.next()?, words.next()?)));
        words.rfind(|(name, _)| *name == directive).map(|(_, value)| value)
    }

    /// The addresses in `haresources`: first resource of each line that begins with one.
    #[must_use]
    pub fn floating(&self) -> Vec<Floating> {
        let lines = self.haresources.lines().map(|line| line.split('#').next().unwrap_or_default());
        lines
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let home = words.next()?.to_owned();
                let resource = words.next()?;
                let named = ["IPv6addr::", "IPaddr::", "IPaddr2::"];
                let address = named.iter().find_map(|name| resource.strip_prefix(name)).unwrap_or(resource);
                let address = address.split('/').next()?.parse().ok()?;
                Some(Floating { home, address })
            })
            .collect()
    }

    /// Writes the files into a host's `/etc/ha.d`, with the modes that they need.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn install(&self, host: &Host) -> Result<(), LabError> {
        host.write("/etc/ha.d/ha.cf", &self.ha_cf, 0o644)?;
        host.write("/etc/ha.d/haresources", &self.haresources, 0o644)?;
        if !self.hb_toml.is_empty() {
            host.write("/etc/ha.d/hb.toml", &self.hb_toml, 0o644)?;
        }
        host.write("/etc/ha.d/authkeys", &self.authkeys, 0o600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> ClusterFiles {
        ClusterFiles {
            ha_cf: "# keepalive 9\nkeepalive 2 # two\n  keepalive 3\nbcast eth0\nnode alpha beta\n"
                .to_owned(),
            haresources: "# all\nalpha 10.77.0.100/24/eth0 www\nbeta IPaddr::10.77.0.101\nbeta www\n"
                .to_owned(),
            authkeys: "auth 1\n1 crc\n".to_owned(),
            hb_toml: String::new(),
        }
    }

    #[test]
    fn a_directive_takes_the_place_of_all_of_its_name() {
        let changed = files().with("keepalive", "200ms");
        assert_eq!(changed.ha_cf, "keepalive 200ms\n# keepalive 9\nbcast eth0\nnode alpha beta\n");
        assert_eq!(changed.time("keepalive"), Some(Duration::from_millis(200)));
    }

    #[test]
    fn the_last_value_counts() {
        assert_eq!(files().time("keepalive"), Some(Duration::from_secs(3)));
        assert_eq!(files().time("deadtime"), None);
    }

    #[test]
    fn addresses_are_found_in_every_form() {
        let floating =
            |home: &str, last| Floating { home: home.to_owned(), address: IpAddr::from([10, 77, 0, last]) };
        assert_eq!(files().floating(), [floating("alpha", 100), floating("beta", 101)]);
        let with_ipv6: Vec<_> =
            files().with_ipv6().floating().iter().map(|one| one.address.to_string()).collect();
        assert_eq!(with_ipv6, ["fd00:a4d::100", "fd00:a4d::101"]);
    }

    #[test]
    fn the_example_is_the_cluster_that_the_lab_builds() {
        let example = ClusterFiles::two_node();
        let homes: Vec<_> = example.floating().into_iter().map(|floating| floating.home).collect();
        assert_eq!(homes, ["alpha", "beta"]);
        assert!(example.time("deadtime").is_some());
    }
}
