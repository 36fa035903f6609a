//! What shell scripts write into the FIFO, and what comes of it.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::time::Instant;

use super::*;

/// As a shell's `>>` does.
fn tell(dir: &Path, text: &str) {
    std::fs::OpenOptions::new()
        .append(true)
        .open(dir.join("fifo"))
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

/// Waits until this was taken, and this refused, by cause.
fn until(dir: &Path, taken: u64, refused: &[(&str, u64)]) {
    let end = Instant::now() + LIMIT;
    let mut client = Client::connect(dir, LIMIT).unwrap();
    let expected = refused.iter().map(|(cause, count)| ((*cause).to_owned(), *count)).collect();
    loop {
        let scripts = client.status().unwrap().scripts;
        if scripts.taken == taken && scripts.refused == expected {
            return;
        }
        assert!(Instant::now() < end, "{scripts:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn orders_of_scripts_reach_the_heart() {
    let dir = directory("fifo");
    // Something else stands in its place, as after `hb_standby` without a daemon.
    write(&dir, "fifo", "t=ask_resources\n");
    let (asked, lines) = with_front(&dir, |dir| {
        let found = std::fs::symlink_metadata(dir.join("fifo")).unwrap();
        assert!(found.file_type().is_fifo());
        assert_eq!(found.mode() & 0o7777, 0o600);
        tell(
            dir,
            ">>>\nt=ask_resources\nrsc_hold=foreign\ninfo=me\n<<<\n>>>\nt=hb_takeover\nrsc_hold=all\n<<<\n",
        );
        tell(dir, ">>>\nt=addnode\nnodelist=x1 x2\n<<<\n>>>\nt=backup\nwhat=now\n<<<\n");
        until(dir, 4, &[]);
    });
    let expected = [
        "Command(Standby(HoldSet(2)))",
        "Command(Takeover(HoldSet(3)))",
        "Members(Add([\"x1\", \"x2\"]))",
        "Say Some(\"backup\")",
        "Command(Stop)",
    ];
    assert_eq!(asked, expected);
    assert!(texts(&lines).contains(&"A script asks this node to give up [foreign]."), "{lines:?}");
}

#[test]
fn what_cannot_be_heeded_is_counted_and_told_once_a_second() {
    let dir = directory("junk");
    let (asked, lines) = with_front(&dir, |dir| {
        tell(dir, &"junk\n".repeat(800));
        tell(dir, ">>>\nt=shutdone\nst=dead\n<<<\n>>>\nt=one\n>>>\nt=two\n<<<\n<<<\n>>>\nt=NS_rexmit\n<<<\n");
        // Somebody was killed in the middle.
        tell(dir, ">>>\nt=status\n");
        until(
            dir,
            0,
            &[("outside of messages", 800), ("for nodes alone", 2), ("mixed", 1), ("without end", 1)],
        );
        tell(dir, ">>>\nt=ask_resources\ninfo=me\n<<<\n");
        until(
            dir,
            1,
            &[("outside of messages", 800), ("for nodes alone", 2), ("mixed", 1), ("without end", 1)],
        );
    });
    assert_eq!(asked, ["Command(Standby(HoldSet(3)))", "Command(Stop)"]);
    let texts = texts(&lines);
    let about = |what: &str| texts.iter().filter(|text| text.contains(what)).count();
    assert_eq!(about("had a line outside of messages"), 1, "{texts:#?}");
    assert_eq!(about("799 more lines were left out"), 1, "{texts:#?}");
    assert_eq!(about("message shutdone of a script is refused: a node says itself"), 1, "{texts:#?}");
}

#[test]
fn a_writer_who_never_ends_is_bounded() {
    let dir = directory("flood");
    let (asked, _) = with_front(&dir, |dir| {
        let end = Instant::now() + Duration::from_millis(300);
        let mut fifo = std::fs::OpenOptions::new().append(true).open(dir.join("fifo")).unwrap();
        while Instant::now() < end {
            fifo.write_all(&[b'x'; 4096]).unwrap();
            assert_eq!(Client::connect(dir, LIMIT).unwrap().status().unwrap().generation, 7);
        }
        tell(dir, "\n>>>\nt=ask_resources\ninfo=me\n<<<\n");
        let end = Instant::now() + LIMIT;
        // Given up once, or oftener on a machine that makes the writer wait.
        while Client::connect(dir, LIMIT).unwrap().status().unwrap().scripts.taken == 0 {
            assert!(Instant::now() < end, "the order behind it is not read");
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert_eq!(asked, ["Command(Standby(HoldSet(3)))", "Command(Stop)"]);
}

#[test]
fn only_a_fifo_of_ours_is_used() {
    let dir = directory("places");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let path = dir.join("fifo");
    let is_fifo = || std::fs::symlink_metadata(&path).unwrap().file_type().is_fifo();
    symlink("/dev/null", &path).unwrap();
    drop(ScriptFifo::open(&dir, "cc1").unwrap());
    assert!(is_fifo());
    let inode = || std::fs::symlink_metadata(&path).unwrap().ino();
    let before = inode();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    drop(ScriptFifo::open(&dir, "cc1").unwrap());
    assert_eq!((inode(), std::fs::symlink_metadata(&path).unwrap().mode() & 0o777), (before, 0o600));
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(ScriptFifo::open(&dir, "cc1").is_err());
    std::fs::remove_dir_all(dir).unwrap();
}
