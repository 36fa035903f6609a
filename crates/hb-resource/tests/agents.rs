//! Groups of scripts, started and stopped by a real actuator with a real guard process.

#![cfg(test)]

#[path = "support/checks.rs"]
mod checks;
#[path = "support/datadisk.rs"]
mod datadisk;
#[path = "support/recorder.rs"]
mod recorder;
#[path = "support/scripts.rs"]
mod scripts;

use std::ffi::OsString;
use std::time::Duration;

use hb_resource::{
    Actuator, ActuatorConfig, Failure, FenceSpec, GroupSpec, JobAction, OcfSpec, ResourceSpec, StartError,
    guard,
};
use recorder::Recorder;
use scripts::{Scripts, exists, is_alive, wait_for};

const IS_GUARD: &str = "HB_RESOURCE_TEST_IS_GUARD";

/// What the guard process of the tests below executes; without their order it does nothing.
#[test]
fn guard_process() {
    if std::env::var_os(IS_GUARD).is_some() {
        guard::run(|_, _, _| {}).expect("the guard did its work");
    }
}

fn guard_command() -> Vec<OsString> {
    let program = std::env::current_exe().unwrap().into_os_string();
    let mut command: Vec<OsString> = vec!["env".into(), format!("{IS_GUARD}=1").into(), program];
    command.extend(["--exact", "guard_process", "--test-threads=1"].map(OsString::from));
    command
}

/// A configuration with one group for each list of resources, written as in `haresources`.
fn config(scripts: &Scripts, groups: &[&[&str]]) -> ActuatorConfig {
    let resource = |word: &&str| {
        let mut parts = word.split("::").map(str::to_owned);
        let name = parts.next().unwrap();
        if name == "systemd" {
            return ResourceSpec::Unit(parts.next().unwrap());
        }
        let Some(agent) = name.strip_prefix("ocf:test:") else {
            return ResourceSpec::Script { name, arguments: parts.collect() };
        };
        let parameters = parts.map(|part| part.split_once('=').map(|(a, b)| (a.into(), b.into())).unwrap());
        let parameters = parameters.collect();
        ResourceSpec::Ocf(OcfSpec { provider: "test".into(), agent: agent.to_owned(), parameters })
    };
    let group =
        |words: &&[&str]| GroupSpec { key: words[0].into(), resources: words.iter().map(resource).collect() };
    let mut config = ActuatorConfig::new(groups.iter().map(group).collect());
    config.agent_dirs = vec![scripts.dir().to_owned()];
    config.ocf_root = scripts.path("ocf");
    // First of all, so that a `systemctl` of the test is the one that runs.
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", scripts.path("bin").display());
    config.environment = vec![("PATH".into(), path.into())];
    config.guard_command = guard_command();
    config.stop_pause = Duration::from_millis(1);
    config
}

/// A well-behaved script that notes what is done with it in `log` and whether it runs in a file of its own.
const WELL_BEHAVED: &str = r#"
name=$(basename $0); for op; do :; done
echo "$name $*" >>DIR/log
case $op in
start) touch DIR/$name.up ;;
stop) rm -f DIR/$name.up ;;
status) if [ -e DIR/$name.up ]; then echo "$name is running"; else echo "$name is stopped"; exit 3; fi ;;
esac"#;

fn log_of(scripts: &Scripts) -> Vec<String> {
    scripts.read("log").lines().map(str::to_owned).collect()
}

#[test]
fn start_goes_from_first_to_last_with_status_before_and_stop_goes_back() {
    let scripts = Scripts::new();
    for name in ["datadisk", "www"] {
        scripts.write(name, WELL_BEHAVED);
    }
    let mut node = Recorder::start(config(&scripts, &[&["datadisk::r0::x", "www"]]));
    assert_eq!(node.perform(JobAction::Start(0)), Ok(()), "{}", node.notes());
    let started = ["datadisk r0 x status", "datadisk r0 x start", "www status", "www start"];
    assert_eq!(log_of(&scripts), started);
    assert!(node.has_note("Info: Running datadisk r0 x start"), "{}", node.notes());
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()));
    assert_eq!(log_of(&scripts)[4..], ["www stop", "datadisk r0 x stop"]);
    node.finish();
}

