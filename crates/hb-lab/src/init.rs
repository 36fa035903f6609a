//! The first process of a test host: makes the host, then does in it what the lab asks for.
//!
//! It starts programs, sends signals, reaps everything that ends (orphans too) and reports it. It is never
//! stopped by a fault, and it waits for no process, so an answer always comes. When it dies, the host is dead.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::chain;
use crate::connection::serve;
use crate::init::children::Children;
use crate::init::interfaces::Interfaces;
use crate::protocol::{InitAnswer, InitAsk};

mod children;
mod interfaces;
mod rooms;

/// Runs a host's init until the lab hangs up. `socket` is where the lab listens.
pub(crate) fn run(socket: &Path) -> Result<(), String> {
    unlimited_memory_lock();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(chain("runtime"))?;
    runtime.block_on(async {
        let stream = UnixStream::connect(socket).await.map_err(chain("reach the lab"))?;
        let (report, unasked) = mpsc::channel(EXITS);
        let children = Arc::new(Children::new(report));
        let mut dead = signal(SignalKind::child()).map_err(chain("watch for dead children"))?;
        let reaper = Arc::clone(&children);
        tokio::spawn(async move {
            while dead.recv().await.is_some() {
                reaper.reap().await;
            }
        });
        let interfaces = Arc::new(Interfaces::open()?);
        serve(stream, unasked, |ask: InitAsk| {
            let (children, interfaces) = (Arc::clone(&children), Arc::clone(&interfaces));
            async move { handle(ask, &children, &interfaces).await }
        })
        .await;
        Ok(())
    })
}

async fn handle(ask: InitAsk, children: &Children, interfaces: &Interfaces) -> Result<InitAnswer, String> {
    match ask {
        InitAsk::SetUp { name, binds, hidden, addresses } => {
            rooms::furnish(&binds, &hidden)?;
            rustix::system::sethostname(name.as_bytes()).map_err(chain("set the host name"))?;
            interfaces.bring_up(&addresses).await?;
            Ok(InitAnswer::Done)
        }
        InitAsk::Spawn { argv, environment, stdout, stderr } => {
            children::spawn(&argv, environment, &stdout, &stderr).map(|pid| InitAnswer::Spawned { pid })
        }
        InitAsk::Run { argv, environment, stdin, limit_ms } => {
            let limit = Duration::from_millis(limit_ms);
            children.run(&argv, environment, stdin, limit).await.map(InitAnswer::Ran)
        }
        InitAsk::Signal { pid, signal } => {
            children::send(pid, signal)?;
            Ok(InitAnswer::Signalled { processes: 1 })
        }
        InitAsk::SignalProgram { program, signal } => {
            let processes = children::send_to_program(&program, signal)?;
            Ok(InitAnswer::Signalled { processes })
        }
        InitAsk::HoldThread { pid, name, ms } => {
            children::hold_thread(pid, &name, Duration::from_millis(ms))?;
            Ok(InitAnswer::Done)
        }
        InitAsk::Processes { program } => children::of_program(&program).map(InitAnswer::Processes),
        InitAsk::CpuTime { program } => children::cpu_time(&program).map(|ns| InitAnswer::CpuTime { ns }),
        InitAsk::Addresses => interfaces.addresses().await.map(InitAnswer::Addresses),
        InitAsk::AddAddress(address) => {
            interfaces.add(&address).await?;
            Ok(InitAnswer::Done)
        }
        InitAsk::RemoveAddress(address) => {
            interfaces.remove(&address).await?;
            Ok(InitAnswer::Done)
        }
        InitAsk::ForgetNeighbour { address } => {
            interfaces.forget_neighbour(address).await?;
            Ok(InitAnswer::Done)
        }
    }
}

/// The real Heartbeat complains about the usual limit although it is root, as it would on no real server.
fn unlimited_memory_lock() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Refused to ordinary users.
    let _refused = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
}

/// Ended processes whose report may wait to be written.
const EXITS: usize = 1024;
