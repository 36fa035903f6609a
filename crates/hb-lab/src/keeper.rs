//! The lab's own process: number 1 of its process ids, owner of the networks, parent of every host.
//!
//! It lives in namespaces of its own, so that no interface and no mount of the lab is seen outside. It ends
//! when its asking end closes, and everything in the lab ends with it: the kernel sees to that. It does not
//! decide which hosts there are or what runs in them.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hb_sys::namespace::{Launch, Launched, Namespaces, launch};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep};

use crate::chain;
use crate::connection::serve;
use crate::keeper::wires::Wires;
use crate::protocol::{KeeperAnswer, KeeperAsk, KeeperLink};

mod delay;
mod wires;

/// Runs the keeper: `directory` holds everything of this lab, `agent` starts the hosts.
pub(crate) fn run(directory: &Path, agent: (PathBuf, Vec<OsString>)) -> Result<(), String> {
    // Descriptor 0 is the asking end; nothing else may read from it.
    let stdin = rustix::io::dup(rustix::stdio::stdin()).map_err(chain("standard input"))?;
    redirect_output(directory)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(chain("runtime"))?;
    runtime.block_on(keep(UnixStream::from(stdin), agent))?;
    // Hosts first, so that nobody writes into what is removed.
    runtime.shutdown_timeout(Duration::ZERO);
    std::fs::remove_dir_all(directory).map_err(chain("remove the lab's directory"))
}

/// Nothing in the lab writes to the user's terminal.
fn redirect_output(directory: &Path) -> Result<(), String> {
    let log = File::create(directory.join("keeper.log")).map_err(chain("keeper.log"))?;
    let null = File::open("/dev/null").map_err(chain("/dev/null"))?;
    rustix::stdio::dup2_stdin(&null).map_err(chain("standard input"))?;
    rustix::stdio::dup2_stdout(&log).map_err(chain("standard output"))?;
    rustix::stdio::dup2_stderr(&log).map_err(chain("standard error"))
}

async fn keep(asking: UnixStream, agent: (PathBuf, Vec<OsString>)) -> Result<(), String> {
    rustix::mount::mount_change("/", private()).map_err(chain("make mounts private"))?;
    asking.set_nonblocking(true).map_err(chain("asking end"))?;
    let stream = tokio::net::UnixStream::from_std(asking).map_err(chain("asking end"))?;
    let state = Arc::new(Mutex::new(Keeper { agent, wires: Wires::open()?, hosts: HashMap::new() }));
    let (_none, unasked) = mpsc::channel(1);
    serve(stream, unasked, |ask: KeeperAsk| {
        let state = Arc::clone(&state);
        // One after the other: most of it changes the same networks.
        async move { state.lock().await.handle(ask).await }
    })
    .await;
    state.lock().await.end().await;
    Ok(())
}

pub(crate) fn private() -> rustix::mount::MountPropagationFlags {
    use rustix::mount::MountPropagationFlags as Flags;
    Flags::PRIVATE | Flags::REC
}

struct Keeper {
    agent: (PathBuf, Vec<OsString>),
    wires: Wires,
    /// The init process of each host that runs.
    hosts: HashMap<String, OwnedFd>,
}

impl Keeper {
    async fn handle(&mut self, ask: KeeperAsk) -> Result<KeeperAnswer, String> {
        match ask {
            KeeperAsk::AddNetwork { name } => self.wires.add_network(name).await?,
            KeeperAsk::Boot { host, arguments, links } => self.boot(host, arguments, links).await?,
            KeeperAsk::Crash { host } => self.crash(&host).await?,
            KeeperAsk::Carrier { host, network, on } => self.wires.carrier(&host, &network, on).await?,
            KeeperAsk::Port { host, network, on } => self.wires.port(&host, &network, on).await?,
            KeeperAsk::Delay { host, network, incoming, outgoing, only } => {
                self.wires.delay(&host, &network, [incoming, outgoing], &only).await?;
            }
        }
        Ok(KeeperAnswer::Done)
    }

    async fn boot(
        &mut self,
        host: String,
        arguments: Vec<String>,
        links: Vec<KeeperLink>,
    ) -> Result<(), String> {
        // What is left of an earlier life, should the host have ended by itself.
        self.crash(&host).await?;
        let null = File::open("/dev/null").map_err(chain("/dev/null"))?;
        let environment: Vec<_> = env::vars_os().collect();
        let (program, prefix) = &self.agent;
        let arguments: Vec<_> =
            prefix.iter().cloned().chain(arguments.into_iter().map(OsString::from)).collect();
        let Launched { pid, pidfd } = launch(&Launch {
            program,
            arguments: &arguments,
            environment: &environment,
            namespaces: Namespaces::NETWORK
                .and(Namespaces::MOUNT)
                .and(Namespaces::PID)
                .and(Namespaces::UTS)
                .and(Namespaces::IPC),
            stdin: null.as_fd(),
            dies_with_parent: true,
        })
        .map_err(chain("start the host"))?;
        self.hosts.insert(host.clone(), pidfd);
        for link in links {
            self.wires.plug(&host, &link, pid.unsigned_abs()).await?;
        }
        Ok(())
    }

    /// A power cut: no frame leaves any more, then the host's init dies and with it all that it holds.
    async fn crash(&mut self, host: &str) -> Result<(), String> {
        self.wires.silence(host).await?;
        if let Some(init) = self.hosts.remove(host) {
            // Fails when it has already ended.
            let _ended = pidfd_send_signal(&init, Signal::KILL);
            reap(&init).await.map_err(|()| format!("{host} does not die within {DEATH:?}"))?;
        }
        self.wires.unplug(host).await
    }

    async fn end(&mut self) {
        for init in self.hosts.values() {
            let _ended = pidfd_send_signal(init, Signal::KILL);
        }
        for (_, init) in self.hosts.drain() {
            // What does not die in time dies with the keeper.
            let _late = reap(&init).await;
        }
    }
}

/// Waits until a killed host is gone with all its processes.
async fn reap(init: &OwnedFd) -> Result<(), ()> {
    let deadline = Instant::now() + DEATH;
    loop {
        match waitid(WaitId::PidFd(init.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(None) if Instant::now() >= deadline => return Err(()),
            Ok(None) => sleep(Duration::from_millis(1)).await,
            Ok(Some(_)) | Err(_) => return Ok(()),
        }
    }
}

/// The kernel needs milliseconds for this; more means that a process hangs inside a system call.
const DEATH: Duration = Duration::from_secs(5);