#[test]
fn what_runs_already_is_not_started_again() {
    let scripts = Scripts::new();
    scripts.write("www", WELL_BEHAVED);
    std::fs::write(scripts.path("www.up"), "").unwrap();
    let mut node = Recorder::start(config(&scripts, &[&["www"]]));
    assert_eq!(node.perform(JobAction::Start(0)), Ok(()));
    assert_eq!(log_of(&scripts), ["www status"]);
    node.finish();
}

#[test]
fn when_one_fails_the_whole_group_is_stopped_from_last_to_first() {
    let scripts = Scripts::new();
    for name in ["first", "last"] {
        scripts.write(name, WELL_BEHAVED);
    }
    scripts
        .write("bad", "echo \"bad $*\" >>DIR/log; [ $1 = start ] && { echo 'no disk' >&2; exit 5; }; exit 0");
    let mut node = Recorder::start(config(&scripts, &[&["first", "bad", "last"]]));
    // `bad status` prints nothing and exits with 0, which by LSB means that it runs; here it must not.
    scripts.write(
        "bad",
        "echo \"bad $*\" >>DIR/log; case $1 in start) echo 'no disk' >&2; exit 5;; status) exit 3;; esac",
    );
    assert_eq!(node.perform(JobAction::Start(0)), Err("bad: bad start returned 5".into()));
    let expected =
        ["first status", "first start", "bad status", "bad start", "last stop", "bad stop", "first stop"];
    assert_eq!(log_of(&scripts), expected);
    assert!(node.has_note("Critical: Giving up resources due to failure of bad"), "{}", node.notes());
    assert!(node.has_note("Error: bad: no disk"), "{}", node.notes());
    node.finish();
}

#[test]
fn a_missing_script_is_a_failed_start_and_a_quick_stop() {
    let scripts = Scripts::new();
    scripts.write("first", WELL_BEHAVED);
    let mut config = config(&scripts, &[&["first", "missing"]]);
    // With the ten repetitions of 3.0.6 this would take a minute.
    config.stop_pause = Duration::from_secs(6);
    let mut node = Recorder::start(config);
    let expected = Err("missing: Cannot locate resource script missing".into());
    assert_eq!(node.perform(JobAction::Start(0)), expected);
    assert_eq!(log_of(&scripts), ["first status", "first start", "first stop"]);
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()));
    node.finish();
}

#[test]
fn a_failing_stop_is_run_eleven_times_then_status_decides() {
    let scripts = Scripts::new();
    scripts.write("gone", "echo $1 >>DIR/gone.log; [ $1 = stop ] && exit 1; echo not running");
    scripts.write("stuck", "echo $1 >>DIR/stuck.log; [ $1 = stop ] && exit 1; echo running");
    scripts.write("other", WELL_BEHAVED);
    let mut node = Recorder::start(config(&scripts, &[&["gone"], &["other", "stuck"]]));
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()));
    assert_eq!(scripts.read("gone.log"), format!("{}status\n", "stop\n".repeat(11)));
    assert!(node.has_note("the script is not LSB compliant"), "{}", node.notes());
    assert_eq!(node.perform(JobAction::Stop(1)), Err("stuck: stuck stop returned 1".into()));
    assert_eq!(scripts.read("stuck.log"), format!("{}status\n", "stop\n".repeat(11)));
    // What can be released is released all the same.
    assert_eq!(log_of(&scripts), ["other stop"]);
    node.finish();
}

