//! Reading the configuration, at the start and again later, and telling what is wrong with it.

use std::os::unix::fs::MetadataExt as _;
use std::thread;
use std::time::{Duration, Instant};

use hb_config::{Diagnostic, LoadOptions, Loaded, RealHost, Severity};

use crate::clock;
use crate::log::{Level, Log};
use crate::options::Options;

/// The files as they are now. May wait for disks and name services.
pub(crate) fn load(options: &Options) -> Loaded {
    let load_options = LoadOptions { node_name: options.node_name.clone() };
    let mut loaded = hb_config::load_with(&options.config_dir, &RealHost, &load_options);
    if let Some(checked) = loaded.config.as_mut().filter(|_| options.ordinary_priority) {
        checked.realtime = false;
    }
    loaded
}

/// The files as they are when nobody is writing to them: an editor or `cp` first empties a file, and an empty
/// `haresources` is a good one that stops every group.
///
/// Waits until nothing has changed for a moment, and reads again if something does meanwhile; not for the start of
/// threads that must not wait. Nothing if they do not come to rest.
pub(crate) fn load_at_rest(options: &Options) -> Option<Loaded> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let before = stamps(options);
        let now = clock::wall();
        // What was changed in the future was changed before somebody set the clock.
        let missing = |stamp: &Stamp| stamp.rest().checked_sub(now.checked_sub(stamp.changed)?);
        if let Some(missing) = before.iter().flatten().filter_map(missing).max() {
            thread::sleep(missing);
            continue;
        }
        let loaded = load(options);
        if stamps(options) == before {
            return Some(loaded);
        }
    }
    None
}

/// What differs after every write to a file, and after another file took its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    /// Since 1970.
    changed: Duration,
}

impl Stamp {
    /// How long it must not have changed. An empty file is most often one that is about to be filled, by a writer that may
    /// have to wait for the processor in between.
    const fn rest(&self) -> Duration {
        if self.size == 0 { REST_EMPTY } else { REST }
    }
}

fn stamps(options: &Options) -> [Option<Stamp>; 4] {
    ["ha.cf", "haresources", "authkeys", "hb.toml"].map(|file| {
        let facts = std::fs::metadata(options.config_dir.join(file)).ok()?;
        let seconds = Duration::from_secs(u64::try_from(facts.ctime()).unwrap_or(0));
        let nanos = Duration::from_nanos(u64::try_from(facts.ctime_nsec()).unwrap_or(0));
        Some(Stamp { inode: facts.ino(), size: facts.size(), changed: seconds + nanos })
    })
}

/// One log line for each diagnostic.
pub(crate) fn log_diagnostics(log: &Log, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        let level = match diagnostic.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warn,
            Severity::Note => Level::Info,
        };
        log.line(level, &one_line(diagnostic));
    }
}

fn one_line(diagnostic: &Diagnostic) -> String {
    let mut line = match (&diagnostic.place, diagnostic.file) {
        (Some(place), _) => format!("{}:{}:{}: ", place.file.name(), place.line, place.column),
        (None, Some(file)) => format!("{}: ", file.name()),
        (None, None) => String::new(),
    };
    line.push_str(&diagnostic.message);
    if let Some(hint) = &diagnostic.hint {
        line.push_str("; hint: ");
        line.push_str(hint);
    }
    line
}

/// Files that were not changed for so long are not being written.
const REST: Duration = Duration::from_millis(50);
/// The same for empty files.
const REST_EMPTY: Duration = Duration::from_secs(1);
/// How long to wait for that.
const PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn options(name: &str) -> Options {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = std::env::temp_dir().join(format!("hb-rest-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let ha_cf = "logfile /var/log/ha-log\nbcast lo\nnode cc1 cc2\nauto_failback on\n";
        for (file, text) in [("ha.cf", ha_cf), ("authkeys", "auth 1\n1 crc\n"), ("haresources", GROUPS)] {
            std::fs::write(dir.join(file), text).unwrap();
            std::fs::set_permissions(dir.join(file), std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        Options { config_dir: dir, node_name: Some("cc1".to_owned()), ..Options::default() }
    }

    const GROUPS: &str = "cc1 10.0.0.1\ncc2 10.0.0.2\n";

    /// Empties the file and fills it again, over and over.
    fn rewrite(path: &Path, pause: Duration, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            std::fs::write(path, "").unwrap();
            std::fs::write(path, GROUPS).unwrap();
            thread::sleep(pause);
        }
    }

    #[test]
    fn a_file_that_is_being_written_is_never_read_half() {
        let options = options("half");
        let (path, stop) = (options.config_dir.join("haresources"), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| rewrite(&path, REST * 2, &stop));
            for _ in 0..20 {
                let loaded = load_at_rest(&options).unwrap();
                assert_eq!(loaded.config.unwrap().groups.len(), 2);
            }
            stop.store(true, Ordering::Relaxed);
        });
        std::fs::remove_dir_all(&options.config_dir).unwrap();
    }

    #[test]
    fn files_that_never_come_to_rest_are_not_read() {
        let options = options("never");
        let (path, stop) = (options.config_dir.join("haresources"), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| rewrite(&path, REST / 10, &stop));
            let loaded = load_at_rest(&options);
            stop.store(true, Ordering::Relaxed);
            // A busy machine may let it rest between two writes.
            assert!(loaded.is_none_or(|loaded| loaded.config.is_some_and(|config| config.groups.len() == 2)));
        });
        std::fs::remove_dir_all(&options.config_dir).unwrap();
    }
}
