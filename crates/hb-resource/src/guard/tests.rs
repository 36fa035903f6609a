//! What the guard does when the other end of the socket is gone.

use std::time::Duration;

use super::*;
use crate::guard::protocol::Run;
use crate::test_scripts::{Scripts, exists, is_alive, wait_for};

fn run_of(scripts: &Scripts, name: &str) -> Run {
    Run {
        id: 1,
        name: name.into(),
        directories: vec![scripts.dir().to_owned()],
        arguments: vec!["start".into()],
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        working_dir: "/".into(),
        limit: Duration::from_secs(20),
        grace: Duration::from_secs(1),
    }
}

/// Sends one run, closes the socket when the script runs, and returns when the guard has ended.
fn heart_dies_during(scripts: &Scripts, run: &Run, then: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let guard = tokio::task::spawn_local(serve(theirs, Box::new(|_, _, _| {})));
        let (readable, writable) = ours.into_split();
        protocol::write(&writable, &line(&Order::Run(run.clone())).unwrap()).await.unwrap();
        while scripts.read("pid").is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        drop((readable, writable));
        then();
        guard.await.unwrap().unwrap();
    });
}

#[test]
fn a_script_that_runs_comes_to_its_end() {
    let scripts = Scripts::new();
    scripts.write(
        "www",
        "echo $$ >DIR/pid; while [ ! -e DIR/go ]; do sleep 0.01; done; echo done; echo done >DIR/end",
    );
    heart_dies_during(&scripts, &run_of(&scripts, "www"), || std::fs::write(scripts.path("go"), "").unwrap());
    assert_eq!(scripts.read("end"), "done\n");
    assert!(!exists(scripts.number("pid")), "the guard left a zombie");
}

#[test]
fn a_script_that_hangs_still_has_its_limit() {
    let scripts = Scripts::new();
    scripts.write("www", "echo $$ >DIR/pid; sleep 1000 & echo $! >DIR/child; wait");
    let mut run = run_of(&scripts, "www");
    run.limit = Duration::from_millis(300);
    heart_dies_during(&scripts, &run, || {});
    assert!(!exists(scripts.number("pid")), "the guard left a zombie");
    let child = scripts.number("child");
    wait_for("the end of the child", || (!is_alive(child)).then_some(()));
}

#[test]
fn services_are_not_shielded_when_memory_runs_out() {
    let scripts = Scripts::new();
    let score = scripts.path("oom_score_adj");
    for (before, after) in [("-1000\n", "0"), ("-1\n", "0"), ("0\n", "0\n"), ("300\n", "300\n")] {
        std::fs::write(&score, before).unwrap();
        lower_the_shield(&score);
        assert_eq!(std::fs::read_to_string(&score).unwrap(), after);
    }
    // The real one can be read by everybody.
    assert!(std::fs::read_to_string(OOM_SCORE).unwrap().trim().parse::<i32>().is_ok());
}
