//! Real scripts as hooks, run in this process instead of the guard: which are run, with what, and how they wait for each other.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc as std_mpsc;

use tokio::task::LocalSet;

use crate::config::ActuatorConfig;
use crate::report::Report;
use crate::test_scripts::{Scripts, is_alive};

use super::*;

#[test]
fn only_scripts_that_do_nothing_of_ours_are_run() {
    let scripts = Scripts::new();
    let seen = |kind: &str| look(scripts.dir(), kind);
    assert_eq!(seen("status"), Script::Absent);
    scripts.write("rc.d/status", "echo $HA_src >>DIR/log");
    assert_eq!(seen("status"), Script::Own { by_harc: false });
    scripts.write("harc", "exec DIR/rc.d/$1 $1");
    assert_eq!(seen("status"), Script::Own { by_harc: true });
    scripts.write("rc.d/status", "[ $HA_st = dead ] && $HA_NOARCHBIN/mach_down $HA_src");
    assert_eq!(seen("status"), Script::Native);
    // Of events that are nobody's but the script's, it may do what it likes.
    scripts.write("rc.d/stonith", "hb_standby all");
    assert_eq!(seen("stonith"), Script::Own { by_harc: true });
    scripts.write_with_mode("rc.d/ifstat", "#!/bin/sh\n", 0o644);
    assert_eq!(seen("ifstat"), Script::Absent);
    scripts.write("rc.d/ns_st", "true");
    assert_eq!(seen("NS_st"), Script::Absent);
    scripts.write("rc.d/NS_st", "true");
    assert_eq!(seen("NS_st"), Script::Own { by_harc: true });
    for hostile in ["", ".", "..", "../harc", "a/b", ".status", "a b", "a\0b", "é"] {
        assert_eq!(seen(hostile), Script::Absent, "{hostile:?}");
    }
}

/// A queue whose hooks run in this process, and what it tells.
struct Bench {
    scripts: Scripts,
    notes: Rc<RefCell<std_mpsc::Receiver<String>>>,
    report: Reporter,
    agents: Agents,
}

impl Bench {
    fn new() -> Self {
        let scripts = Scripts::new();
        let (sender, notes) = std_mpsc::channel();
        let report = Reporter::new(Box::new(move |report| {
            if let Report::Note { level: Level::Warning, text } = report {
                let _ = sender.send(text);
            }
        }));
        let mut config = ActuatorConfig::new(Vec::new());
        config.hook_dir = Some(scripts.dir().to_owned());
        config.kill_grace = Duration::from_millis(100);
        let own = [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("HA_FUNCS", "ours"), ("HA_CURHOST", "cc1")];
        config.environment = own.map(|(name, value)| (name.into(), value.into())).into();
        let agents = Agents::without_guard(Rc::new(config), report.clone());
        Self { scripts, notes: Rc::new(RefCell::new(notes)), report, agents }
    }

    /// Takes these, then waits until the file has this many lines.
    fn play(&self, limit: Duration, hooks: Vec<Hook>, file: &str, lines: usize) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let mut queue = HookQueue::with_limit(self.agents.clone(), self.report.clone(), limit);
            for hook in hooks {
                queue.take(hook, &self.report);
            }
            let all = async {
                while self.scripts.read(file).lines().count() < lines {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), all).await.expect("the hooks come to an end");
        });
        self.scripts.read(file).lines().map(str::to_owned).collect()
    }

    fn notes(&self) -> Vec<String> {
        self.notes.borrow().try_iter().collect()
    }
}

fn hook(kind: &str, variables: &[(&str, &str)]) -> Hook {
    let variables = variables.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    Hook { kind: kind.to_owned(), variables }
}

#[test]
fn the_event_cannot_replace_what_the_node_has_set() {
    let bench = Bench::new();
    let text = r#"echo "$# $1 $HA_st $HA_FUNCS $HA_CURHOST $(wc -c) $(pwd)" >>DIR/log"#;
    bench.scripts.write("rc.d/status", text);
    let event = hook("status", &[("HA_st", "dead"), ("HA_FUNCS", "/tmp/theirs"), ("HA_CURHOST", "cc9")]);
    assert_eq!(bench.play(HOOK_LIMIT, vec![event], "log", 1), ["1 status dead ours cc1 0 /"]);
    assert!(bench.notes().is_empty());
}

#[test]
fn one_that_hangs_or_fails_delays_the_next_by_its_limit_only() {
    let bench = Bench::new();
    bench.scripts.write("rc.d/status", "trap '' TERM; echo $$ >DIR/pid; while :; do sleep 0.05; done");
    bench.scripts.write("rc.d/ifstat", "echo no link >&2; echo failed >>DIR/log; exit 3");
    bench.scripts.write("rc.d/stonith", "echo fenced >>DIR/log; kill -9 $$");
    bench.scripts.write("rc.d/backup", "echo backup >>DIR/log");
    let events = ["status", "ifstat", "stonith", "backup"].map(|kind| hook(kind, &[]));
    let log = bench.play(Duration::from_millis(300), events.into(), "log", 3);
    assert_eq!(log, ["failed", "fenced", "backup"]);
    assert!(!is_alive(bench.scripts.number("pid")));
    let notes = bench.notes();
    assert_eq!(
        notes,
        [
            "The hook status ended with Timeout: ",
            "The hook ifstat ended with Exit(3): no link",
            "The hook stonith ended with Signal(9): ",
        ]
    );
}

#[test]
fn many_at_once_run_one_after_the_other_and_the_rest_is_lost() {
    let bench = Bench::new();
    let text = "mkdir DIR/inside || echo two at once >>DIR/log; echo $HA_n >>DIR/log; rmdir DIR/inside";
    bench.scripts.write("rc.d/backup", text);
    let events = (0..1000).map(|n| hook("backup", &[("HA_n", &n.to_string())])).collect();
    let expected: Vec<_> = (0..HOOKS).map(|n| n.to_string()).collect();
    assert_eq!(bench.play(HOOK_LIMIT, events, "log", HOOKS), expected);
    assert_eq!(bench.notes(), [format!("{HOOKS} hooks wait: those of further events are not run (1 lost)")]);
}
