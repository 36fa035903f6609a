//! Guards that do not do their work. Those that do are in `tests/agents.rs`.

use std::cell::RefCell;
use std::path::PathBuf;

use super::*;
use crate::guard::protocol::Awaited;
use tokio::task::LocalSet;

fn run() -> Run {
    Run {
        id: 0,
        name: "www".into(),
        directories: vec![PathBuf::from("/nonexistent")],
        arguments: vec!["start".into()],
        environment: Vec::new(),
        working_dir: PathBuf::from("/"),
        limit: Duration::ZERO,
        grace: Duration::ZERO,
        awaited: Awaited::First,
        input: String::new(),
    }
}

/// The outcome of one run with such a guard.
fn outcome(command: &[&str]) -> String {
    let command = command.iter().map(OsString::from).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let report = Reporter::new(Box::new(|_| {}));
        let (client, keeper) =
            GuardClient::start_impatient(command, None, report, Duration::from_millis(300));
        let outcome = tokio::time::timeout(Duration::from_secs(20), client.run(run(), None)).await;
        drop(client);
        tokio::time::timeout(Duration::from_secs(20), keeper).await.expect("the keeper ends").unwrap();
        match outcome.expect("nobody waits for a guard for ever") {
            Outcome::Lost(reason) => reason.to_owned(),
            Outcome::Refused(reason) => reason,
            ended @ Outcome::Ended { .. } => panic!("{ended:?}"),
        }
    })
}

#[test]
fn a_guard_that_cannot_be_started_is_told() {
    let reason = outcome(&["/nonexistent/guard"]);
    assert!(reason.starts_with("the guard cannot be started: "), "{reason}");
}

#[test]
fn a_guard_that_ends_at_once_is_told() {
    assert_eq!(outcome(&["true"]), "it ended");
}

#[test]
fn a_guard_that_talks_nonsense_is_given_up() {
    assert_eq!(outcome(&["sh", "-c", "echo nonsense >&0; exec sleep 1000"]), "it ended");
}

#[test]
fn a_guard_that_never_answers_is_given_up() {
    assert_eq!(outcome(&["sleep", "1000"]), "it hangs");
}

/// What the kernel holds does not die of SIGKILL; whoever gave it up does not wait for its limit.
#[test]
fn what_was_given_up_and_does_not_end_is_waited_for_a_moment_only() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let report = Reporter::new(Box::new(|_| {}));
        let command = vec![OsString::from("cat")];
        let (client, keeper) = GuardClient::start_impatient(command, None, report, Duration::from_secs(60));
        let abandoned = Abandoned::default();
        // The first of the two has handed its run over when the second one begins.
        let both =
            async { tokio::join!(client.run(run(), Some(&abandoned)), async { abandoned.abandon() }).0 };
        let outcome = tokio::time::timeout(LEAVE_LIMIT * 10, both).await.expect("a moment only");
        assert!(matches!(&outcome, Outcome::Refused(why) if why == "it was given up"), "{outcome:?}");
        drop(client);
        keeper.await.unwrap();
    });
}

/// The script of a guard that died may still run; it must not when the run is called lost.
#[test]
fn the_script_of_a_lost_guard_is_ended_first() {
    let script = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
    let script = RefCell::new(script);
    let pid = script.borrow().id();
    let answer =
        format!("echo '{{\"Started\":{{\"id\":1,\"pid\":{pid},\"program\":\"x\"}}}}' >&0; read order");
    assert_eq!(outcome(&["sh", "-c", &answer]), "it ended");
    let status = script.borrow_mut().try_wait().unwrap().expect("the script has ended");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
}
