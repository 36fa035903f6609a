//! Looking at a group: what counts as running, and that a job never waits for a look.

use std::time::{Duration, Instant};

use hb_resource::JobAction;

use crate::recorder::Recorder;
use crate::scripts::{Scripts, exists, wait_for};
use crate::{WELL_BEHAVED, config, log_of};

#[test]
fn a_group_runs_as_long_as_every_resource_does() {
    let scripts = Scripts::new();
    scripts.write("db", WELL_BEHAVED);
    scripts.write("www", WELL_BEHAVED);
    let mut node = Recorder::start(config(&scripts, &[&["db", "www"]]));
    node.perform(JobAction::Start(0)).unwrap();
    node.perform(JobAction::Check(0)).unwrap();
    std::fs::remove_file(scripts.path("www.up")).unwrap();
    assert_eq!(node.perform(JobAction::Check(0)), Err("www status: it does not run".to_owned()));
    // Nothing is changed by looking.
    assert_eq!(log_of(&scripts).iter().filter(|line| !line.ends_with("status")).count(), 2);
    node.finish();
}

#[test]
fn what_does_not_say_that_it_runs_counts_as_failed() {
    let scripts = Scripts::new();
    scripts.write("odd", "exit 4");
    scripts.write("slow", "sleep 1000");
    let mut config = config(&scripts, &[&["odd"], &["slow"]]);
    config.monitor_timeout = Duration::from_millis(200);
    config.kill_grace = Duration::from_millis(100);
    let mut node = Recorder::start(config);
    assert_eq!(node.perform(JobAction::Check(0)), Err("odd status does not say that it runs".to_owned()));
    assert_eq!(node.perform(JobAction::Check(1)), Err("slow status does not say that it runs".to_owned()));
    assert!(node.has_note("slow status did not end within 200ms and was killed"), "{}", node.notes());
    node.finish();
}

#[test]
fn a_stop_does_not_wait_for_a_look() {
    let scripts = Scripts::new();
    scripts.write("www", "case $1 in status) [ -e DIR/hang ] || exit 3; echo $$ >DIR/pid; sleep 1000;; esac");
    let mut node = Recorder::start(config(&scripts, &[&["www"]]));
    node.perform(JobAction::Start(0)).unwrap();
    std::fs::write(scripts.path("hang"), "").unwrap();
    let check = node.submit(JobAction::Check(0));
    let pid = scripts.number("pid");
    let begun = Instant::now();
    let stop = node.submit(JobAction::Stop(0));
    let (first, result) = node.next_done();
    assert_eq!((first, result.is_err()), (check, true));
    assert_eq!(node.next_done(), (stop, Ok(())));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    wait_for("the end of the script", || (!exists(pid)).then_some(()));
    node.finish();
}
