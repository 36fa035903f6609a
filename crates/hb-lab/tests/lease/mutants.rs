//! Mutants that the faults must catch: planted in the daemon by `HB_MUTANT`.
//!
//! Each test runs in a process of its own, because the environment of the nodes is that of the test program.

use std::process::Command;

use hb_lab::Fault;

use crate::programs::series_of_hung_hearts;

const MUTANT: &str = "HB_MUTANT";

/// Runs the test `name` again with this mutant in its nodes.
fn with_mutant(name: &str, mutant: &str) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(MUTANT, mutant)
        .status()
        .unwrap();
    assert!(status.success(), "{mutant}: {status}");
}

/// How long two nodes answered in one run: both faults leave a mutant no luck, and no guard ends it before.
fn both_answer_ms(fault: Fault) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let all = runtime.block_on(series_of_hung_hearts(fault, 1));
    all.iter().map(|one| one.both_answer_ms).fold(0.0, f64::max)
}

#[test]
fn a_renewal_after_the_end_is_caught() {
    if std::env::var_os(MUTANT).is_none() {
        return with_mutant("mutants::a_renewal_after_the_end_is_caught", "renew-always");
    }
    assert!(both_answer_ms(Fault::HangDeaf) > 100.0);
}

#[test]
fn a_renewal_by_a_thread_is_caught() {
    if std::env::var_os(MUTANT).is_none() {
        return with_mutant("mutants::a_renewal_by_a_thread_is_caught", "renew-by-timer");
    }
    assert!(both_answer_ms(Fault::HangThread) > 500.0);
}
