//! A whole lab: starts it, gives it networks and hosts, ends it without leaving anything behind.

use std::env;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hb_sys::namespace::{Launch, LaunchError, Launched, Namespaces, Step, launch};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use crate::connection::Connection;
use crate::directory::{self, HostDirectory};
use crate::host::{Host, HostSpec, Link};
use crate::protocol::{KeeperAnswer, KeeperAsk};
use crate::{Agent, LabError};

/// Networks and hosts on this machine that nobody outside can see; dropping it ends all of them.
///
/// Needs a tokio runtime with I/O and time. No root is needed; without it each host's users are all the
/// caller, who is root inside.
#[derive(Debug)]
pub struct Lab {
    shared: Arc<Shared>,
    hosts: u8,
    networks: Vec<String>,
    keeper: OwnedFd,
}

/// What hosts need of their lab.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) agent: Agent,
    pub(crate) keeper: Connection<KeeperAnswer>,
    pub(crate) base: PathBuf,
}

impl Lab {
    /// Starts an empty lab.
    ///
    /// # Errors
    /// [`LabError::Namespaces`] where the system does not allow it, [`LabError::File`] when there is no place
    /// for its directory, [`LabError::NoAgent`] when the agent cannot be executed.
    pub fn start(agent: Agent) -> Result<Self, LabError> {
        Self::start_as(agent, Rights::Own)
    }

    /// As [`Lab::start`], but always as an ordinary user would: in a user namespace, root only inside.
    ///
    /// # Errors
    /// As [`Lab::start`].
    pub fn start_unprivileged(agent: Agent) -> Result<Self, LabError> {
        Self::start_as(agent, Rights::None)
    }

    fn start_as(agent: Agent, rights: Rights) -> Result<Self, LabError> {
        let base = directory::make_base()?;
        let started = Self::start_in(agent, &base, rights);
        if started.is_err() {
            // The reason for the failure matters, not this.
            let _leftover = fs::remove_dir_all(&base);
        }
        started
    }

    fn start_in(agent: Agent, base: &Path, rights: Rights) -> Result<Self, LabError> {
        let (ours, theirs) = UnixStream::pair().map_err(LabError::file("make a socket for", base))?;
        let launched = launch_keeper(&agent, base, &theirs, rights)?;
        drop(theirs);
        ours.set_nonblocking(true).map_err(LabError::file("make a socket for", base))?;
        let stream =
            tokio::net::UnixStream::from_std(ours).map_err(LabError::file("make a socket for", base))?;
        let keeper = Connection::open("the lab's keeper".to_owned(), stream, |_| {});
        let shared = Arc::new(Shared { agent, keeper, base: base.to_path_buf() });
        Ok(Self { shared, hosts: 0, networks: Vec::new(), keeper: launched.pidfd })
    }

    /// Adds a network: an Ethernet of its own. The first one is `eth0` of each host that is plugged into it.
    ///
    /// # Errors
    /// When the kernel refuses it, or the name is taken.
    pub async fn add_network(&mut self, name: &str) -> Result<(), LabError> {
        self.shared.keeper.ask(KeeperAsk::AddNetwork { name: name.to_owned() }, LIMIT).await?;
        self.networks.push(name.to_owned());
        Ok(())
    }

    /// Adds a host and boots it.
    ///
    /// # Errors
    /// [`LabError::Unfit`] for an unknown network; else what keeps it from booting.
    pub async fn add_host(&mut self, spec: HostSpec) -> Result<Host, LabError> {
        self.hosts += 1;
        let mut links = Vec::new();
        for plug in &spec.plugs {
            let network = self
                .networks
                .iter()
                .position(|name| *name == plug.network)
                .ok_or_else(|| LabError::Unfit(format!("there is no network {}", plug.network)))?;
            // Locally administered, and the same after every boot.
            let mac = [0x02, 0x68, 0x62, 0x00, u8::try_from(network).unwrap_or(u8::MAX), self.hosts];
            links.push(Link {
                network: plug.network.clone(),
                interface: format!("eth{network}"),
                address: plug.address,
                prefix: plug.prefix,
                mac,
            });
        }
        let directory = HostDirectory::make(&self.shared.base, &spec.name, &spec.private)?;
        let host = Host::new(Arc::clone(&self.shared), spec.name, links, directory);
        host.boot().await?;
        Ok(host)
    }

    /// The lab's directory outside; removed with the lab.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.shared.base
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Every host dies with the keeper, which is number 1 of the process ids that contain theirs.
        let _ended = pidfd_send_signal(&self.keeper, Signal::KILL);
        let deadline = Instant::now() + LIMIT;
        while let Ok(None) =
            waitid(WaitId::PidFd(self.keeper.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
        {
            if Instant::now() >= deadline {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // Nothing to tell anybody in a drop; the directory is in the system's place for temporary files.
        let _leftover = fs::remove_dir_all(&self.shared.base);
    }
}

/// With which rights a lab runs.
#[derive(Clone, Copy, Debug)]
enum Rights {
    /// Those of the caller.
    Own,
    /// Those of any user.
    None,
}

/// As real root first (then hosts can have several users), else as root of a user namespace.
fn launch_keeper(
    agent: &Agent,
    base: &Path,
    socket: &UnixStream,
    rights: Rights,
) -> Result<Launched, LabError> {
    let rest = [base.as_os_str().to_owned(), agent.program().as_os_str().to_owned()];
    let arguments =
        agent.arguments("keeper", rest.into_iter().chain(agent.arguments_prefix().iter().cloned()));
    let environment: Vec<_> = env::vars_os().collect();
    let own = Namespaces::NETWORK.and(Namespaces::MOUNT).and(Namespaces::PID).and(Namespaces::IPC);
    let attempt = |namespaces| {
        launch(&Launch {
            program: agent.program(),
            arguments: &arguments,
            environment: &environment,
            namespaces,
            stdin: socket.as_fd(),
            dies_with_parent: false,
        })
    };
    let refused = |error: &LaunchError| {
        error.step == Step::Clone && error.kind() == std::io::ErrorKind::PermissionDenied
    };
    let launched = match rights {
        Rights::Own => attempt(own),
        Rights::None => attempt(own.and(Namespaces::USER)),
    };
    match launched {
        Err(error) if refused(&error) => attempt(own.and(Namespaces::USER)),
        other => other,
    }
    .map_err(|error| match error.step {
        Step::Execute => LabError::NoAgent(format!("{} cannot be executed", agent.program().display())),
        Step::Prepare | Step::Clone | Step::Map | Step::Setup => LabError::Namespaces(error),
    })
}

/// For what the kernel does in milliseconds.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);
