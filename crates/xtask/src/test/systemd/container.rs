//! A machine made of namespaces in which systemd is the first process: programs of this machine, its own network, control
//! groups and configuration. Needs root.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::command;
use crate::error::Error;
use crate::test::Failure;

/// The running machine; it ends when this is dropped.
pub(super) struct Container {
    process: Child,
    /// systemd, by its number outside.
    first: String,
    folder: PathBuf,
    group: String,
    /// What systemd says.
    pub(super) console: PathBuf,
}

impl Container {
    /// Starts it. What is in `etc` of the folder comes into its `/etc`, and `programs` is its `/opt/hb`.
    pub(super) fn start(folder: &Path, programs: &Path) -> Result<Self, Failure> {
        let console = folder.join("console.log");
        let file_error = |source| Error::File { path: console.clone(), source };
        let log = File::create(&console).map_err(file_error)?;
        let errors = log.try_clone().map_err(file_error)?;
        let group = format!("hb-systemd-{}", std::process::id());
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", OUTSIDE, "sh"])
            .arg(folder)
            .arg(programs)
            .arg(&group)
            .arg(INSIDE);
        let process = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        let process = process.map_err(|source| Error::Program { program: "unshare".to_owned(), source })?;
        let folder = folder.to_owned();
        let mut container = Self { process, first: String::new(), folder, group, console };
        container.first = container.find_first()?;
        container.until("systemctl is-active test.target", |answer| answer.trim() == "active")?;
        Ok(container)
    }

    /// What a command of the shell in it says.
    pub(super) fn run(&self, command: &str) -> Result<String, Failure> {
        let mut enter = Command::new("nsenter");
        enter.args(["--target", &self.first, "--all", "--root", "--wd", "sh", "-c"]);
        enter.arg(format!("exec 2>&1; {command}"));
        let output = enter.stdin(Stdio::null()).output();
        let output = output.map_err(|source| Error::Program { program: "nsenter".to_owned(), source })?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Repeats a command until it says what is wanted.
    pub(super) fn until(&self, command: &str, is_wanted: impl Fn(&str) -> bool) -> Result<String, Failure> {
        let begin = Instant::now();
        loop {
            let text = self.run(command)?;
            if is_wanted(&text) {
                return Ok(text);
            }
            if begin.elapsed() > LIMIT {
                return Err(self.failure(format!("`{command}` says at last: {text}")));
            }
            thread::sleep(PAUSE);
        }
    }

    /// A failure with systemd's words.
    pub(super) fn failure(&self, message: String) -> Failure {
        Failure { log: Some(self.console.clone()), ..Failure::plain(message) }
    }

    /// The only child of the process that made the namespaces.
    fn find_first(&self) -> Result<String, Failure> {
        let id = self.process.id();
        let begin = Instant::now();
        while begin.elapsed() < LIMIT {
            let children =
                std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
            let first = children.split_whitespace().next().map(str::to_owned);
            let program = first.as_ref().map(|first| std::fs::read_to_string(format!("/proc/{first}/comm")));
            if let (Some(first), Some(Ok(program))) = (first, program)
                && program.trim() == "systemd"
            {
                return Ok(first);
            }
            thread::sleep(PAUSE);
        }
        Err(self.failure("systemd does not start".to_owned()))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Its death is that of all; it fails if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let mut tidy = Command::new("unshare");
        tidy.args(["--mount", "sh", "-c", TIDY, "sh"]).arg(self.folder.join("cgroup")).arg(&self.group);
        // What is left is empty and harms nobody.
        let _ = command::answer(&mut tidy);
    }
}

/// A control group of its own, so that systemd takes that for the root of all; then the namespaces.
const OUTSIDE: &str = r#"set -e
folder=$1 programs=$2 group=$3 inside=$4
mkdir -p "$folder/cgroup" "$folder/root"
mount -t cgroup2 none "$folder/cgroup"
mkdir "$folder/cgroup/$group"
echo $$ >"$folder/cgroup/$group/cgroup.procs"
umount "$folder/cgroup"
exec unshare --cgroup --pid --net --uts --ipc --fork --kill-child sh -c "$inside" sh "$folder" "$programs"
"#;
/// A root of its own, with nothing in it that could be written outside.
const INSIDE: &str = r#"set -e
folder=$1 programs=$2
mount -t tmpfs none "$folder/root"
cd "$folder/root"
mkdir proc sys dev run tmp etc usr root opt opt/hb
mkdir -p var/log var/lib/heartbeat
mount -t proc none proc
mount -t sysfs none sys
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs none dev
for device in null zero full random urandom; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
mount -t tmpfs none run
for system in usr bin sbin lib lib32 lib64; do
    if [ -L /$system ]; then
        cp -P /$system .
    elif [ -d /$system ]; then
        mkdir -p $system
        mount --rbind /$system $system
        mount -o remount,bind,ro $system
    fi
done
mount --bind "$programs" opt/hb
mount -o remount,bind,ro opt/hb
cp /etc/passwd /etc/group /etc/ld.so.cache etc
cp -r "$folder/etc/." etc
hostname alpha
exec env -i container=hb PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_UNIT_PATH=/etc/systemd/system \
    SYSTEMD_GENERATOR_PATH=/nowhere chroot . /lib/systemd/systemd --system --unit=test.target \
    --log-target=console --show-status=0
"#;
const TIDY: &str = r#"mount -t cgroup2 none "$1"
for try in 1 2 3 4 5 6 7 8 9 10; do
    find "$1/$2" -depth -type d -exec rmdir {} + && exit
    sleep 0.1
done
"#;
/// How long anything may take there.
const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);
