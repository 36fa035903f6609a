//! One test host: what it is, and its power switch.
//!
//! Every call has a time limit. None waits for a process that a fault may have stopped: the host's init
//! answers, and nothing stops that one. What runs in the host is decided elsewhere.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::LabError;
use crate::connection::Connection;
use crate::directory::HostDirectory;
use crate::lab::{LIMIT, Shared};
use crate::protocol::{Exit, InitAnswer, InitAsk, InterfaceAddress, KeeperAsk, KeeperLink, Message};

mod files;
mod network;
mod programs;
mod recording;

pub use network::Direction;

/// What a new host is to be.
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// Its host name, and the name of its directory.
    pub name: String,
    /// Its cables.
    pub plugs: Vec<Plug>,
    /// More directories that it has for itself, empty at first.
    pub private: Vec<PathBuf>,
}

/// A cable from a host to a network.
#[derive(Clone, Debug)]
pub struct Plug {
    /// Name of the network.
    pub network: String,
    /// The host's own address in it.
    pub address: Ipv4Addr,
    /// Length of the network prefix in bits.
    pub prefix: u8,
}

impl HostSpec {
    /// A host without cables.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), plugs: Vec::new(), private: Vec::new() }
    }

    /// With a directory of its own, empty at first, in the place of the machine's (or where the machine has none).
    #[must_use]
    pub fn private(mut self, directory: &str) -> Self {
        self.private.push(directory.into());
        self
    }

    /// With a cable to `network` and an address with a prefix of 24 bits there.
    #[must_use]
    pub fn plug(mut self, network: &str, address: Ipv4Addr) -> Self {
        self.plugs.push(Plug { network: network.to_owned(), address, prefix: 24 });
        self
    }
}

/// A cable as it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The network at its other end.
    pub network: String,
    /// The interface inside the host: `eth` and the number of the network.
    pub interface: String,
    /// The host's own address.
    pub address: Ipv4Addr,
    /// Length of the network prefix in bits.
    pub prefix: u8,
    /// The interface's MAC address, the same after every boot.
    pub mac: [u8; 6],
}

/// A host of a [`crate::Lab`]; clones are the same host.
#[derive(Clone, Debug)]
pub struct Host {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    lab: Arc<Shared>,
    name: String,
    links: Vec<Link>,
    directory: HostDirectory,
    life: Mutex<Option<Arc<Life>>>,
    sockets: AtomicU32,
}

/// From one boot to the next crash.
#[derive(Debug)]
struct Life {
    init: Connection<InitAnswer>,
    ends: Ends,
}

/// Per process of a host: how it ended, once it has.
pub(crate) type Ends = Arc<Mutex<HashMap<i32, watch::Sender<Option<Exit>>>>>;

impl Host {
    pub(crate) fn new(lab: Arc<Shared>, name: String, links: Vec<Link>, directory: HostDirectory) -> Self {
        let (life, sockets) = (Mutex::new(None), AtomicU32::new(0));
        Self { inner: Arc::new(Inner { lab, name, links, directory, life, sockets }) }
    }

