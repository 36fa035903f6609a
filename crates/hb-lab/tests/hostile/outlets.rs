//! Log destinations that take nothing: a full disk, a reader that stops reading, nobody who reads at all.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use hb_lab::ClusterFiles;
use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use tokio::time::sleep;

use crate::forge::with_trailer;
use crate::gun::Fired;
use crate::scene::{LIMIT, STDERR, Scene, files, tell};

/// The disk under `logfile` is full, the reader behind `debugfile` has stopped, syslog does not read. stderr gets all.
#[tokio::test]
async fn a_full_disk_a_stopped_reader_and_a_sleeping_syslog() {
    let files = without_debugfile(files())
        .with("logfile", "/var/log/full/ha-log")
        .with("debugfile", "/var/log/pipe")
        .with("logfacility", "daemon");
    let (mut pipe, mut syslog) = (None, None);
    let mut scene = Scene::pair_with(files, async |scene| {
        scene.log = STDERR;
        scene.shell("mkdir /var/log/full; mount -t tmpfs -o size=64k hb-test /var/log/full").await;
        pipe = Some(full_pipe(&scene.alpha.host().outside("/var/log/pipe").unwrap()));
        scene.shell(OWN_DEV).await;
        let socket = scene.alpha.host().outside("/run/syslog").unwrap();
        syslog = Some(UnixDatagram::bind(socket).unwrap());
        scene.shell("ln -s /run/syslog /dev/log").await;
    })
    .await;
    // Full to the last byte: also the page that the log file has begun.
    scene
        .shell(
            "cd /var/log/full; head -c 1000000 /dev/zero > junk || head -c 8192 /dev/zero >> ha-log || true",
        )
        .await;
    let before = scene.begin().await;
    make_it_talk(&mut scene, Duration::from_secs(3)).await;
    let after = scene.unmoved("nobody takes the log", before).await;
    let unwritten = after.status.log.unwritten - after.before.log.unwritten;
    tell(&format!("nobody takes the log: {} lines, {unwritten} times not taken", after.log.count()));
    // Each line by the disk and by the pipe; syslog's queue takes a few.
    assert!(unwritten + 20 >= after.log.count() as u64 * 3, "{unwritten}");
    assert_eq!(after.status.log.dropped, 0, "the writer itself was never held up");
    // As soon as there is room, lines are written again.
    scene.shell("rm /var/log/full/junk").await;
    make_it_talk(&mut scene, Duration::from_secs(2)).await;
    let logged = scene.shell("cat /var/log/full/ha-log").await;
    assert!(logged.ends_with("]\n") || logged.ends_with(")\n"), "{logged}");
    scene.alpha.stop().await.unwrap();
    scene.alpha.stopped(LIMIT).await.unwrap();
}

/// stderr is a pipe that is full, `debugfile` one that nobody has open. The log file gets all.
#[tokio::test]
async fn a_full_stderr_and_a_pipe_without_a_reader() {
    let files = without_debugfile(files()).with("debugfile", "/var/log/nobody");
    let mut pipe = None;
    let mut scene = Scene::pair_with(files, async |scene| {
        pipe = Some(full_pipe(&scene.alpha.host().outside(STDERR).unwrap()));
        let nobody = scene.alpha.host().outside("/var/log/nobody").unwrap();
        mkfifoat(CWD, nobody, Mode::RUSR | Mode::WUSR).unwrap();
    })
    .await;
    assert!(scene.log_of(&scene.alpha).contains("Cannot open debugfile"));
    let before = scene.begin().await;
    make_it_talk(&mut scene, Duration::from_secs(3)).await;
    let after = scene.unmoved("nobody reads stderr", before).await;
    let unwritten = after.status.log.unwritten - after.before.log.unwritten;
    tell(&format!("nobody reads stderr: {} lines, {unwritten} times not taken", after.log.count()));
    assert!(unwritten >= after.log.count() as u64 * 2, "{unwritten}");
    assert_eq!(after.status.log.dropped, 0, "the writer itself was never held up");
    scene.alpha.stop().await.unwrap();
    scene.alpha.stopped(LIMIT).await.unwrap();
    assert!(scene.log_of(&scene.alpha).contains("Heartbeat shutdown complete"));
}

/// Packets of many kinds, each of which gets a line a second.
async fn make_it_talk(scene: &mut Scene, time: Duration) {
    let (end, mut fired) = (Instant::now() + time, Fired::default());
    let packets = [
        &b"junk"[..],
        b"###\n",
        b"###\nx",
        b"###\n9:(0)t=x,",
        b"###\n3:abc;",
        b">>>\nt=x\n<<<\n",
        &with_trailer(b"###\n%%%\n", b"x"),
        &with_trailer(b"###\n%%%\n", b"9 x"),
        &with_trailer(b"###\n%%%\n", b"1 x"),
        &with_trailer(b"###\n%%%\n", &[b'x'; 600]),
    ];
    while Instant::now() < end {
        for packet in packets {
            scene.gun.next(packet, &mut fired);
        }
        sleep(Duration::from_millis(5)).await;
    }
    // What was left out is told within a second; after that the log is quiet.
    sleep(Duration::from_millis(1500)).await;
}

/// A pipe in the file system with no room left; it stays open as long as the result lives.
fn full_pipe(path: &Path) -> File {
    mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
    let mut pipe = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).unwrap();
    while pipe.write(&[b'x'; 4096]).is_ok() {}
    while pipe.write(b"x").is_ok() {}
    pipe
}

fn without_debugfile(mut files: ClusterFiles) -> ClusterFiles {
    let lines = files.ha_cf.split_inclusive('\n').filter(|line| !line.starts_with("debugfile"));
    files.ha_cf = lines.collect();
    files
}

/// A /dev of the host's own, so that /dev/log is not the machine's.
const OWN_DEV: &str = "mount -t tmpfs hb-test /mnt
    for name in null zero full random urandom; do touch /mnt/$name; mount --bind /dev/$name /mnt/$name; done
    mount --move /mnt /dev";
