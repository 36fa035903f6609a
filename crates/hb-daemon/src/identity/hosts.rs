//! The files `hostcache` and `delhostcache`: who is a node of this cluster, and who was deleted from it (`wire.md` 9.3).
//!
//! Written and read as 3.0.6 does, so that either can go on with the files of the other. A line that cannot be read is left
//! out.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hb_engine::{DEFAULT_WEIGHT, MAX_NODE_NAME, MAX_NODES, MemberRecord, Membership};

use super::replace::replace;
use crate::log::{Level, Log};

/// What the files in `state_dir` know; files that are not there know nothing.
///
/// # Errors
/// If a file is there and cannot be read.
pub(crate) fn read(state_dir: &Path) -> io::Result<Membership> {
    let list = |file| match std::fs::read(state_dir.join(file)) {
        Ok(content) => Ok(records(&String::from_utf8_lossy(&content))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    Ok(Membership { autojoin: true, members: list(MEMBERS)?, deleted: list(DELETED)? })
}

/// Writes both files.
///
/// # Errors
/// If one cannot be written; the old one is then still there.
pub(crate) fn write(state_dir: &Path, membership: &Membership) -> io::Result<()> {
    replace(&state_dir.join(MEMBERS), text(&membership.members).as_bytes())?;
    replace(&state_dir.join(DELETED), text(&membership.deleted).as_bytes())
}

/// Writes both files by a thread of its own, because a disk may take its time: of what comes meanwhile only the newest.
/// When it is dropped the thread ends with the last.
#[derive(Debug)]
pub(crate) struct HostCache {
    newest: Arc<Mutex<Option<Membership>>>,
    bell: SyncSender<()>,
}

/// The end of the thread of a [`HostCache`].
#[derive(Debug)]
pub(crate) struct Written(Receiver<()>);

impl HostCache {
    /// Starts the thread; what cannot be written is told in the log.
    ///
    /// # Errors
    /// If there can be no more threads.
    pub(crate) fn keep(state_dir: &Path, log: Log) -> io::Result<(Self, Written)> {
        let newest: Arc<Mutex<Option<Membership>>> = Arc::default();
        let (bell, rings) = sync_channel(1);
        let (working, ended) = sync_channel(0);
        let (state_dir, inside) = (state_dir.to_owned(), Arc::clone(&newest));
        let run = move || {
            while rings.recv().is_ok() {
                let taken = inside.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(Err(error)) = taken.map(|membership| write(&state_dir, &membership)) {
                    log.line(Level::Error, &format!("cannot write the host cache: {error}"));
                }
            }
            drop(working);
        };
        let thread = std::thread::Builder::new().name("hb-hosts".to_owned()).stack_size(crate::STACK_SIZE);
        thread.spawn(run)?;
        Ok((Self { newest, bell }, Written(ended)))
    }

    /// What the files should say now; never waits for them.
    pub(crate) fn put(&self, membership: &Membership) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(membership.clone());
        // If it rings already, the thread will find this.
        let _ = self.bell.try_send(());
    }
}

impl Written {
    /// Waits, after the cache was dropped, until everything was written, but not longer than this; whether it was.
    pub(crate) fn wait(self, limit: Duration) -> bool {
        self.0.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected)
    }
}

/// The nodes of the file, without those that were deleted, and those that joined, up to the most that there can be. `own` is one
/// of them in any case.
pub(crate) fn nodes(configured: &[String], own: &str, known: &Membership) -> Vec<String> {
    let is_deleted = |name: &str| name != own && known.deleted.iter().any(|record| record.name == name);
    let mut nodes: Vec<String> = configured.iter().filter(|name| !is_deleted(name)).cloned().collect();
    for MemberRecord { name, .. } in &known.members {
        if nodes.len() < MAX_NODES && !is_deleted(name) && !nodes.contains(name) {
            nodes.push(name.clone());
        }
    }
    nodes
}

fn records(content: &str) -> Vec<MemberRecord> {
    content.lines().filter_map(record).take(MAX_NODES).collect()
}

