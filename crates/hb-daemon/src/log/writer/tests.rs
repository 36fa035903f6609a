//! The writer with real files; stderr is left out so that test output stays clean.

use super::*;
use crate::log;

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("hb-writer-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn targets(dir: &Path) -> Targets {
    Targets {
        logfile: Some(dir.join("log")),
        debugfile: Some(dir.join("debug")),
        facility: 0,
        format: FileFormat::Classic,
    }
}

fn texts(path: &Path) -> Vec<String> {
    let content = std::fs::read_to_string(path).unwrap();
    content.lines().map(|line| line.splitn(3, ' ').last().unwrap().to_owned()).collect()
}

#[test]
fn debug_lines_go_to_the_debugfile_only() {
    let dir = scratch("debug");
    let (log, mut writer) = log::open("cc1").unwrap();
    writer.set_background();
    log.line(Level::Info, "early");
    log.set_debug(true);
    writer.set_targets(&targets(&dir));
    let thread = writer.spawn().unwrap();
    log.line(Level::Debug, "detail");
    log.line(Level::Error, "late");
    thread.finish(Duration::from_secs(10));
    assert_eq!(texts(&dir.join("log")), ["info: early", "ERROR: late"]);
    assert_eq!(texts(&dir.join("debug")), ["info: early", "debug: detail", "ERROR: late"]);
    assert_eq!(log.counts(), crate::log::LogCounts::default());
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_full_disk_is_counted_and_holds_up_nothing() {
    let dir = scratch("full");
    let (log, mut writer) = log::open("cc1").unwrap();
    writer.set_background();
    writer.set_targets(&Targets { logfile: Some("/dev/full".into()), ..targets(&dir) });
    let thread = writer.spawn().unwrap();
    log.line(Level::Info, "one");
    log.line(Level::Info, "two");
    thread.finish(Duration::from_secs(10));
    assert_eq!(texts(&dir.join("debug")), ["info: one", "info: two"]);
    assert_eq!(log.counts().unwritten, 2);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn lost_lines_are_told_when_the_writer_comes_along() {
    let dir = scratch("lost");
    let (log, mut writer) = log::open("cc1").unwrap();
    writer.set_background();
    writer.set_targets(&targets(&dir));
    for _ in 0..20_000 {
        log.line(Level::Info, "flood");
    }
    let dropped = log.counts().dropped;
    assert!(dropped > 0);
    writer.spawn().unwrap().finish(Duration::from_secs(10));
    let lines = texts(&dir.join("log"));
    let told = format!("WARN: {dropped} log lines were lost: they came faster than they could be written");
    assert!(lines.contains(&told), "{:?}", lines.first());
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let dir = scratch("named");
    let (log, mut writer) = log::open("cc1").unwrap();
    writer.set_background();
    writer.set_targets(&Targets { logfile: Some(dir.join("no/such/log")), ..targets(&dir) });
    let lines = texts(&dir.join("debug"));
    assert!(lines[0].starts_with("WARN: Cannot open logfile "), "{lines:?}");
    drop(log);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn other_destinations_get_what_comes_after() {
    let dir = scratch("other");
    let (log, mut writer) = log::open("cc1").unwrap();
    writer.set_background();
    writer.set_targets(&targets(&dir));
    let thread = writer.spawn().unwrap();
    log.line(Level::Info, "before");
    let wait = std::time::Instant::now();
    while texts(&dir.join("log")).is_empty() {
        assert!(wait.elapsed() < Duration::from_secs(10));
    }
    log.set_targets(Targets { logfile: Some(dir.join("new")), ..targets(&dir) });
    log.line(Level::Info, "after");
    thread.finish(Duration::from_secs(10));
    assert_eq!(texts(&dir.join("log")), ["info: before"]);
    assert_eq!(texts(&dir.join("new")), ["info: after"]);
    assert_eq!(texts(&dir.join("debug")), ["info: before", "info: after"]);
    std::fs::remove_dir_all(&dir).unwrap();
}
