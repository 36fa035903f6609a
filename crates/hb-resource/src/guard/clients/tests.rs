//! Programs beside the node: started in order, kept running, ended in the opposite order.

use std::rc::Rc;

use tokio::task::LocalSet;

use super::*;
use crate::test_scripts::{Scripts, exists, is_alive};

fn program(scripts: &Scripts, words: &str) -> ClientSpec {
    let mut command = scripts.path("").into_os_string();
    command.push(words);
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    ClientSpec { failfast: false, user_name: "nobody".into(), user, group, groups: Vec::new(), command }
}

fn config(programs: &[ClientSpec]) -> ActuatorConfig {
    let mut config = ActuatorConfig::new(Vec::new());
    config.clients = programs.to_vec();
    config.environment = vec![("PATH".into(), "/usr/bin:/bin".into()), ("HA_X".into(), "a b".into())];
    config.kill_grace = Duration::from_millis(300);
    config
}

/// Runs these while `steps` says what to do, then ends them; what the guard answered.
fn with_clients<F>(programs: &[ClientSpec], steps: impl FnOnce(Rc<Clients>) -> F) -> Vec<String>
where
    F: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (answers, mut heard) = mpsc::channel(1000);
        let clients = Rc::new(Clients::new(answers));
        clients.want(Some(&config(programs)));
        tokio::time::timeout(LIMIT, steps(Rc::clone(&clients))).await.unwrap();
        Rc::into_inner(clients).unwrap().end().await;
        let mut told = Vec::new();
        while let Ok(answer) = heard.try_recv() {
            told.push(match answer {
                Answer::Client(ClientNews::Note(_, text)) => text,
                Answer::Client(ClientNews::AllEnded) => "ended".to_owned(),
                Answer::Client(ClientNews::FailfastEnded) => "failfast".to_owned(),
                Answer::Client(ClientNews::Started(_)) | Answer::Started { .. } | Answer::Ended { .. } => {
                    continue;
                }
            });
        }
        told
    })
}

async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn they_start_in_order_with_their_words_and_end_in_the_opposite_one() {
    let scripts = Scripts::new();
    let body = "trap 'echo $1 >>DIR/end; exit' TERM; echo \"$1 $HA_X $#\" >>DIR/log; touch DIR/up-$1; while :; do sleep 0.01; done";
    scripts.write("agent", body);
    let programs = [program(&scripts, "agent one \"two words\""), program(&scripts, "agent two $HA_X")];
    let told = with_clients(&programs, async |_| {
        until(|| scripts.path("up-one").exists() && scripts.path("up-two").exists()).await;
    });
    let log = scripts.read("log");
    assert!(log.contains("one a b 2\n") && log.contains("two a b 3\n"), "{log}");
    assert_eq!(scripts.read("end"), "two\none\n");
    assert!(told[0].starts_with("Starting child client \""), "{told:?}");
    assert!(told[0].contains("agent one"), "{told:?}");
}

#[test]
fn what_ends_is_started_again_but_not_after_exit_code_100() {
    let scripts = Scripts::new();
    scripts.write("agent", "echo x >>DIR/log; [ $(wc -l <DIR/log) = 2 ] && exit 100; exit 0");
    let told = with_clients(&[program(&scripts, "agent")], async |_| {
        until(|| scripts.read("log") == "x\nx\n").await;
        // Longer than the pause before another run.
        tokio::time::sleep(PAUSE + Duration::from_millis(300)).await;
    });
    assert_eq!(scripts.read("log"), "x\nx\n");
    assert!(told.iter().any(|text| text.ends_with("it ended with exit code 0")), "{told:?}");
    assert!(told.last().unwrap().ends_with("it asks not to be started again"), "{told:?}");
}

#[test]
fn the_verdicts() {
    let again = |pause| Verdict::Again { pause };
    for (failfast, end, short, verdict) in [
        (false, Ok(0), 0, again(false)),
        (false, Ok(1), 1, again(true)),
        (false, Err(9), 10, again(true)),
        (false, Err(9), 11, Verdict::TooFast),
        (false, Ok(100), 11, Verdict::Enough),
        (true, Ok(0), 1, again(true)),
        (true, Ok(0), 11, Verdict::TooFast),
        (true, Ok(1), 1, Verdict::NodeFails),
        (true, Ok(100), 0, Verdict::NodeFails),
        (true, Err(15), 0, Verdict::NodeFails),
    ] {
        assert_eq!(judge(failfast, end, short), verdict, "{failfast} {end:?} {short}");
    }
}

#[test]
fn a_failfast_program_that_is_killed_fails_the_node() {
    let scripts = Scripts::new();
    scripts.write("agent", "echo $$ >DIR/pid; sleep 1000");
    let vital = ClientSpec { failfast: true, ..program(&scripts, "agent") };
    let told = with_clients(&[vital], async |_| {
        until(|| scripts.read("pid").ends_with('\n')).await;
        let pid = rustix::process::Pid::from_raw(scripts.number("pid").cast_signed()).unwrap();
        rustix::process::kill_process_group(pid, Signal::KILL).unwrap();
        until(|| !exists(scripts.number("pid"))).await;
    });
    assert_eq!(told.last().unwrap(), "failfast", "{told:?}");
    assert!(told[told.len() - 2].ends_with("was killed by signal 9"), "{told:?}");
}

#[test]
fn what_does_not_end_is_killed_with_its_group() {
    let scripts = Scripts::new();
    scripts.write("agent", "trap '' TERM; sleep 1000 & echo $! >DIR/child; echo $$ >DIR/pid; wait");
    let told = with_clients(&[program(&scripts, "agent")], async |_| {
        until(|| scripts.read("pid").ends_with('\n')).await;
    });
    assert!(!exists(scripts.number("pid")), "a zombie was left");
    let child = scripts.number("child");
    crate::test_scripts::wait_for("the end of the child", || (!is_alive(child)).then_some(()));
    assert!(told.last().unwrap().ends_with("does not end: killed"), "{told:?}");
}

#[test]
fn another_configuration_ends_and_starts_only_what_differs() {
    let scripts = Scripts::new();
    scripts.write("agent", "echo $1 >>DIR/log; touch DIR/up-$1; exec sleep 1000");
    let [one, two, three] = ["agent one", "agent two", "agent three"].map(|words| program(&scripts, words));
    let told = with_clients(&[one.clone(), two], async |clients| {
        until(|| scripts.path("up-one").exists() && scripts.path("up-two").exists()).await;
        clients.want(Some(&config(&[one, three])));
        until(|| scripts.path("up-three").exists()).await;
        clients.want(None);
    });
    assert_eq!(scripts.read("log").matches("one").count(), 1);
    assert_eq!(told.iter().filter(|text| *text == "ended").count(), 1, "{told:?}");
    assert_eq!(told.last().unwrap(), "ended");
}

#[test]
fn a_program_that_is_not_there_is_told_and_left() {
    let scripts = Scripts::new();
    let told = with_clients(&[program(&scripts, "nothing")], async |_| {
        tokio::time::sleep(Duration::from_millis(50)).await;
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("cannot be started: No such file"), "{told:?}");
}

const LIMIT: Duration = Duration::from_secs(20);
