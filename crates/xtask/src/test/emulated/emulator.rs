//! The running machine; it ends when this is dropped.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{Kernel, LIMIT};
use crate::error::Error;
use crate::test::{Context, Failure};

/// What is started.
pub(in crate::test) struct Machine<'a> {
    /// For the names of its logs.
    pub(in crate::test) name: &'a str,
    pub(in crate::test) kernel: &'a Kernel,
    /// The first file system.
    pub(in crate::test) first_files: Vec<u8>,
    /// More words for the kernel, which the init script finds in /proc/cmdline.
    pub(in crate::test) words: &'a str,
    /// More arguments of the emulator.
    pub(in crate::test) devices: &'a [&'a str],
}

/// An emulated machine.
pub(in crate::test) struct Emulator {
    process: Child,
    /// What it says.
    pub(in crate::test) console: PathBuf,
    /// Its serial line.
    pub(in crate::test) line: PathBuf,
    monitor: Option<UnixStream>,
    events: Receiver<(Instant, String)>,
}

impl Emulator {
    /// Starts it.
    pub(in crate::test) fn start(machine: &Machine<'_>, context: &Context) -> Result<Self, Failure> {
        let logs = context.workspace.logs();
        let name = machine.name;
        let [console, words, first_files, monitor] =
            ["console.log", "emulator.log", "first-files", "monitor"]
                .map(|what| logs.join(format!("{name}-{what}")));
        for old in [&console, &monitor] {
            // Nothing of an earlier run.
            let _none = std::fs::remove_file(old);
        }
        let file_error = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        std::fs::write(&first_files, &machine.first_files).map_err(file_error(&first_files))?;
        let log = File::create(&words).map_err(file_error(&words))?;
        let mut command = Command::new("qemu-system-x86_64");
        command.args(["-accel", "tcg", "-m", "256", "-display", "none", "-nodefaults"]);
        command.arg("-kernel").arg(&machine.kernel.image).arg("-initrd").arg(&first_files);
        let append = format!("console=ttyS0 quiet panic=1 rdinit=/init {}", machine.words);
        command.arg("-append").arg(append.trim_end());
        command.arg("-serial").arg(format!("file:{}", console.display())).args(["-serial", "pty"]);
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", monitor.display()));
        command.args(machine.devices);
        let process = command.stdin(Stdio::null()).stdout(log).stderr(Stdio::null()).spawn();
        let process =
            process.map_err(|source| Error::Program { program: "qemu-system-x86_64".to_owned(), source })?;
        let (sender, events) = channel();
        let mut emulator = Self { process, console, line: PathBuf::new(), monitor: None, events };
        let line = emulator.look(&words, "its serial line", |text| {
            let name = text.split_whitespace().find(|word| word.starts_with("/dev/"));
            name.map(PathBuf::from)
        })?;
        emulator.line = line;
        let socket = UnixStream::connect(&monitor).map_err(file_error(&monitor))?;
        emulator.monitor = Some(socket.try_clone().map_err(file_error(&monitor))?);
        emulator.command("qmp_capabilities")?;
        thread::spawn(move || {
            for line in BufReader::new(socket).lines().map_while(Result::ok) {
                if sender.send((Instant::now(), line)).is_err() {
                    break;
                }
            }
        });
        Ok(emulator)
    }

    /// Lets it do something at once: `stop` and `cont` pause the whole machine with its clock, and let it go on.
    pub(in crate::test) fn command(&mut self, name: &str) -> Result<(), Failure> {
        let Some(monitor) = &mut self.monitor else { return Ok(()) };
        let written = monitor.write_all(format!("{{\"execute\":\"{name}\"}}\n").as_bytes());
        written.map_err(|error| Failure::plain(format!("the emulator's monitor: {error}")))
    }

    /// Waits until it has said this so many times.
    pub(in crate::test) fn until(&self, words: &str, times: usize) -> Result<(), Failure> {
        self.look(&self.console, words, |text| (text.matches(words).count() >= times).then_some(()))
    }

    /// When the watchdog ran out, if it does within that time. Each time is told once.
    pub(in crate::test) fn watchdog(&self, limit: Duration) -> Option<Instant> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let (at, line) = self.events.recv_timeout(left).ok()?;
            let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
            if event.get("event").is_some_and(|event| event == "WATCHDOG") {
                return Some(at);
            }
        }
    }

    fn look<T>(&self, path: &Path, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
        let begin = Instant::now();
        loop {
            let text = std::fs::read(path).unwrap_or_default();
            if let Some(found) = find(&String::from_utf8_lossy(&text)) {
                return Ok(found);
            }
            if begin.elapsed() > LIMIT {
                let message = format!("the emulated machine does not say: {what}");
                return Err(Failure { log: Some(self.console.clone()), ..Failure::plain(message) });
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It fails if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
