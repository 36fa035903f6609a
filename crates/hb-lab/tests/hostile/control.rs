//! Programs at the control socket that say nothing, say nonsense, or do not read.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hb_lab::Signal;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::sleep;

use crate::dice::Dice;
use crate::scene::{Scene, program, tell};

#[tokio::test]
async fn a_thousand_connections_that_say_nothing() {
    allow_descriptors(3000);
    let scene = Scene::pair().await;
    let before = scene.begin().await;
    let mut held: Vec<_> = (0..1000).map(|_| connect(&scene)).collect();
    sleep(Duration::from_millis(500)).await;
    // Some say something byte by byte: that gives them no more time than the others have.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        held.retain_mut(|stream| stream.write_all(b"x").is_ok());
        sleep(Duration::from_millis(100)).await;
    }
    assert!(held.is_empty(), "{} connections are still open", held.len());
    let after = scene.unmoved("1000 silent connections", before).await;
    tell(&format!("1000 silent connections: status answers again after {} ms", after.time.as_millis()));
}

#[tokio::test]
async fn nonsense_at_the_control_socket() {
    let scene = Scene::pair().await;
    let before = scene.begin().await;
    let mut dice = Dice::new(11);
    for round in 0..400 {
        let mut stream = connect(&scene);
        let nonsense = match round % 5 {
            0 => dice.bytes(3000),
            1 => b"[".repeat(4000),
            2 => vec![b'x'; 1 << 20],
            3 => b"{\"request\":\"dance\"}\n{\"request\":\"standby\",\"set\":7}\n{}\n\n\0\n".to_vec(),
            _ => [&b"{\"request\":\""[..], &b"\\u0000".repeat(500), b"\"}\n"].concat(),
        };
        // It may be closed before all is said.
        let _closed = stream.write_all(&nonsense);
    }
    // Asks without end and never reads.
    let mut deaf: Vec<_> = (0..8).map(|_| connect(&scene)).collect();
    for stream in &mut deaf {
        stream.set_nonblocking(true).unwrap();
        while stream.write(&b"{\"request\":\"status\"}\n".repeat(50)).is_ok() {}
    }
    sleep(Duration::from_secs(1)).await;
    scene.unmoved("nonsense at the control socket", before).await;
    let mut answer = String::new();
    let mut stream = connect(&scene);
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"{\"request\":\"dance\"}\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("refused") && answer.contains("unknown-request"), "{answer}");
}

#[tokio::test]
async fn a_stopped_hb_ctl_holds_up_nobody() {
    let scene = Scene::pair().await;
    let hb_ctl = program("hb-ctl");
    let before = scene.begin().await;
    let mut stopped = Vec::new();
    for round in 0..40_u64 {
        let argv = [hb_ctl.to_str().unwrap(), "status", "--run-dir", "/run/heartbeat"];
        let process = scene.alpha.host().spawn(&argv, &[], "/var/log/ctl", "/var/log/ctl").await.unwrap();
        sleep(Duration::from_micros(round * 100)).await;
        // It may have ended already.
        let _ended = process.signal(Signal::STOP).await;
        stopped.push(process);
    }
    sleep(Duration::from_secs(1)).await;
    let still = stopped.iter().filter(|process| process.is_running()).count();
    scene.unmoved(&format!("{still} stopped hb-ctl"), before).await;
    for process in &mut stopped {
        let _ended = process.signal(Signal::KILL).await;
    }
}

fn connect(scene: &Scene) -> UnixStream {
    let path: PathBuf = scene.alpha.host().outside("/run/heartbeat/control").unwrap();
    UnixStream::connect(path).unwrap()
}

fn allow_descriptors(count: u64) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(count), maximum }).unwrap();
}
