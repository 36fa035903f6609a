//! The front: everything that talks to people and programs on this machine, at ordinary priority.
//!
//! * `control`: the control socket
//! * `reload`: reads the configuration again
//! * `signals`: TERM and INT stop, HUP reloads, USR1 and USR2 switch debug lines
//! * `fifo`, `script`: what shell scripts write into the FIFO, and what they mean by it
//! * `desk`: passes questions to the heart and its answers back
//! * `status`: the heart's report in the words of `hb-client`
//!
//! One thread, one task for each connection. Nothing here can hold up the heart.

mod control;
mod desk;
mod fifo;
mod reload;
mod script;
mod signals;
mod status;

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::task::LocalSet;

use crate::failfast::Failfast;
use crate::log::{Level, Log};
use crate::notify::Notify;

use fifo::Scripts;

pub(crate) use control::ControlSocket;
pub(crate) use desk::{Desk, Errand, Keep, Runs};
pub(crate) use fifo::ScriptFifo;
pub(crate) use reload::Reloader;
pub(crate) use signals::Signals;
pub(crate) use status::Background;

/// What the front works with.
pub(crate) struct Front {
    /// The way to the heart.
    pub(crate) desk: Desk,
    /// Where to listen.
    pub(crate) control: ControlSocket,
    /// Where scripts write, unless it could not be opened.
    pub(crate) fifo: Option<ScriptFifo>,
    /// The signals, caught already.
    pub(crate) signals: Signals,
    /// Reads the configuration again.
    pub(crate) reloader: Reloader,
    /// What the status says beside the heart's report.
    pub(crate) background: Background,
    /// Where log lines go.
    pub(crate) log: Log,
    /// The service manager.
    pub(crate) notify: Notify,
    /// Is told when the orderly stop begins.
    pub(crate) failfast: Arc<Failfast>,
}

/// How the front ended.
pub(crate) struct Ended {
    /// How the heart ended.
    pub(crate) heart: io::Result<()>,
    /// Connections of programs that wait for the end of the process: to be dropped last.
    pub(crate) waiting: Vec<OwnedFd>,
}

impl Front {
    /// Serves until the heart has ended.
    pub(crate) fn run(self, runtime: &Runtime) -> Ended {
        let Self { desk, control, fifo, signals, reloader, background, log, notify, failfast } = self;
        let background = RefCell::new(background);
        let scripts = RefCell::default();
        let office = Rc::new(Office { desk, reloader, background, scripts, log, notify, failfast });
        let tasks = LocalSet::new();
        tasks.spawn_local(signals.serve(Rc::clone(&office)));
        if let Some(fifo) = fifo {
            tasks.spawn_local(fifo.serve(Rc::clone(&office)));
        }
        let (listener, waiting) = control.serve(Rc::clone(&office));
        tasks.spawn_local(listener);
        let heart = tasks.block_on(runtime, office.desk.serve());
        drop(tasks);
        Ended { heart, waiting: waiting.take() }
    }
}

/// What the tasks of the front share.
struct Office {
    desk: Desk,
    reloader: Reloader,
    background: RefCell<Background>,
    scripts: RefCell<Scripts>,
    log: Log,
    notify: Notify,
    failfast: Arc<Failfast>,
}

impl Office {
    /// Asks for the orderly stop. Once is enough; asked again, groups that could not be stopped are tried anew.
    fn stop(&self) -> Result<(), desk::Busy> {
        if self.desk.is_stopping() {
            self.log.line(Level::Info, "Heartbeat shutdown already underway.");
            return self.desk.stop();
        }
        self.desk.stop()?;
        self.failfast.stop_begins();
        self.notify.send("STOPPING=1");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
