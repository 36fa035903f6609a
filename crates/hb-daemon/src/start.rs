//! Everything that must be in place before the heart beats, in this order: configuration, single instance, leftovers of an
//! earlier life, identity, media. Each error is told in the log and ends the start.
//!
//! A stop that comes meanwhile ends the start as soon as the leftovers are gone: whoever stops a node wants nothing of it left.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hb_config::{Checked, GenerationMethod, UuidFrom};
use hb_engine::{MemberRecord, Membership};
use hb_resource::GroupSpec;
use hb_sys::sched::Crew;
use hb_transport::{Happening, Keeper, Medium, Notice, OpenError, Pinger};

use crate::configuration;
use crate::heart::LONGEST_KEEPALIVE;
use crate::identity::epoch::{self, Epochs};
use crate::identity::{generation, hosts, uuid};
use crate::limited_log::LimitedLog;
use crate::log::{Level, Log, Writer};
use crate::options::{Exit, Options};
use crate::pid_file::{PidFile, PidFileError};
use crate::{accounts, clock, mapping, realtime, running};

/// What is in place.
pub(crate) struct Start {
    /// The configuration.
    pub(crate) checked: Checked,
    /// The lock that keeps others from starting.
    pub(crate) pid_file: PidFile,
    /// The node's UUID.
    pub(crate) uuid: [u8; 16],
    /// What is known of nodes that joined or were deleted.
    pub(crate) membership: Membership,
    /// The number of this run.
    pub(crate) generation: u64,
    /// The numbers of starts of groups.
    pub(crate) epochs: Epochs,
    /// What the actuator works on.
    pub(crate) groups: Vec<GroupSpec>,
    /// The groups, by their keys, of which an earlier run may have left services.
    pub(crate) left_behind: BTreeSet<String>,
    /// The media, of which at least one is open, if this is not the only node.
    pub(crate) media: Vec<Medium>,
    /// Those who ask the ping members.
    pub(crate) pingers: Vec<Pinger>,
    /// Opens the media again that the network takes away.
    pub(crate) keeper: Keeper,
    /// The threads that are real-time if that is wanted.
    pub(crate) crew: Crew,
}

/// Puts everything in place; what went wrong is in the log. `asked_to_stop` waits so long for the wish that it ends.
pub(crate) fn prepare(
    options: &Options,
    log: &Log,
    writer: &mut Writer,
    mut asked_to_stop: impl FnMut(Duration) -> bool,
) -> Result<Start, Exit> {
    let checked = read_configuration(options, log, writer)?;
    if options.verbose {
        running::print_configuration(&checked);
    }
    make_directories(options).map_err(|error| failed(log, "cannot make a directory", &error))?;
    let pid_file = PidFile::create(&options.pid_file()).map_err(|error| match error {
        PidFileError::Running(_) => {
            log.line(Level::Info, &format!("heartbeat: {error}."));
            Exit::Good
        }
        PidFileError::Io { .. } => failed(log, "cannot start", &error),
    })?;
    let targets = mapping::log_targets(&checked);
    log.set_debug(options.debug || checked.log.debug > 0);
    writer.set_targets(&targets);
    give_away(log, [targets.logfile.as_deref(), targets.debugfile.as_deref()].into_iter().flatten());
    log.line(Level::Info, "**************************");
    let version = env!("CARGO_PKG_VERSION");
    log.line(Level::Info, &format!("Configuration validated. Starting heartbeat {version} (hb)"));

    let groups = mapping::groups(&checked);
    let is_stopped = match wait_for_guard(options, log, writer, &mut asked_to_stop)? {
        Waited::Gone => {
            remove_leftovers(&groups, log)?;
            asked_to_stop(Duration::ZERO)
        }
        // It removes what there is.
        Waited::Stopped => true,
    };
    if is_stopped {
        log.line(Level::Info, "Asked to stop before the start was complete: stopped");
        pid_file.remove();
        return Err(Exit::Good);
    }
    let left_behind = hb_resource::guard::left_behind(&options.guard_lock());
    for key in &left_behind {
        let text =
            format!("group {key} may still run: heart and guard of an earlier run were killed under it");
        log.line(Level::Warn, &text);
    }
    let (uuid, generation) = identity(options, &checked, log)?;
    let epochs = epoch::begin(&options.state_dir, clock::wall_seconds())
        .map_err(|error| failed(log, "cannot keep the epoch", &error))?;
    let membership = recall_members(options, &checked, log)?;
    let crew = Crew::new(realtime::priority(&checked));
    let keeper = keep_media(&checked, crew.clone(), log)?;
    let media = open_media(&checked, &keeper, log)?;
    let pingers = open_pingers(&checked, log)?;
    Ok(Start {
        checked,
        pid_file,
        uuid,
        membership,
        generation,
        epochs,
        groups,
        left_behind,
        media,
        pingers,
        keeper,
        crew,
    })
}

