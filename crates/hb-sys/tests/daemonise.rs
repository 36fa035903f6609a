//! Going into the background for real. Without the test harness, because its threads would rule that out.

#![cfg(test)]

use std::io::{self, Read as _};
use std::process::Command;

use hb_sys::process::{Side, daemonise};

/// In which process a test returned; the daemon of a test has nothing more to do.
#[derive(PartialEq)]
enum Process {
    Starter,
    Daemon,
}

fn main() -> io::Result<()> {
    if std::env::args().any(|argument| argument == "--list") {
        return Ok(());
    }
    if the_starter_learns_how_the_start_went()? == Process::Daemon {
        return Ok(());
    }
    if a_daemon_that_dies_early_is_noticed()? == Process::Daemon {
        return Ok(());
    }
    threads_rule_it_out();
    Ok(())
}

fn the_starter_learns_how_the_start_went() -> io::Result<Process> {
    let (mut reader, writer) = io::pipe()?;
    match daemonise()? {
        Side::Starter(readiness) => {
            drop(writer);
            assert_eq!(readiness.wait()?, Some(6));
            let mut told = String::new();
            reader.read_to_string(&mut told)?;
            let (pid, session) = told.trim().split_once(' ').expect("two numbers");
            assert_ne!(pid, session, "the daemon must not lead its session");
            assert_ne!(session, session_of("self"), "the daemon must have left the session of its starter");
            Ok(Process::Starter)
        }
        Side::Daemon(notifier) => {
            let pid = std::process::id();
            let session = session_of(&pid.to_string());
            // A child that inherits the pipe shows that it is an ordinary descriptor; the shell writes for us.
            let mut echo = Command::new("echo");
            echo.arg(format!("{pid} {session}")).stdout(writer);
            assert!(echo.status()?.success());
            drop(echo);
            notifier.report(6)?;
            Ok(Process::Daemon)
        }
    }
}

fn a_daemon_that_dies_early_is_noticed() -> io::Result<Process> {
    match daemonise()? {
        Side::Starter(readiness) => {
            assert_eq!(readiness.wait()?, None);
            Ok(Process::Starter)
        }
        Side::Daemon(notifier) => {
            drop(notifier);
            Ok(Process::Daemon)
        }
    }
}

fn threads_rule_it_out() {
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv());
    daemonise().expect_err("a second thread exists");
    drop(release);
    thread.join().expect("the thread only waits").expect_err("nothing is ever sent");
}

/// Field 6 of `/proc/PID/stat`.
fn session_of(pid: &str) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process exists");
    let (_, rest) = stat.rsplit_once(") ").expect("the name ends with a bracket");
    rest.split(' ').nth(3).expect("field 6").to_owned()
}
