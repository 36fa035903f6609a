//! Everything that must be in place before the heart beats, in this order: configuration, single instance, identity,
//! leftovers of an earlier life, media. Each error is told in the log and ends the start.

use std::fmt;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::path::Path;

use hb_config::{Checked, GenerationMethod, UuidFrom};
use hb_resource::GroupSpec;
use hb_transport::{Medium, OpenError};

use crate::configuration::{self, Facts};
use crate::identity::{generation, uuid};
use crate::log::{Level, Log, Writer};
use crate::options::{Exit, Options};
use crate::pid_file::{PidFile, PidFileError};
use crate::{accounts, clock, mapping};

/// What is in place.
pub(crate) struct Start {
    /// The configuration.
    pub(crate) checked: Checked,
    /// The same, to compare with later readings.
    pub(crate) facts: Facts,
    /// The lock that keeps others from starting.
    pub(crate) pid_file: PidFile,
    /// The node's UUID.
    pub(crate) uuid: [u8; 16],
    /// The number of this run.
    pub(crate) generation: u64,
    /// What the actuator works on.
    pub(crate) groups: Vec<GroupSpec>,
    /// The open media.
    pub(crate) media: Vec<Medium>,
}

/// Puts everything in place; what went wrong is in the log. The media need the caller to be inside a tokio runtime.
pub(crate) fn prepare(options: &Options, log: &Log, writer: &mut Writer) -> Result<Start, Exit> {
    let checked = read_configuration(options, log, writer)?;
    let facts = Facts::of(&checked, &options.config_dir);
    make_directories(options).map_err(|error| failed(log, "cannot make a directory", &error))?;
    let pid_file = PidFile::create(&options.pid_file()).map_err(|error| match error {
        PidFileError::Running(_) => {
            log.line(Level::Info, &format!("heartbeat: {error}."));
            Exit::Good
        }
        PidFileError::Io { .. } => failed(log, "cannot start", &error),
    })?;
    let targets = mapping::log_targets(&checked);
    log.set_debug(checked.log.debug > 0);
    writer.set_targets(&targets);
    give_away(log, [targets.logfile.as_deref(), targets.debugfile.as_deref()].into_iter().flatten());
    log.line(Level::Info, "**************************");
    let version = env!("CARGO_PKG_VERSION");
    log.line(Level::Info, &format!("Configuration validated. Starting heartbeat {version} (hb)"));

    let (uuid, generation) = identity(options, &checked, log)?;
    let groups = mapping::groups(&checked);
    remove_leftovers(&groups, log)?;
    let media = open_media(&checked, log)?;
    Ok(Start { checked, facts, pid_file, uuid, generation, groups, media })
}

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
fn give_away<'a>(log: &Log, files: impl Iterator<Item = &'a Path>) {
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

/// An earlier life that crashed may have left addresses that the other node answers for by now.
fn remove_leftovers(groups: &[GroupSpec], log: &Log) -> Result<(), Exit> {
    let removed = hb_resource::cleanup(groups).map_err(|error| failed(log, "cannot start clean", &error))?;
    for address in removed {
        log.line(Level::Warn, &format!("removed {address}, left by an earlier run"));
    }
    Ok(())
}

fn open_media(checked: &Checked, log: &Log) -> Result<Vec<Medium>, Exit> {
    let specs = mapping::media(checked);
    if specs.is_empty() {
        log.line(Level::Error, "none of the media in ha.cf is of a kind that this version can use");
        return Err(Exit::Failed);
    }
    let mut media = Vec::with_capacity(specs.len());
    for spec in specs {
        media.push(Medium::open(&spec).map_err(|error| {
            let exit = failed(log, &spec, &error);
            if matches!(error, OpenError::Permission { .. }) { Exit::NoPermission } else { exit }
        })?);
        log.line(Level::Info, &format!("{spec}: open"));
    }
    Ok(media)
}

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