#[test]
fn scripts_that_hang_run_into_their_limits() {
    let scripts = Scripts::new();
    let body =
        "echo $$ >>DIR/pids; trap '' TERM; [ $1 = $(cat DIR/hang) ] && sleep 1000; [ $1 = stop ] || exit 3";
    scripts.write("www", body);
    let mut config = config(&scripts, &[&["www"]]);
    (config.start_timeout, config.stop_timeout, config.status_timeout, config.kill_grace) = (
        Duration::from_millis(200),
        Duration::from_millis(210),
        Duration::from_millis(220),
        Duration::from_millis(10),
    );
    config.stop_retries = Some(1);
    let mut node = Recorder::start(config);
    for (hang, expected) in [
        ("start", "www: www start did not end within 200ms and was killed"),
        ("status", "www: www start returned 3"),
    ] {
        std::fs::write(scripts.path("hang"), hang).unwrap();
        assert_eq!(node.perform(JobAction::Start(0)), Err(expected.into()), "{hang}: {}", node.notes());
    }
    // Stop: with a status that says "stopped" it has worked in the end, with one that hangs nobody knows.
    std::fs::write(scripts.path("hang"), "stop").unwrap();
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()));
    scripts.write("www", "trap '' TERM; sleep 1000");
    let expected = "www: www stop did not end within 210ms and was killed";
    assert_eq!(node.perform(JobAction::Stop(0)), Err(expected.into()));
    for pid in scripts.read("pids").lines() {
        assert!(!exists(pid.parse().unwrap()), "{pid} is left, alive or as a zombie");
    }
    node.finish();
}

#[test]
fn groups_are_worked_on_side_by_side_and_one_group_in_order() {
    let scripts = Scripts::new();
    // Each waits for the other: one after the other they would run into their limit.
    let meet = |mine: &str, other: &str| {
        format!("[ $1 = start ] || exit 3; touch DIR/{mine}; while [ ! -e DIR/{other} ]; do sleep 0.01; done")
    };
    scripts.write("a", &meet("a.here", "b.here"));
    scripts.write("b", &meet("b.here", "a.here"));
    scripts.write("slow", &format!("[ $1 = status ] || sleep 0.2\n{WELL_BEHAVED}"));
    let mut node = Recorder::start(config(&scripts, &[&["a"], &["b"], &["slow"]]));
    for group in [0, 1] {
        node.submit(JobAction::Start(group));
    }
    assert_eq!((node.next_done().1, node.next_done().1), (Ok(()), Ok(())));
    let order: Vec<u64> =
        [JobAction::Start(2), JobAction::Stop(2), JobAction::Start(2)].map(|job| node.submit(job)).into();
    let done: Vec<u64> = (0..3).map(|_| node.next_done().0).collect();
    assert_eq!(done, order);
    assert_eq!(log_of(&scripts), ["slow status", "slow start", "slow stop", "slow status", "slow start"]);
    node.finish();
}

#[test]
fn what_a_script_prints_is_shown_in_bounds() {
    let scripts = Scripts::new();
    let body =
        "[ $1 = start ] || exit 3\nprintf 'red \\033[31m alert\\n\\n'; seq 1 150; seq 1 9999 >&2; exit 1";
    scripts.write("www", body);
    let mut node = Recorder::start(config(&scripts, &[&["www"]]));
    node.perform(JobAction::Start(0)).expect_err("it failed");
    for text in ["Error: www: red  [31m alert", "Error: www: 99", "Error: www: [and 51 lines, 0 bytes more]"]
    {
        assert!(node.has_note(text), "{text} is missing in\n{}", node.notes());
    }
    assert!(!node.has_note("Error: www: 101"), "{}", node.notes());
    assert!(node.notes().lines().count() < 250, "{}", node.notes());
    node.finish();
}

