//! Signals, as for 3.0.6 (`failover.md` 9.2), except that INT stops as well.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Office;
use crate::log::Level;

/// The signals that the front deals with, caught from the moment this is made.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    more: Signal,
    less: Signal,
}

impl Signals {
    /// Catches them; to be called where the front's event loop is.
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            more: signal(SignalKind::user_defined1())?,
            less: signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits so long, and at least a moment, for the wish to stop: for a start, which has no front yet.
    pub(crate) fn asked_to_stop(&mut self, runtime: &Runtime, limit: Duration) -> bool {
        // Signals that came already are noticed when the event loop is idle.
        let limit = limit.max(MOMENT);
        runtime.block_on(async {
            let asked = async {
                tokio::select! {
                    _ = self.terminate.recv() => {}
                    _ = self.interrupt.recv() => {}
                }
            };
            tokio::time::timeout(limit, asked).await.is_ok()
        })
    }

    pub(super) async fn serve(mut self, office: Rc<Office>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => stop(&office),
                _ = self.interrupt.recv() => stop(&office),
                _ = self.hang_up.recv() => {
                    let office = Rc::clone(&office);
                    tokio::task::spawn_local(async move { office.hang_up().await });
                }
                _ = self.more.recv() => office.log.set_debug(true),
                _ = self.less.recv() => office.log.set_debug(false),
            }
        }
    }
}

/// A few turns of the event loop.
const MOMENT: Duration = Duration::from_millis(2);

fn stop(office: &Office) {
    if office.stop().is_err() {
        office.log.line(Level::Error, "the heart takes no commands; send the signal again");
    }
}
