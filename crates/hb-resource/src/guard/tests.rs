//! What the guard does when the other end of the socket is gone.

use std::time::{Duration, Instant};

use super::*;
use crate::config::ActuatorConfig;
use crate::guard::protocol::{Awaited, Ending, Run};
use crate::guard::will::Holding;
use crate::spec::{GroupSpec, ResourceSpec};
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
        awaited: Awaited::First,
        input: String::new(),
    }
}

/// A guard that lives until this is done, and ends then.
fn with_guard(heart: impl AsyncFnOnce(UnixStream)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let guard = tokio::task::spawn_local(serve(theirs, None, Box::new(|_, _, _| {})));
        heart(ours).await;
        guard.await.unwrap().unwrap();
    });
}

async fn read_until(scripts: &Scripts, file: &str) {
    while scripts.read(file).is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Sends one run, closes the socket when the script runs, and returns when the guard has ended.
fn heart_dies_during(scripts: &Scripts, run: &Run, then: impl FnOnce()) {
    heart_dies_after(scripts, run, &[], then);
}

/// The same with more orders, which are sent when the script runs.
fn heart_dies_after(scripts: &Scripts, run: &Run, orders: &[Order], then: impl FnOnce()) {
    with_guard(async |socket| {
        let (readable, writable) = socket.into_split();
        protocol::write(&writable, &line(&Order::Run(run.clone())).unwrap()).await.unwrap();
        read_until(scripts, "pid").await;
        for order in orders {
            protocol::write(&writable, &line(order).unwrap()).await.unwrap();
        }
        drop((readable, writable));
        then();
    });
}

/// What the guard is to do with a group of the script `www`, which is up: how, and that it is.
fn will_of(scripts: &Scripts, run: &Run) -> [Bequest; 2] {
    let mut config = ActuatorConfig::new(Vec::new());
    config.agent_dirs = vec![scripts.dir().to_owned()];
    config.environment = run.environment.clone();
    let spec = GroupSpec {
        key: "www".to_owned(),
        resources: vec![ResourceSpec::Script { name: "www".to_owned(), arguments: Vec::new() }],
    };
    [Bequest::Config(Box::new(config)), Bequest::Held(0, Holding { spec, epoch: None })]
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
fn a_hook_that_hangs_keeps_nobody_waiting_when_the_heart_dies() {
    let scripts = Scripts::new();
    scripts.write("hook", "trap '' TERM; sleep 1000 & echo $! >DIR/child; echo $$ >DIR/pid; wait");
    scripts.write("www", "echo $1 >>DIR/log");
    let mut run = run_of(&scripts, "hook");
    run.awaited = Awaited::Never;
    let [config, held] = will_of(&scripts, &run);
    for more in [held, Bequest::Nothing] {
        let _ = std::fs::remove_file(scripts.path("pid"));
        let begun = Instant::now();
        heart_dies_after(&scripts, &run, &[config.clone(), more].map(Order::Will), || {});
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_eq!(scripts.read("log"), "stop\n", "stopped once");
        assert!(!exists(scripts.number("pid")), "the guard left a zombie");
        let child = scripts.number("child");
        wait_for("the end of the child", || (!is_alive(child)).then_some(()));
    }
}

#[test]
fn a_reset_keeps_no_release_waiting_and_comes_to_its_end() {
    let scripts = Scripts::new();
    scripts
        .write("fence", "echo $$ >DIR/pid; while [ ! -e DIR/log ]; do sleep 0.01; done; echo done >DIR/done");
    scripts.write("www", "echo $1 >>DIR/log");
    let mut run = run_of(&scripts, "fence");
    run.awaited = Awaited::Last;
    heart_dies_after(&scripts, &run, &will_of(&scripts, &run).map(Order::Will), || {});
    assert_eq!(scripts.read("log"), "stop\n", "it waits for the stop, so the stop did not wait for it");
    assert_eq!(scripts.read("done"), "done\n");
}

/// Before the heart's process ends: what waits for that may look for the guard at any time.
#[test]
fn a_hook_that_hangs_is_killed_when_the_heart_has_nothing_left_to_do() {
    let scripts = Scripts::new();
    scripts.write("hook", "echo $$ >DIR/pid; exec sleep 1000");
    let mut run = run_of(&scripts, "hook");
    run.awaited = Awaited::Never;
    with_guard(async |socket| {
        let (readable, writable) = socket.into_split();
        let mut answers = Lines::new(readable);
        let send = async |order: Order| protocol::write(&writable, &line(&order).unwrap()).await.unwrap();
        let mut ending = async || {
            loop {
                if let Some(Answer::Ended { ending, .. }) = answers.next().await.unwrap() {
                    return ending;
                }
            }
        };
        send(Order::Run(run.clone())).await;
        read_until(&scripts, "pid").await;
        send(Order::Will(Bequest::Nothing)).await;
        assert_eq!(ending().await, Ending::Timeout);
        assert!(!exists(scripts.number("pid")), "the guard left a zombie");
        send(Order::Run(run.clone())).await;
        let second = ending().await;
        assert!(matches!(second, Ending::NotStarted(_)), "none begins any more: {second:?}");
    });
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
