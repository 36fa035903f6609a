//! Real scripts, run in this process instead of the guard.

use std::ffi::OsString;
use std::time::Instant;

use super::*;
use crate::guard::capture::OUTPUT_LIMIT;
use crate::guard::protocol::Awaited;
use crate::test_scripts::{Scripts, exists, is_alive, wait_for};
use tokio::task::LocalSet;

fn run_of(scripts: &Scripts, name: &str, arguments: &[&str]) -> Run {
    Run {
        id: 1,
        name: name.to_owned(),
        directories: vec![scripts.dir().to_owned()],
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        environment: vec![("PATH".into(), OsString::from("/usr/sbin:/usr/bin:/sbin:/bin"))],
        working_dir: "/".into(),
        limit: Duration::from_secs(20),
        grace: Duration::from_secs(5),
        awaited: Awaited::First,
        input: String::new(),
    }
}

struct Ran {
    pid: Option<u32>,
    ending: Ending,
    output: Captured,
    errors: Captured,
}

fn perform(run: Run) -> Ran {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, perform_here(run))
}

async fn perform_here(run: Run) -> Ran {
    let (answers, mut inbox) = mpsc::channel(4);
    execute(run, answers, Leash::default()).await;
    let mut begun = None;
    loop {
        match inbox.recv().await.expect("an end is told") {
            Answer::Started { id: 1, pid, .. } => begun = Some(pid),
            Answer::Ended { id: 1, ending, output, errors, .. } => {
                return Ran { pid: begun, ending, output, errors };
            }
            other @ (Answer::Started { .. } | Answer::Ended { .. } | Answer::Client(_)) => {
                panic!("{other:?}")
            }
        }
    }
}