/// What came of the wait for the guard of an earlier run.
enum Waited {
    /// There is none any more.
    Gone,
    /// It still works; this node was asked to stop.
    Stopped,
}

/// A guard that outlived its daemon may be stopping what that daemon had started; nothing may be started beside it.
fn wait_for_guard(
    options: &Options,
    log: &Log,
    writer: &mut Writer,
    asked_to_stop: &mut impl FnMut(Duration) -> bool,
) -> Result<Waited, Exit> {
    let mut told = false;
    loop {
        match hb_resource::guard::is_held(&options.guard_lock()) {
            Ok(false) => return Ok(Waited::Gone),
            Ok(true) if told => {}
            Ok(true) => {
                log.line(
                    Level::Warn,
                    "Waiting: the guard of the previous run still stops what that run had started",
                );
                writer.drain();
                told = true;
            }
            Err(error) => return Err(failed(log, "cannot look for a guard of the previous run", &error)),
        }
        if asked_to_stop(LOOK_AGAIN) {
            return Ok(Waited::Stopped);
        }
    }
}

/// Between two looks whether the previous run's guard has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

fn read_configuration(options: &Options, log: &Log, writer: &mut Writer) -> Result<Checked, Exit> {
    let loaded = configuration::load(options);
    let exit = Exit::from_code(loaded.exit_code());
    let Some(checked) = loaded.config else {
        writer.show(&loaded.render(false));
        log.line(Level::Error, "Configuration error, heartbeat not started.");
        return Err(exit);
    };
    configuration::log_diagnostics(log, &loaded.diagnostics);
    writer.drain();
    Ok(checked)
}

/// The state directory as packages make it; the run directory open to the group `haclient` (`config.md` 11.2).
fn make_directories(options: &Options) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(&options.state_dir)?;
    if !options.run_dir.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o750).create(&options.run_dir)?;
        if let (Some(user), Some(group)) = (accounts::user_id("hacluster"), accounts::group_id("haclient")) {
            // Without the privilege it stays ours, which only keeps others out.
            let _ = chown(&options.run_dir, Some(user), Some(group));
        }
    }
    Ok(())
}

/// Log files belong to hacluster:haclient, where these exist (`config.md` 10.1).
pub(crate) fn give_away<'a>(log: &Log, files: impl Iterator<Item = &'a Path>) {
    let (Some(user), Some(group)) = (accounts::user_id("hacluster"), accounts::group_id("haclient")) else {
        return;
    };
    for file in files.filter(|file| file.is_file()) {
        if let Err(error) = chown(file, Some(user), Some(group)) {
            let file = file.display();
            log.line(
                Level::Warn,
                &format!("change_logfile_ownership: failed to chown logfile {file}: {error}"),
            );
        }
    }
}

fn identity(options: &Options, checked: &Checked, log: &Log) -> Result<([u8; 16], u64), Exit> {
    let state_dir = &options.state_dir;
    let uuid = match checked.uuid_from {
        UuidFrom::NodeName => uuid::from_name(&checked.node_name),
        UuidFrom::File => {
            uuid::from_file(state_dir).map_err(|error| failed(log, "cannot keep the node's UUID", &error))?
        }
    };
    let wall = clock::wall_seconds();
    let number = match checked.generation_method {
        GenerationMethod::Time => wall,
        GenerationMethod::File => {
            let next = generation::next(state_dir, wall)
                .map_err(|error| failed(log, "cannot keep the generation number", &error))?;
            if let Some(notice) = &next.notice {
                log.line(Level::Warn, notice);
            }
            next.number
        }
    };
    log.line(Level::Info, &format!("Heartbeat generation: {number}"));
    Ok((uuid, number))
}

/// The host cache files, where nodes may join (`wire.md` 9.3).
fn recall_members(options: &Options, checked: &Checked, log: &Log) -> Result<Membership, Exit> {
    if !checked.autojoin.is_open() {
        return Ok(Membership::default());
    }
    let known =
        hosts::read(&options.state_dir).map_err(|error| failed(log, "cannot read the host cache", &error))?;
    let configured = |record: &&MemberRecord| checked.nodes.contains(&record.name);
    for MemberRecord { name, .. } in known.deleted.iter().filter(configured) {
        let text =
            format!("node {name} of ha.cf was deleted from this cluster; `hb-ctl addnode` brings it back");
        log.line(Level::Warn, &text);
    }
    Ok(known)
}

