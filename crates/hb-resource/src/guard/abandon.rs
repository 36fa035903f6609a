//! A run that is given up before its end, because something more important is to be done: its script is killed at once.
//!
//! Whether there is such a thing is decided by whoever gave the run.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use hb_sys::process::{Pidfd, Signal};
use tokio::sync::Notify;

/// Whether a run was given up. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Abandoned(Rc<State>);

#[derive(Default)]
struct State {
    is: Cell<bool>,
    told: Notify,
    script: RefCell<Option<Pidfd>>,
}

impl Abandoned {
    /// Gives up: whatever runs is killed, and what begins later as well.
    pub(crate) fn abandon(&self) {
        self.0.is.set(true);
        self.0.told.notify_one();
        self.kill();
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.is.get()
    }

    /// Returns as soon as it is given up. For one at a time.
    pub(crate) async fn wait(&self) {
        if !self.is_abandoned() {
            self.0.told.notified().await;
        }
    }

    /// A script was started; none if it has ended already.
    pub(crate) fn begins(&self, script: Option<Pidfd>) {
        self.0.script.replace(script);
        if self.is_abandoned() {
            self.kill();
        }
    }

    fn kill(&self) {
        // It is not our child and may be reaped at any time, but its number is certain while it lives.
        if let Some(script) = &*self.0.script.borrow()
            && script.has_ended().is_ok_and(|ended| !ended)
        {
            let _ = script.signal_group(Signal::KILL);
        }
    }
}
