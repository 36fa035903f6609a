//! The machine on which the vectors were recorded, as the head of `tests/vectors/config.json` describes it.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use hb_config::{Host, InterfaceState, PathFacts, PathKind, Route};

/// Where the configuration lies on that machine.
pub(crate) const DIR: &str = "/etc/ha.d";

/// A made-up machine.
#[derive(Clone)]
pub(crate) struct FakeHost {
    pub(crate) name: String,
    pub(crate) files: HashMap<PathBuf, (Vec<u8>, u32)>,
    pub(crate) directories: Vec<PathBuf>,
    /// Files that exist but may not be opened.
    pub(crate) denied: Vec<PathBuf>,
    /// Host names that can be resolved, besides `localhost`.
    pub(crate) hosts: HashMap<String, Ipv4Addr>,
    /// Networks of the interfaces.
    pub(crate) routes: Vec<Route>,
}

impl FakeHost {
    pub(crate) fn new() -> Self {
        let directories =
            ["/etc/ha.d", "/var/log", "/tmp", "/var/lib/heartbeat/cores", "/usr/libexec/heartbeat"]
                .map(PathBuf::from);
        let mut host = Self {
            name: "cc1".into(),
            files: HashMap::new(),
            directories: directories.to_vec(),
            denied: Vec::new(),
            hosts: HashMap::from([("localhost".into(), Ipv4Addr::LOCALHOST)]),
            routes: vec![
                direct("eth0", [10, 81, 0, 0]),
                direct("eth1", [10, 82, 0, 0]),
                Route { prefix: 0, is_direct: false, ..direct("eth0", [0, 0, 0, 0]) },
            ],
        };
        for program in [
            "/bin/sleep",
            "/bin/true",
            "/usr/libexec/heartbeat/ipfail",
            "/usr/libexec/heartbeat/dopd",
            "/usr/sbin/stonith",
            "/etc/ha.d/resource.d/Delay",
        ] {
            host.file(program, b"", 0o755);
        }
        host.file("/etc/passwd", b"", 0o644);
        host.file("/dev/notachar", b"", 0o644);
        host
    }

    /// With the three files of a configuration; `authkeys` has mode 0600.
    pub(crate) fn with(ha_cf: &str, authkeys: &str, haresources: &str) -> Self {
        let mut host = Self::new();
        host.file("/etc/ha.d/ha.cf", ha_cf.as_bytes(), 0o644);
        host.file("/etc/ha.d/authkeys", authkeys.as_bytes(), 0o600);
        host.file("/etc/ha.d/haresources", haresources.as_bytes(), 0o644);
        host
    }

    pub(crate) fn file(&mut self, path: impl AsRef<Path>, content: &[u8], mode: u32) {
        self.files.insert(path.as_ref().to_owned(), (content.to_vec(), mode));
    }
}

/// A network of 256 addresses that the interface is in.
pub(crate) fn direct(interface: &str, destination: [u8; 4]) -> Route {
    Route { interface: interface.into(), destination: destination.into(), prefix: 24, is_direct: true }
}

impl Host for FakeHost {
    fn node_name(&self) -> String {
        self.name.clone()
    }

    fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        if self.denied.iter().any(|denied| denied == path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let (content, _) = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(content.get(..limit).unwrap_or(content).to_vec())
    }

    fn metadata(&self, path: &Path) -> io::Result<PathFacts> {
        if self.directories.iter().any(|directory| directory == path) {
            return Ok(PathFacts { kind: PathKind::Directory, mode: 0o755 });
        }
        let device = |kind| Ok(PathFacts { kind, mode: 0o620 });
        match path.to_str() {
            Some("/dev/ttyS0" | "/dev/ttyS1") => device(PathKind::Terminal),
            Some("/dev/null" | "/dev/zero" | "/dev/watchdog") => device(PathKind::CharacterDevice),
            _ => {
                let (_, mode) = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
                Ok(PathFacts { kind: PathKind::File, mode: *mode })
            }
        }
    }

    fn entries(&self, path: &Path) -> Vec<String> {
        let below = self.files.keys().filter_map(|file| file.strip_prefix(path).ok());
        let names = below.filter_map(|rest| Some(rest.components().next()?.as_os_str().to_str()?.to_owned()));
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn interface(&self, name: &str) -> InterfaceState {
        match name {
            "lo" | "eth0" | "eth1" => InterfaceState::Usable,
            "eth2" => InterfaceState::NoAddress,
            _ => InterfaceState::Absent,
        }
    }

    fn interfaces(&self) -> Vec<String> {
        ["lo", "eth0", "eth1", "eth2"].map(String::from).to_vec()
    }

    fn routes(&self) -> Vec<Route> {
        self.routes.clone()
    }

    fn user_exists(&self, name: &str) -> bool {
        ["root", "hacluster", "nobody"].contains(&name)
    }

    fn group_exists(&self, name: &str) -> bool {
        ["root", "haclient", "nogroup"].contains(&name)
    }

    fn resolve(&self, name: &str) -> Option<Ipv4Addr> {
        self.hosts.get(name).copied().or_else(|| name.parse().ok())
    }

    fn udp_port_of(&self, _: &str) -> Option<u16> {
        None
    }

    fn service_at_udp_port(&self, port: u16) -> Option<String> {
        (port == 53).then(|| "domain".into())
    }
}
