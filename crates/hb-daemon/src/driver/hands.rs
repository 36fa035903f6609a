//! What a node works on its resources with: the lease and the actuator, opened before there is a heart to ask them.
//!
//! What is asked of them is the heart's and the front's.

use std::sync::Arc;

use hb_engine::{JobId, Outcome};
use hb_resource::{Actuator, ActuatorConfig, Beat, Report};
use hb_sys::process::Signal;
use hb_sys::sched::Crew;
use hb_transport::Medium;
use rustix::process::{getpid, kill_process};

use super::{MAILBOX, StartFailure, level_of};
use crate::failfast::Failfast;
use crate::heart::{self, JobEnd, ToHeart};
use crate::leasing::Leasing;
use crate::log::{Level, Log};
use crate::mailbox::Mailbox;
use crate::mapping;
use crate::options::Options;
use crate::start::Start;

/// What works on the resources, and the ways to it; clones share it.
#[derive(Clone)]
pub(super) struct Hands {
    pub(super) actuator: Arc<Actuator>,
    pub(super) leasing: Leasing,
    /// Where the heart shall beat for the guard.
    pub(super) beat: Option<Beat>,
    pub(super) inbox: Arc<Mailbox<ToHeart>>,
    pub(super) job_ends: Arc<Mailbox<JobEnd>>,
    pub(super) failfast: Arc<Failfast>,
    /// The threads that are real-time if that is wanted.
    pub(super) crew: Crew,
}

impl Hands {
    /// Opens the lease and starts the actuator, which stages what is to be staged. What the heart holds of the lease, too.
    pub(super) fn open(
        options: &Options,
        start: &Start,
        log: &Log,
    ) -> Result<(Self, Option<heart::Hands>), StartFailure> {
        let inbox = Arc::new(Mailbox::new(MAILBOX)?);
        let job_ends = Arc::new(Mailbox::new(JobEnd::room(start.groups.len()))?);
        let failfast = Arc::new(Failfast::default());
        let report = report_to(Arc::clone(&job_ends), Arc::clone(&failfast), log);
        let (leasing, lease) = Leasing::open(&start.checked, &start.groups, Arc::clone(&inbox), log);
        for line in leasing.staged_words(&start.checked.lease.staged) {
            log.line(if leasing.stage().has_doors() { Level::Info } else { Level::Warn }, &line);
        }
        let beat = Beat::new()
            .inspect_err(|error| {
                log.line(Level::Warn, &format!("The guard does not feel the heart: {error}"));
            })
            .ok();
        let config = ActuatorConfig {
            beat: beat.clone(),
            lifetimes: leasing.lifetimes(),
            stage: leasing.stage(),
            ..scripts_of(options, start)
        };
        let actuator = Actuator::start(config, report).inspect_err(|_| leasing.finish())?;
        Ok((
            Self {
                actuator: Arc::new(actuator),
                leasing,
                beat,
                inbox,
                job_ends,
                failfast,
                crew: start.crew.clone(),
            },
            lease,
        ))
    }
}

fn scripts_of(options: &Options, start: &Start) -> ActuatorConfig {
    let media = start.media.iter().map(Medium::spec);
    let mut config = mapping::scripts(options, &start.checked, media);
    config.groups.clone_from(&start.groups);
    config.left_behind.clone_from(&start.left_behind);
    config.guard_command.clone_from(&options.guard_command);
    config.guard_command.extend((!options.foreground).then(|| GUARD_IN_BACKGROUND.into()));
    config.crew = start.crew.clone();
    config
}

/// Passes on what the actuator tells.
fn report_to(
    job_ends: Arc<Mailbox<JobEnd>>,
    failfast: Arc<Failfast>,
    log: &Log,
) -> Box<dyn Fn(Report) + Send> {
    let notes = log.clone();
    Box::new(move |report| match report {
        Report::Done { id, result } => {
            let outcome = result.map_or_else(
                |failure| Outcome::Failed { reason: failure.reason, residue: failure.residue },
                |()| Outcome::Ok,
            );
            if job_ends.post(JobEnd { job: JobId(id), outcome }).is_err() {
                notes.line(Level::Crit, &format!("the end of job {id} found no room"));
            }
        }
        Report::FailfastEnded => {
            if !failfast.program_failed() {
                // The programs are ended soon, and what they work with is being released.
                notes.line(Level::Info, "A failfast client has failed while this node stops");
                return;
            }
            notes.line(
                Level::Crit,
                "A failfast client has failed: this node hands its resources over and stops",
            );
            // As an administrator would: the front asks the heart, and tells the service manager.
            if let Err(error) = kill_process(getpid(), Signal::TERM) {
                notes.line(Level::Crit, &format!("cannot ask for the stop: {error}"));
            }
        }
        Report::Note { level, text } => notes.line(level_of(level), &text),
    })
}

/// The last argument of the guard of a daemon in the background.
const GUARD_IN_BACKGROUND: &str = "--background";