#[test]
fn what_may_still_run_after_a_failure_is_told() {
    let scripts = Scripts::new();
    scripts.write("sound", WELL_BEHAVED);
    scripts.write("bad", "[ $1 = start ] && exit 5; [ $1 = status ] && exit 3; exit 0");
    scripts.write("stuck", "[ $1 = status ] && echo running; exit 1");
    let groups: &[&[&str]] = &[&["sound", "bad"], &["sound", "stuck"]];
    let mut config = config(&scripts, groups);
    config.stop_pause = Duration::from_millis(1);
    let mut node = Recorder::start(config);
    let residue = |result: Result<(), Failure>| result.expect_err("it fails").residue;
    assert!(!residue(node.outcome_of(JobAction::Start(0))), "the stop afterwards has worked");
    assert!(residue(node.outcome_of(JobAction::Stop(1))));
    scripts.write(
        "stuck",
        "[ $1 = status ] && exec cat DIR/state 2>/dev/null; touch DIR/state; echo running >DIR/state; exit 1",
    );
    assert!(residue(node.outcome_of(JobAction::Start(1))), "{}", node.notes());
    node.finish();
}

/// A node that lacks the program gives the group away; one that has started it and then loses the program does not.
#[test]
fn what_is_not_installed_counts_as_stopped_unless_it_was_started() {
    let scripts = Scripts::new();
    scripts.write("www", "exit 5");
    let mut config = config(&scripts, &[&["www"]]);
    config.stop_pause = Duration::from_millis(1);
    let mut node = Recorder::start(config);
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()), "{}", node.notes());
    let failure = node.outcome_of(JobAction::Start(0)).expect_err("it cannot start");
    assert!(!failure.residue, "{}", node.notes());
    scripts.write("www", "[ $1 = status ] && exit 3; exit 0");
    assert_eq!(node.perform(JobAction::Start(0)), Ok(()), "{}", node.notes());
    scripts.write("www", "exit 5");
    let failure = node.outcome_of(JobAction::Stop(0)).expect_err("it may run");
    assert!(failure.residue && failure.reason.contains("was started and may run"), "{failure:?}");
    std::fs::remove_file(scripts.path("www")).unwrap();
    let failure = node.outcome_of(JobAction::Stop(0)).expect_err("it may run");
    assert!(failure.residue && failure.reason.contains("was started and may run"), "{failure:?}");
    scripts.write("www", "exit 0");
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()), "{}", node.notes());
    std::fs::remove_file(scripts.path("www")).unwrap();
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()), "nothing of it is left: {}", node.notes());
    node.finish();
}

/// Heart and guard of an earlier life were killed: nobody knows whether its services run.
#[test]
fn what_an_earlier_life_left_is_not_stopped_by_what_is_missing() {
    let scripts = Scripts::new();
    scripts.write("www", "exit 5");
    let mut config = config(&scripts, &[&["www"], &["db"]]);
    config.left_behind = ["www".to_owned()].into();
    let mut node = Recorder::start(config);
    let failure = node.outcome_of(JobAction::Stop(0)).expect_err("it may run");
    assert!(failure.residue && failure.reason.contains("may run"), "{failure:?}");
    assert_eq!(node.perform(JobAction::Stop(1)), Ok(()), "of this one nothing was left: {}", node.notes());
    scripts.write("www", "exit 0");
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()), "{}", node.notes());
    scripts.write("www", "exit 5");
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()), "{}", node.notes());
    node.finish();
}

#[test]
fn a_group_that_does_not_exist_is_refused() {
    let scripts = Scripts::new();
    scripts.write("www", WELL_BEHAVED);
    let mut node = Recorder::start(config(&scripts, &[&["www"]]));
    assert_eq!(node.perform(JobAction::Start(1)), Err("there is no such group".into()));
    node.finish();
}

#[test]
fn without_a_guard_scripts_are_refused_at_once() {
    let scripts = Scripts::new();
    let mut config = config(&scripts, &[&["www"]]);
    config.guard_command.clear();
    let error = Actuator::start(config, Box::new(|_| {})).expect_err("nobody could run it");
    assert!(matches!(error, StartError::NoGuard));
}

#[test]
fn a_guard_that_cannot_be_started_fails_the_job() {
    let scripts = Scripts::new();
    let mut config = config(&scripts, &[&["www"]]);
    config.guard_command = vec!["/nonexistent/guard".into()];
    let mut node = Recorder::start(config);
    let reason = node.perform(JobAction::Start(0)).expect_err("no guard");
    assert!(reason.starts_with("www: www status cannot be run: the guard cannot be started: "), "{reason}");
    node.finish();
}