/// An earlier life that crashed may have left addresses that the other node answers for by now, and the table that closes them.
fn remove_leftovers(groups: &[GroupSpec], log: &Log) -> Result<(), Exit> {
    let removed = hb_resource::cleanup(groups).map_err(|error| failed(log, "cannot start clean", &error))?;
    for address in removed {
        log.line(Level::Warn, &format!("removed {address}, left by an earlier run"));
    }
    // What is gone needs no gate; and where nf_tables is missing there is no table.
    let _ = hb_resource::lease::remove();
    Ok(())
}

/// Opens the media. One that is not there is waited for, unless it is all of them, or only an operator can mend it.
fn open_media(checked: &Checked, keeper: &Keeper, log: &Log) -> Result<Vec<Medium>, Exit> {
    let specs = mapping::media(checked);
    if specs.is_empty() {
        // 3.0.6 starts, hears nobody, and takes everything.
        if checked.nodes.len() == 1 {
            return Ok(Vec::new());
        }
        log.line(Level::Error, "ha.cf has ping nodes, but no medium that reaches the other node");
        return Err(Exit::Failed);
    }
    let mut media = Vec::with_capacity(specs.len());
    let mut missing = Vec::new();
    for spec in specs {
        let (medium, error) = keeper.open(&spec).map_err(|error| failed(log, &spec, &error))?;
        match error {
            None => log.line(Level::Info, &format!("{spec}: open")),
            Some(error) => {
                if matches!(error, OpenError::Permission { .. }) {
                    failed(log, &spec, &error);
                    return Err(Exit::NoPermission);
                }
                if matches!(error, OpenError::PortInUse { .. }) {
                    return Err(failed(log, &spec, &error));
                }
                missing.push(Notice { spec, what: Happening::Lost(error) });
            }
        }
        media.push(medium);
    }
    if missing.len() < media.len() {
        for notice in missing {
            log.line(Level::Warn, &notice.to_string());
        }
        return Ok(media);
    }
    for Notice { spec, what } in missing {
        if let Happening::Lost(error) = what {
            failed(log, spec, &error);
        }
    }
    Err(Exit::Failed)
}

/// Those who ask the ping members; whether the hosts can be reached does not matter yet.
fn open_pingers(checked: &Checked, log: &Log) -> Result<Vec<Pinger>, Exit> {
    let open = |(spec, number)| {
        Pinger::open(&spec, number).inspect(|_| log.line(Level::Info, &format!("{spec}: open"))).map_err(
            |error| {
                failed(log, &spec, &error);
                if matches!(error, OpenError::Permission { .. }) { Exit::NoPermission } else { Exit::Failed }
            },
        )
    };
    mapping::pings(checked).into_iter().zip(0..).map(open).collect()
}

/// Opens media again that the network took away, and tells the log.
fn keep_media(checked: &Checked, crew: Crew, log: &Log) -> Result<Keeper, Exit> {
    let (told, hints) = (log.clone(), Mutex::new(LimitedLog::new(log.clone())));
    let report = move |notice: Notice| {
        let level = match notice.what {
            Happening::Lost(_) | Happening::Renamed(_) | Happening::TooLong { .. } | Happening::NoCarrier => {
                Level::Warn
            }
            // A peer that is stopped, or not started yet, refuses.
            Happening::Back
            | Happening::Renewed
            | Happening::Refused
            | Happening::NotRefused
            | Happening::Carrier => Level::Info,
        };
        let cause = match notice.what {
            // Whoever can forge an ICMP message causes these.
            Happening::Refused | Happening::NotRefused => "refused ports",
            Happening::NoCarrier | Happening::Carrier => "carriers",
            Happening::Lost(_)
            | Happening::Renamed(_)
            | Happening::TooLong { .. }
            | Happening::Back
            | Happening::Renewed => return told.line(level, &notice.to_string()),
        };
        let mut hints = hints.lock().unwrap_or_else(PoisonError::into_inner);
        hints.limited(clock::tick(), cause, HINTS, level, || notice.to_string());
    };
    let keeper = Keeper::start(Arc::new(report), crew);
    let keeper = keeper.inspect(|keeper| {
        keeper.set_patience(mapping::line_patience(checked));
        keeper.set_pace(checked.keepalive);
    });
    let is_short = checked.keepalive <= LONGEST_KEEPALIVE;
    let keeper = keeper.map(|keeper| if is_short { keeper.with_doorbells() } else { keeper });
    keeper.map_err(|error| failed(log, "cannot watch the network", &error))
}

/// Hints told at once, before it is one a second.
const HINTS: u32 = 20;

fn failed(log: &Log, what: impl fmt::Display, error: &dyn std::error::Error) -> Exit {
    log.line(Level::Error, &format!("{what}: {}", chain(error)));
    Exit::Failed
}

/// An error with what caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors repeat their cause in their own text.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
