//! An actuator whose reports are collected.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use hb_resource::{Actuator, ActuatorConfig, Change, Failure, GroupSpec, Job, JobAction, Report};

/// An actuator and what it said.
pub(crate) struct Recorder {
    actuator: Actuator,
    reports: Receiver<Report>,
    notes: Vec<String>,
    next_id: u64,
}

impl Recorder {
    pub(crate) fn start(config: ActuatorConfig) -> Self {
        let (sender, reports) = channel();
        // Fails only when the test is over already.
        let callback = move |report| drop(sender.send(report));
        let actuator = Actuator::start(config, Box::new(callback)).expect("the actuator starts");
        Self { actuator, reports, notes: Vec::new(), next_id: 0 }
    }

    /// Hands a job over and returns its number.
    pub(crate) fn submit(&mut self, action: JobAction) -> u64 {
        self.next_id += 1;
        self.actuator
            .submit(Job { id: self.next_id, action, epoch: Some(self.next_id) })
            .expect("there is room");
        self.next_id
    }

    /// New groups for the running actuator.
    pub(crate) fn reconfigure(&self, config: ActuatorConfig, groups: Vec<(usize, GroupSpec)>) {
        self.actuator.reconfigure(Change { config, groups }).expect("there is room");
    }

    /// Waits for the end of some job.
    pub(crate) fn next_done(&mut self) -> (u64, Result<(), Failure>) {
        loop {
            match self.reports.recv_timeout(Duration::from_secs(30)).expect("a report comes") {
                Report::Done { id, result } => return (id, result),
                Report::FailfastEnded => self.notes.push("a failfast program has failed".to_owned()),
                Report::Note { level, text } => self.notes.push(format!("{level:?}: {text}")),
            }
        }
    }

    /// Does one job to its end; why it failed.
    pub(crate) fn perform(&mut self, action: JobAction) -> Result<(), String> {
        self.outcome_of(action).map_err(|failure| failure.reason)
    }

    /// Does one job to its end.
    pub(crate) fn outcome_of(&mut self, action: JobAction) -> Result<(), Failure> {
        let submitted = self.submit(action);
        let (id, result) = self.next_done();
        assert_eq!(id, submitted);
        result
    }

    /// Whether a note contains this.
    pub(crate) fn has_note(&self, text: &str) -> bool {
        self.notes.iter().any(|note| note.contains(text))
    }

    /// All notes so far, for the message of a failed check.
    pub(crate) fn notes(&self) -> String {
        self.notes.join("\n")
    }

    /// Ends the actuator and waits for that.
    pub(crate) fn finish(self) {
        self.actuator.finish();
    }
}