#[test]
fn when_the_guard_dies_its_script_is_ended_and_run_again_by_another() {
    let scripts = Scripts::new();
    let body = "[ $1 = start ] || exit 3\n\
                if [ -e DIR/guard ]; then echo again >DIR/end; exit 0; fi\n\
                echo $$ >DIR/script; sleep 1000 & echo $! >DIR/child; echo $PPID >DIR/guard; wait";
    scripts.write("www", body);
    let mut node = Recorder::start(config(&scripts, &[&["www"]]));
    let job = node.submit(JobAction::Start(0));
    let guard = scripts.number("guard");
    let (script, child) = (scripts.number("script"), scripts.number("child"));
    kill_nine(guard);
    assert_eq!(node.next_done(), (job, Ok(())), "{}", node.notes());
    assert_eq!(scripts.read("end"), "again\n");
    assert!(node.has_note("Error: The guard is lost: it ended"), "{}", node.notes());
    assert!(!exists(guard), "the dead guard was not reaped");
    for pid in [script, child] {
        wait_for("the end of the first attempt", || (!is_alive(pid)).then_some(()));
    }
    node.finish();
}

#[test]
fn the_guard_ends_with_its_actuator() {
    let scripts = Scripts::new();
    scripts.write("www", "echo $PPID >DIR/guard; exit 3");
    let mut node = Recorder::start(config(&scripts, &[&["www"]]));
    node.perform(JobAction::Start(0)).expect_err("3 is no success");
    let guard = scripts.number("guard");
    assert!(is_alive(guard));
    node.finish();
    assert!(!exists(guard));
}

/// failover.md 2.2: time-sharing, nice 0, umask 022, SIGTERM not ignored; and, unlike 3.0.6, no leaked descriptors.
#[test]
fn scripts_run_in_plain_surroundings_whatever_those_of_the_actuator_are() {
    let scripts = Scripts::new();
    let body = "[ $1 = start ] || exit 3\n\
                umask >DIR/umask; cat /proc/self/status >DIR/status; cat /proc/self/stat >DIR/stat\n\
                for fd in /proc/$$/fd/*; do readlink $fd; done >DIR/fds\n\
                kill -TERM $PPID; kill -INT $PPID; kill -HUP $PPID";
    scripts.write("www", body);
    let inherited = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).unwrap();
    let mut config = config(&scripts, &[&["www"]]);
    config.crew = hb_sys::sched::Crew::new(Some(1));
    let mut node = Recorder::start(config);
    // What the guard survives, the next job shows.
    for _ in 0..2 {
        assert_eq!(node.perform(JobAction::Start(0)), Ok(()), "{}", node.notes());
    }
    assert!(!node.has_note("guard is lost"), "{}", node.notes());
    assert_eq!(scripts.read("umask"), "0022\n");
    let stat = scripts.read("stat");
    let stat: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!((stat[16], stat[38]), ("0", "0"), "niceness and policy");
    let status = scripts.read("status");
    assert!(status.contains("SigBlk:\t0000000000000000"), "{status}");
    for signal in [1, 2, 3, 13, 15, 17] {
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).unwrap();
        assert_eq!(
            u64::from_str_radix(ignored, 16).unwrap() >> (signal - 1) & 1,
            0,
            "signal {signal} is ignored"
        );
    }
    // The shell keeps its script open, too; what it did not open itself shows as a socket or a second /dev/null.
    let open = scripts.read("fds");
    assert!(!open.contains("socket:"), "{open}");
    assert_eq!(open.lines().filter(|target| *target == "/dev/null").count(), 1, "{open}");
    drop(inherited);
    node.finish();
}