#[test]
fn parameters_come_first_and_both_outputs_are_told_apart() {
    let scripts = Scripts::new();
    scripts.write("www", r#"echo "$# $*"; echo complaint >&2; exit 7"#);
    let ran = perform(run_of(&scripts, "www", &["a b", "c", "start"]));
    assert_eq!(ran.ending, Ending::Exit(7));
    assert_eq!(ran.output, Captured { text: "3 a b c start\n".into(), lost: 0 });
    assert_eq!(ran.errors.text, "complaint\n");
}

#[test]
fn the_surroundings_are_exactly_those_that_were_ordered() {
    let scripts = Scripts::new();
    let body = "env | grep -v '^\\(PWD\\|SHLVL\\|_\\|OLDPWD\\)=' | sort; pwd; readlink /proc/self/fd/0\n\
                cut -d' ' -f5 /proc/self/stat";
    scripts.write("www", body);
    let mut run = run_of(&scripts, "www", &["status"]);
    run.environment.push(("HA_CURHOST".into(), "ha-1.example".into()));
    run.working_dir = scripts.dir().to_owned();
    let ran = perform(run);
    let lines: Vec<&str> = ran.output.text.lines().collect();
    let pid = ran.pid.unwrap().to_string();
    let expected = [
        "HA_CURHOST=ha-1.example",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        scripts.dir().to_str().unwrap(),
        "/dev/null",
        // leads its own process group
        pid.as_str(),
    ];
    assert_eq!(lines, expected, "{}", ran.errors.text);
}

#[test]
fn a_working_directory_that_does_not_exist_is_replaced_by_the_root() {
    let scripts = Scripts::new();
    scripts.write("www", "pwd");
    let mut run = run_of(&scripts, "www", &["status"]);
    run.working_dir = "/nonexistent".into();
    assert_eq!(perform(run).output.text, "/\n");
}

#[test]
fn the_first_executable_regular_file_is_taken() {
    let scripts = Scripts::new();
    scripts.write("resource.d/both", "echo resource.d");
    scripts.write("init.d/both", "echo init.d");
    scripts.write_with_mode("resource.d/hidden", "no script", 0o644);
    scripts.write("init.d/hidden", "echo init.d");
    std::fs::create_dir(scripts.path("resource.d/folder")).unwrap();
    scripts.write("init.d/folder", "echo init.d");
    scripts.write("init.d/sub/script", "echo below");
    let ran = |name: &str| {
        let mut run = run_of(&scripts, name, &["status"]);
        run.directories = vec![scripts.path("resource.d"), scripts.path("init.d")];
        let ran = perform(run);
        (ran.ending, ran.output.text)
    };
    assert_eq!(ran("both"), (Ending::Exit(0), "resource.d\n".into()));
    assert_eq!(ran("hidden"), (Ending::Exit(0), "init.d\n".into()));
    assert_eq!(ran("folder"), (Ending::Exit(0), "init.d\n".into()));
    assert_eq!(ran("sub/script"), (Ending::Exit(0), "below\n".into()));
    assert_eq!(ran("missing").0, Ending::NotFound);
    assert_eq!(ran("/bin/true").0, Ending::NotFound, "a name is looked up, never taken as a path of its own");
}

#[test]
fn a_script_without_interpreter_line_is_one_for_the_shell() {
    let scripts = Scripts::new();
    scripts.write_with_mode("plain", "echo \"plain $1\"\n", 0o755);
    let ran = perform(run_of(&scripts, "plain", &["start"]));
    assert_eq!((ran.ending, ran.output.text), (Ending::Exit(0), "plain start\n".into()));
}

#[test]
fn an_interpreter_that_does_not_exist_is_told() {
    let scripts = Scripts::new();
    scripts.write_with_mode("odd", "#!/nonexistent/sh\n", 0o755);
    let ran = perform(run_of(&scripts, "odd", &["start"]));
    assert!(matches!(&ran.ending, Ending::NotStarted(why) if why.contains("/odd: ")), "{:?}", ran.ending);
}

#[test]
fn death_by_signal_is_no_exit() {
    let scripts = Scripts::new();
    scripts.write("www", "kill -SEGV $$");
    assert_eq!(perform(run_of(&scripts, "www", &["start"])).ending, Ending::Signal(11));
}

/// field.md E10: a script that forks `sleep 1000` and ignores TERM is gone after limit and grace, with what it forked.
#[test]
fn a_script_that_ignores_the_limit_is_gone_with_its_group() {
    let scripts = Scripts::new();
    let body = "trap '' TERM; echo begun\nsleep 1000 & echo $! >DIR/first\nsleep 1000 & echo $! >DIR/second\nwait; wait";
    scripts.write("stubborn", body);
    let mut run = run_of(&scripts, "stubborn", &["start"]);
    (run.limit, run.grace) = (Duration::from_millis(300), Duration::from_millis(200));
    let begun = Instant::now();
    let ran = perform(run);
    assert_eq!((ran.ending, ran.output.text.as_str()), (Ending::Timeout, "begun\n"));
    assert!(begun.elapsed() >= Duration::from_millis(500), "the grace was not kept");
    assert!(!exists(ran.pid.unwrap()), "the script is still there, or a zombie");
    for file in ["first", "second"] {
        let pid = scripts.number(file);
        wait_for("the end of a forked process", || (!is_alive(pid)).then_some(()));
    }
}

#[test]
fn a_script_that_obeys_gets_the_time_to_clean_up() {
    let scripts = Scripts::new();
    scripts.write("gentle", "trap 'echo cleaned up; exit 0' TERM\nwhile :; do sleep 0.02; done");
    let mut run = run_of(&scripts, "gentle", &["start"]);
    run.limit = Duration::from_millis(300);
    let begun = Instant::now();
    let ran = perform(run);
    assert_eq!((ran.ending, ran.output.text.as_str()), (Ending::Timeout, "cleaned up\n"));
    assert!(begun.elapsed() < Duration::from_secs(5), "waited for the whole grace");
}

#[test]
fn much_output_is_cut_and_counted_and_holds_nobody_up() {
    let scripts = Scripts::new();
    scripts.write("chatty", "head -c 300000 /dev/zero | tr '\\0' x; head -c 100 /dev/zero >&2");
    let ran = perform(run_of(&scripts, "chatty", &["start"]));
    assert_eq!(ran.ending, Ending::Exit(0));
    assert_eq!(ran.output.text.len(), OUTPUT_LIMIT);
    assert_eq!(ran.output.lost, 300_000 - 16_384);
    assert_eq!(ran.errors, Captured { text: "\0".repeat(100), lost: 0 });
}

#[test]
fn a_service_that_keeps_the_pipe_is_neither_waited_for_nor_killed() {
    let scripts = Scripts::new();
    let service =
        "(echo $$ >/dev/null; while [ ! -e DIR/stop ]; do echo noise; sleep 0.01; done; echo ok >DIR/end) &";
    scripts.write("www", &format!("{service}\necho $! >DIR/service; echo started"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let ran = perform_here(run_of(&scripts, "www", &["start"])).await;
        assert_eq!(ran.ending, Ending::Exit(0));
        assert!(ran.output.text.contains("started\n"));
        assert!(is_alive(scripts.number("service")));
        std::fs::write(scripts.path("stop"), "").unwrap();
        // It writes on until then; SIGPIPE would have ended it without the last word.
        let limit = Instant::now() + Duration::from_secs(20);
        while scripts.read("end") != "ok\n" {
            assert!(Instant::now() < limit, "the service was killed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn a_file_that_is_being_written_is_tried_again() {
    let scripts = Scripts::new();
    scripts.write("busy", "echo done");
    let file = std::fs::File::options().append(true).open(scripts.path("busy")).unwrap();
    let run = run_of(&scripts, "busy", &["start"]);
    let thread = std::thread::spawn(move || perform(run).ending);
    // Half of the time that the guard is ready to wait.
    std::thread::sleep(BUSY_PAUSE * BUSY_ATTEMPTS / 2);
    drop(file);
    assert_eq!(thread.join().unwrap(), Ending::Exit(0));
}
