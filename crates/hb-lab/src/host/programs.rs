//! Programs in a host. No call waits for a program without a limit, and none for a stopped one.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use super::{Host, end_of, lock};
use crate::LabError;
use crate::lab::LIMIT;
use crate::process::Process;
use crate::protocol::{InitAnswer, InitAsk, Output};

impl Host {
    /// Starts a program; its output is appended to two files (paths inside the host).
    ///
    /// # Errors
    /// When it cannot be started or the host has no power.
    pub async fn spawn(
        &self,
        argv: &[&str],
        environment: &[(&str, &str)],
        stdout: &str,
        stderr: &str,
    ) -> Result<Process, LabError> {
        let life = self.alive()?;
        let ask = InitAsk::Spawn {
            argv: owned(argv),
            environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            stdout: stdout.into(),
            stderr: stderr.into(),
        };
        let InitAnswer::Spawned { pid } = life.init.ask(ask, LIMIT).await? else {
            return Err(self.confused());
        };
        let end = end_of(&mut lock(&life.ends), pid).subscribe();
        Ok(Process::new(self.clone(), pid, end))
    }

    /// Runs a command to its end; after `limit` its process group is killed.
    ///
    /// # Errors
    /// When it cannot be started or the host has no power; how it ended is in the output.
    pub async fn run(&self, argv: &[&str], limit: Duration) -> Result<Output, LabError> {
        self.run_with_input(argv, "", limit).await
    }

    /// As [`Host::run`], with text on its standard input.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn run_with_input(
        &self,
        argv: &[&str],
        stdin: &str,
        limit: Duration,
    ) -> Result<Output, LabError> {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let ask =
            InitAsk::Run { argv: owned(argv), environment: Vec::new(), stdin: stdin.to_owned(), limit_ms };
        let InitAnswer::Ran(output) = self.alive()?.init.ask(ask, limit.saturating_add(LIMIT)).await? else {
            return Err(self.confused());
        };
        Ok(output)
    }

    /// Sends a signal to a process, by its id inside the host.
    ///
    /// # Errors
    /// When there is no such process.
    pub async fn signal(&self, pid: i32, signal: Signal) -> Result<(), LabError> {
        self.ask(InitAsk::Signal { pid, signal: signal.as_raw() }).await.map(drop)
    }

    /// Has a thread of a process stand still for a time, as if it hung; does not wait for the end of that.
    ///
    /// # Errors
    /// When there is no such thread.
    pub async fn hold_thread(&self, pid: i32, name: &str, time: Duration) -> Result<(), LabError> {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.ask(InitAsk::HoldThread { pid, name: name.to_owned(), ms }).await.map(drop)
    }

    /// The processes that execute this file, by their ids inside the host.
    ///
    /// # Errors
    /// When the host has no power.
    pub async fn processes(&self, program: &Path) -> Result<Vec<i32>, LabError> {
        let program = program.canonicalize().map_err(LabError::file("find", program))?;
        let InitAnswer::Processes(found) = self.ask(InitAsk::Processes { program }).await? else {
            return Err(self.confused());
        };
        Ok(found)
    }

    /// The processor time that the living processes which execute this file have used so far.
    ///
    /// # Errors
    /// When the host has no power.
    pub async fn cpu_time(&self, program: &Path) -> Result<Duration, LabError> {
        let program = program.canonicalize().map_err(LabError::file("find", program))?;
        let InitAnswer::CpuTime { ns } = self.ask(InitAsk::CpuTime { program }).await? else {
            return Err(self.confused());
        };
        Ok(Duration::from_nanos(ns))
    }

    /// Sends a signal to every process that executes this file; returns how many there were.
    ///
    /// # Errors
    /// When the host has no power.
    pub async fn signal_program(&self, program: &Path, signal: Signal) -> Result<u32, LabError> {
        let program = program.canonicalize().map_err(LabError::file("find", program))?;
        let InitAnswer::Signalled { processes } =
            self.ask(InitAsk::SignalProgram { program, signal: signal.as_raw() }).await?
        else {
            return Err(self.confused());
        };
        Ok(processes)
    }

    /// The lab's own program, for [`Host::spawn`] of a helper in the host.
    pub(crate) fn agent(&self, role: &str, rest: &[String]) -> Vec<String> {
        let agent = &self.inner.lab.agent;
        let arguments = agent.arguments(role, rest.iter().map(Into::into));
        std::iter::once(agent.program().to_string_lossy().into_owned())
            .chain(arguments.iter().map(|argument| argument.to_string_lossy().into_owned()))
            .collect()
    }
}

fn owned(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|&argument| argument.to_owned()).collect()
}