fn kill_nine(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn another_environment_counts_from_the_next_run_on() {
    let scripts = Scripts::new();
    scripts.write("www", "echo $1 $HB_EPOCH $WORD >>DIR/log; [ $1 != status ] || exit 3");
    let mut config = config(&scripts, &[&["www"]]);
    let mut node = Recorder::start(config.clone());
    node.perform(JobAction::Start(0)).unwrap();
    config.environment.push(("WORD".into(), "new".into()));
    node.reconfigure(config, Vec::new());
    node.perform(JobAction::Stop(0)).unwrap();
    // The epoch is that of the start until the next one.
    assert_eq!(log_of(&scripts), ["status 1", "start 1", "stop 1 new"]);
    node.finish();
}

/// Notes its variables and its calls; runs as long as its file is there.
const OCF_AGENT: &str = r#"
echo "$OCF_RESOURCE_TYPE $OCF_RESOURCE_PROVIDER $OCF_RESKEY_state $OCF_RESKEY_note $1" >>DIR/log
[ -d "$OCF_ROOT" ] || exit 5
case $1 in
start) touch "$OCF_RESKEY_state"; exit 0 ;;
stop) rm -f "$OCF_RESKEY_state"; exit 0 ;;
monitor) echo running, says who is not asked; [ -e "$OCF_RESKEY_state" ] || exit 7 ;;
*) exit 3 ;;
esac"#;

#[test]
fn an_ocf_agent_gets_its_parameters_as_variables_and_is_judged_by_its_code() {
    let scripts = Scripts::new();
    scripts.write("ocf/resource.d/test/Thing", OCF_AGENT);
    let word = format!("ocf:test:Thing::state={}::note=a=b", scripts.path("state").display());
    let mut node = Recorder::start(config(&scripts, &[&[&word]]));
    let state = scripts.path("state").display().to_string();
    let calls = |operations: &[&str]| -> Vec<String> {
        operations.iter().map(|operation| format!("Thing test {state} a=b {operation}")).collect()
    };
    assert_eq!(node.perform(JobAction::Start(0)), Ok(()), "{}", node.notes());
    assert_eq!(log_of(&scripts), calls(&["monitor", "start"]));
    assert_eq!(node.perform(JobAction::Start(0)), Ok(()));
    assert_eq!(log_of(&scripts)[2..], calls(&["monitor"]), "it runs already");
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()));
    assert_eq!(log_of(&scripts)[3..], calls(&["stop"]));
    assert!(node.has_note("Info: Running ocf:test:Thing start"), "{}", node.notes());
    assert!(!node.notes().contains("a=b"), "parameters may be secrets: {}", node.notes());
    node.finish();
}

#[test]
fn an_ocf_agent_that_is_not_there_fails_to_start() {
    let scripts = Scripts::new();
    let mut node = Recorder::start(config(&scripts, &[&["ocf:test:None"]]));
    let failure = "ocf:test:None: Cannot locate resource agent ocf:test:None";
    assert_eq!(node.perform(JobAction::Start(0)), Err(failure.into()));
    node.finish();
}

/// A stop that fails is one only if the agent does not say for certain that nothing runs.
#[test]
fn a_failed_stop_is_believed_only_to_an_agent_that_says_so() {
    for (code, stopped) in [(7, true), (0, false), (1, false), (9, false)] {
        let scripts = Scripts::new();
        let body = format!("echo $1 >>DIR/log; case $1 in stop) exit 1;; monitor) exit {code};; esac");
        scripts.write("ocf/resource.d/test/Bad", &body);
        let mut config = config(&scripts, &[&["ocf:test:Bad"]]);
        config.stop_retries = Some(1);
        let mut node = Recorder::start(config);
        let result = node.perform(JobAction::Stop(0));
        assert_eq!(result.is_ok(), stopped, "{code}: {}", node.notes());
        assert_eq!(log_of(&scripts), ["stop", "stop", "monitor"]);
        node.finish();
    }
}