/// Older files end behind the UUID or the weight.
fn record(line: &str) -> Option<MemberRecord> {
    let mut words = line.split('\t');
    let (name, uuid) = (words.next()?, words.next()?);
    let is_name = !name.is_empty() && name.len() <= MAX_NODE_NAME && !name.contains(char::is_whitespace);
    let weight = words.next().and_then(|word| word.trim().parse().ok()).unwrap_or(DEFAULT_WEIGHT);
    let site = words.next().unwrap_or_default().to_owned();
    let record =
        MemberRecord { name: name.to_ascii_lowercase(), uuid: parse_uuid(uuid.trim())?, weight, site };
    is_name.then_some(record)
}

fn text(records: &[MemberRecord]) -> String {
    let mut text = String::new();
    for MemberRecord { name, uuid, weight, site } in records {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}\t{}\t{weight}\t{site}", show_uuid(uuid));
    }
    text
}

fn show_uuid(uuid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32 && text.len() == 36)?;
    Some(number.to_be_bytes())
}

const MEMBERS: &str = "hostcache";
const DELETED: &str = "delhostcache";

#[cfg(test)]
mod tests {
    use super::*;

    /// No disk takes as long.
    const LONG: Duration = Duration::from_secs(60);

    /// As 3.0.6 wrote it (`wire.md` 9.3).
    const CAPTURED: &str = "wa3\t645ad147-1ece-4719-965c-c700586cb707\t250\tsiteB\n\
                            wa7\t00000000-0000-0000-0000-000000000000\t100\t\n";

    #[test]
    fn a_file_of_3_0_6_is_read_and_written_byte_for_byte() {
        let read = records(CAPTURED);
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].weight, read[0].site.as_str(), read[0].uuid[0]), (250, "siteB", 0x64));
        assert_eq!(text(&read), CAPTURED);
    }

    #[test]
    fn older_files_and_broken_lines() {
        let uuid = "645ad147-1ece-4719-965c-c700586cb707";
        let read = records(&format!("a\t{uuid}\nb\t{uuid}\t7\nc\n\td\nd\tnonsense\t1\n e\t{uuid}\n"));
        let names: Vec<_> = read.iter().map(|record| (record.name.as_str(), record.weight)).collect();
        assert_eq!(names, [("a", 100), ("b", 7)]);
    }

    #[test]
    fn the_newest_of_many_is_written_before_the_end() {
        let dir = std::env::temp_dir().join(format!("hb-host-cache-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (log, lines) = crate::log::for_tests();
        let (cache, written) = HostCache::keep(&dir, log.clone()).unwrap();
        for number in 0..200 {
            let members = vec![MemberRecord::new(&format!("node{number}"))];
            cache.put(&Membership { autojoin: true, members, deleted: vec![] });
        }
        drop(cache);
        assert!(written.wait(LONG));
        assert_eq!(read(&dir).unwrap().members[0].name, "node199");
        std::fs::remove_dir_all(&dir).unwrap();
        let (cache, written) = HostCache::keep(&dir, log).unwrap();
        cache.put(&Membership::default());
        drop(cache);
        assert!(written.wait(LONG));
        assert!(lines()[0].1.starts_with("cannot write the host cache"));
    }

    #[test]
    fn a_disk_that_hangs_is_not_waited_for() {
        let (working, ended) = sync_channel(0);
        assert!(!Written(ended).wait(Duration::from_millis(1)));
        drop(working);
    }

    #[test]
    fn files_keep_what_was_written() {
        let dir = std::env::temp_dir().join(format!("hb-hosts-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        assert_eq!(read(&dir).unwrap(), Membership { autojoin: true, ..Membership::default() });
        let known = Membership { autojoin: true, members: records(CAPTURED), deleted: records(CAPTURED) };
        write(&dir, &known).unwrap();
        assert_eq!(read(&dir).unwrap(), known);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn who_was_deleted_is_no_node_and_who_joined_is_one() {
        let record = |name: &str| MemberRecord::new(name);
        let known = Membership {
            autojoin: true,
            members: vec![record("b"), record("c"), record("d")],
            deleted: vec![record("a"), record("b"), record("d")],
        };
        let configured = ["a", "b"].map(str::to_owned);
        assert_eq!(nodes(&configured, "a", &known), ["a", "c"]);
    }
}
