//! Reads the configuration again while the node runs (SIGHUP, `hb-ctl reload`).
//!
//! Everything is checked before anything changes. With errors, the old configuration stays in force. New keys are
//! taken over at once; of what else has changed the log says that it needs a restart.

use std::cell::{Cell, RefCell};
use std::io;
use std::thread;

use hb_auth::KeyRing;
use hb_client::RefusalCause;
use tokio::sync::oneshot;

use super::Office;
use crate::configuration::{self, Facts};
use crate::log::{Level, Log};
use crate::options::Options;

/// What is in force, to compare with.
pub(crate) struct Reloader {
    options: Options,
    facts: RefCell<Facts>,
    running: Cell<bool>,
}

/// Why nothing was taken over.
pub(super) struct Refusal {
    pub(super) cause: RefusalCause,
    pub(super) text: String,
}

/// A configuration without errors.
struct Reading {
    facts: Facts,
    keys: KeyRing,
}

impl Reloader {
    /// The node runs with what `facts` says.
    pub(crate) const fn new(options: Options, facts: Facts) -> Self {
        Self { options, facts: RefCell::new(facts), running: Cell::new(false) }
    }

    /// Reads in a thread of its own: disks and name services may take their time.
    async fn read(&self, log: Log) -> Result<Result<Reading, String>, io::Error> {
        let options = self.options.clone();
        let (sender, receiver) = oneshot::channel();
        thread::Builder::new().name("hb-reload".to_owned()).spawn(move || {
            // The front may have ended in the meantime.
            let _ = sender.send(read(&options, &log));
        })?;
        // The thread cannot end without sending: a panic ends the process.
        receiver.await.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Office {
    /// Reads and takes over; says what came of it, in the log too.
    pub(super) async fn reload(&self) -> Result<String, Refusal> {
        let busy = |text: String| Refusal { cause: RefusalCause::Busy, text };
        if self.reloader.running.replace(true) {
            return Err(busy("the configuration is being read already".to_owned()));
        }
        self.log.line(Level::Info, "Reading the configuration again.");
        let reading = self.reloader.read(self.log.clone()).await;
        self.reloader.running.set(false);
        let reading = match reading {
            Err(error) => return Err(busy(error.to_string())),
            Ok(Err(report)) => {
                self.log.line(Level::Error, "Config errors: the old configuration stays in force.");
                return Err(Refusal { cause: RefusalCause::Configuration, text: report });
            }
            Ok(Ok(reading)) => reading,
        };
        let lines = self.take_over(reading).map_err(|error| busy(error.to_string()))?;
        for line in &lines {
            self.log.line(Level::Info, line);
        }
        Ok(lines.join("\n"))
    }

    fn take_over(&self, reading: Reading) -> Result<Vec<String>, super::desk::Busy> {
        let Reading { facts, keys } = reading;
        let mut in_force = self.reloader.facts.borrow_mut();
        let mut lines = Vec::new();
        if in_force.has_other_keys(&facts) {
            self.desk.keys(keys)?;
            in_force.take_keys_of(&facts);
            lines.push("Rereading authentication file.".to_owned());
        }
        // What needs a restart stays a difference until then, and is told each time.
        let changes = in_force.changes(&facts);
        if !changes.is_empty() {
            lines.push(format!("Changed, but in force only after a restart: {}.", changes.join(", ")));
        }
        if lines.is_empty() {
            lines.push("Configuration unchanged.".to_owned());
        }
        Ok(lines)
    }
}

fn read(options: &Options, log: &Log) -> Result<Reading, String> {
    let loaded = configuration::load(options);
    configuration::log_diagnostics(log, &loaded.diagnostics);
    match &loaded.config {
        Some(checked) => {
            let facts = Facts::of(checked, &options.config_dir);
            Ok(Reading { facts, keys: checked.key_ring.clone() })
        }
        None => Err(loaded.render(false)),
    }
}