#[test]
fn a_unit_is_started_and_stopped_by_systemctl() {
    let scripts = Scripts::new();
    scripts.write(
        "bin/systemctl",
        r#"echo "$*" >>DIR/log
case $1 in
start) echo active >DIR/state ;;
stop) echo inactive >DIR/state ;;
is-active) cat DIR/state; grep -q '^active' DIR/state || exit 3 ;;
esac"#,
    );
    std::fs::write(scripts.path("state"), "inactive\n").unwrap();
    let mut node = Recorder::start(config(&scripts, &[&["systemd::www@1"]]));
    assert_eq!(node.perform(JobAction::Start(0)), Ok(()), "{}", node.notes());
    assert_eq!(node.perform(JobAction::Start(0)), Ok(()));
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()));
    let expected = ["is-active www@1", "start www@1", "is-active www@1", "stop www@1"];
    assert_eq!(log_of(&scripts), expected);
    assert!(node.has_note("Info: Running systemctl start www@1"), "{}", node.notes());
    node.finish();
}

/// The same words mean something else in resource.d, where scripts of 3.0.6 are, and in init.d.
#[test]
fn a_script_is_judged_by_the_rules_of_its_directory() {
    for (place, started) in [("resource.d", false), ("init.d", true)] {
        let scripts = Scripts::new();
        let mut config = config(&scripts, &[&["www"]]);
        config.agent_dirs = vec![scripts.path("resource.d"), scripts.path("init.d")];
        scripts.write(
            &format!("{place}/www"),
            "echo $1 >>DIR/log; [ $1 = status ] && { echo running; exit 1; }; :",
        );
        let mut node = Recorder::start(config);
        assert_eq!(node.perform(JobAction::Start(0)), Ok(()));
        assert_eq!(log_of(&scripts).contains(&"start".to_owned()), started, "{place}");
        node.finish();
    }
}

#[test]
fn a_group_that_cannot_be_stopped_runs_what_the_operator_wants() {
    let scripts = Scripts::new();
    scripts.write("www", "case $1 in stop) exit 1;; status) echo running;; esac");
    scripts.write("reboot", "echo \"$* $HB_GROUP\" >>DIR/log; exit 4");
    let mut config = config(&scripts, &[&["www"]]);
    config.stop_retries = Some(0);
    config.stop_failed = vec![scripts.path("reboot").display().to_string(), "-nf".into()];
    let mut node = Recorder::start(config);
    assert!(node.perform(JobAction::Stop(0)).is_err());
    assert_eq!(log_of(&scripts), ["-nf www"]);
    assert!(node.has_note("Critical: www cannot be stopped: running "), "{}", node.notes());
    assert!(node.notes().contains("failed: Exit(4)"), "{}", node.notes());
    node.finish();
}

#[test]
fn a_group_that_cannot_be_stopped_lets_the_node_reset_itself() {
    let scripts = Scripts::new();
    scripts.write("www", "case $1 in stop) exit 1;; status) echo running;; esac");
    scripts.write("fence_x", "cat >>DIR/log; echo no power >&2; exit 1");
    let mut config = config(&scripts, &[&["www"]]);
    config.stop_retries = Some(0);
    config.environment = vec![("PATH".into(), scripts.path(".").display().to_string().into())];
    config.environment[0].1.push(":/usr/bin:/bin");
    config.node = "alpha".to_owned();
    config.fence_self = Some(FenceSpec {
        name: "fence_x".to_owned(),
        program: "fence_x".to_owned(),
        arguments: Vec::new(),
        input: "action=reboot\nplug={node}\n".to_owned(),
        limit: Duration::from_secs(20),
        waits_for_human: false,
    });
    let mut node = Recorder::start(config);
    assert!(node.perform(JobAction::Stop(0)).is_err());
    assert_eq!(log_of(&scripts), ["action=reboot", "plug=alpha"]);
    assert!(
        node.has_note("Critical: www cannot be stopped: resetting this node with [fence_x]"),
        "{}",
        node.notes()
    );
    assert!(
        node.notes().contains("this node was not reset: [fence_x] ended with Exit(1): no power"),
        "{}",
        node.notes()
    );
    node.finish();
}
