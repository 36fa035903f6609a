//! From the engine to the world: sends, begins jobs, reports, in the engine's order.

use hb_engine::{Action, Event, JobId, Now, Outcome, Output};

use super::{Heart, JobEnd, Port};

impl<P: Port> Heart<P> {
    /// Performs everything that the engine wants done now.
    pub(super) fn perform_outputs(&mut self, now: Now) {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Send(message) => self.perform_send(now, &message),
                Output::Do { job, action } => self.perform_job(job, action),
                Output::Report(event) => self.perform_report(now, &event),
            }
        }
    }

    fn perform_send(&mut self, now: Now, message: &hb_wire::Message) {
        if let Err(error) = self.keys.seal_into(message, self.inner, &mut self.outgoing) {
            self.voice.not_sealed(now.tick, error);
            return;
        }
        for wire in &mut self.wires {
            match wire.port.send(&self.outgoing) {
                Ok(()) => wire.counts.sent += 1,
                Err(error) => {
                    wire.counts.send_errors += 1;
                    self.voice.send_failed(now.tick, wire.port.name(), &error);
                }
            }
        }
    }

    fn perform_job(&mut self, job: JobId, action: Action) {
        if let Err(reason) = (self.submit)(job, action) {
            // Like any other end: the engine hears of it in the next turn.
            self.ended.push_back(JobEnd { job, outcome: Outcome::Failed { reason } });
        }
    }

    fn perform_report(&mut self, now: Now, event: &Event) {
        self.voice.event(now.tick, event);
        if *event == Event::Stopped {
            self.stopped = true;
        }
    }
}