    /// Its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Its cables, in the order of its [`HostSpec`].
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.inner.links
    }

    /// Has it power?
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.life().as_ref().is_some_and(|life| life.init.is_open())
    }

    /// Starts it: a fresh `/run`, everything else as it was left.
    ///
    /// # Errors
    /// When it has power already, or what keeps it from booting.
    pub async fn boot(&self) -> Result<(), LabError> {
        if self.is_up() {
            return Err(self.refused("has power already"));
        }
        let inner = &self.inner;
        inner.directory.refresh()?;
        let socket = inner.directory.socket();
        // Not there at the first boot.
        let _first = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).map_err(LabError::file("listen on", &socket))?;
        let links = inner.links.iter().map(Link::keeper).collect();
        let arguments = vec!["init".to_owned(), socket.to_string_lossy().into_owned()];
        let boot = KeeperAsk::Boot { host: inner.name.clone(), arguments, links };
        inner.lab.keeper.ask(boot, LIMIT).await?;
        let late = |_elapsed| LabError::Silent { who: inner.name.clone(), limit: LIMIT };
        let accepted = timeout(LIMIT, listener.accept()).await.map_err(late)?;
        let (stream, _) = accepted.map_err(LabError::file("listen on", &socket))?;
        let ends = Ends::default();
        let recorder = Arc::clone(&ends);
        let init = Connection::open(inner.name.clone(), stream, move |message| record(&recorder, message));
        let life = Arc::new(Life { init, ends });
        let addresses = inner.links.iter().map(Link::address).collect();
        let set_up = InitAsk::SetUp {
            name: inner.name.clone(),
            binds: inner.directory.binds(),
            hidden: inner.directory.hidden(),
            addresses,
        };
        life.init.ask(set_up, LIMIT).await?;
        *self.life() = Some(life);
        Ok(())
    }

    /// A power cut: its frames stop at once, then all its processes die at once. What it wrote to disk stays.
    ///
    /// # Errors
    /// When the host does not die, which takes a process that hangs inside the kernel.
    pub async fn crash(&self) -> Result<(), LabError> {
        let crash = KeeperAsk::Crash { host: self.inner.name.clone() };
        self.inner.lab.keeper.ask(crash, LIMIT).await?;
        self.life().take();
        Ok(())
    }

    pub(crate) fn link(&self, network: &str) -> Result<&Link, LabError> {
        self.inner
            .links
            .iter()
            .find(|link| link.network == network)
            .ok_or_else(|| self.refused(&format!("is not plugged into {network}")))
    }

    async fn ask(&self, ask: InitAsk) -> Result<InitAnswer, LabError> {
        self.alive()?.init.ask(ask, LIMIT).await
    }

    fn alive(&self) -> Result<Arc<Life>, LabError> {
        self.life().clone().ok_or_else(|| LabError::Gone(self.inner.name.clone()))
    }

    fn life(&self) -> MutexGuard<'_, Option<Arc<Life>>> {
        lock(&self.inner.life)
    }

    fn refused(&self, reason: &str) -> LabError {
        LabError::Refused { who: self.inner.name.clone(), reason: reason.to_owned() }
    }

    fn confused(&self) -> LabError {
        self.refused("answered another question")
    }
}

impl Link {
    fn keeper(&self) -> KeeperLink {
        KeeperLink { network: self.network.clone(), interface: self.interface.clone(), mac: self.mac }
    }

    fn address(&self) -> InterfaceAddress {
        let (interface, address) = (self.interface.clone(), IpAddr::V4(self.address));
        InterfaceAddress { interface, address, prefix: self.prefix }
    }

    /// An IPv6 address that belongs to the other one: 10.77.0.9 and `fd00:a4d::9`. The host has it only where a test asks
    /// for it ([`Host::add_address`]).
    #[must_use]
    pub fn address6(&self) -> InterfaceAddress {
        let [first, second, third, last] = self.address.octets().map(u16::from);
        let address = Ipv6Addr::new(0xfd00, first << 8 | second, third, 0, 0, 0, 0, last);
        InterfaceAddress { interface: self.interface.clone(), address: address.into(), prefix: 64 }
    }
}

/// Notes started and ended processes; without their host all have ended.
fn record(ends: &Ends, message: Option<&Message<InitAnswer>>) {
    let mut ends = lock(ends);
    match message {
        Some(Message::Exited(exit)) => {
            end_of(&mut ends, exit.pid).send_replace(Some(*exit));
        }
        Some(Message::Answer { answer: Ok(InitAnswer::Spawned { pid }), .. }) => {
            end_of(&mut ends, *pid);
        }
        Some(Message::Answer { .. }) => {}
        None => ends.clear(),
    }
}

fn end_of(ends: &mut HashMap<i32, watch::Sender<Option<Exit>>>, pid: i32) -> &watch::Sender<Option<Exit>> {
    ends.entry(pid).or_insert_with(|| watch::Sender::new(None))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
