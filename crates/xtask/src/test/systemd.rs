//! The unit file as it is shipped, under a systemd of its own: deaths of heart and guard, a heart that hangs, reload and stop.
//! What systemd does and what the guard does must fit together: who is killed (`KillMode`), and what is cleaned
//! (`ExecStopPost`).
//!
//! One machine made of namespaces, in which systemd is the first process. Without systemd the same is played by the lab.

mod container;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Context, Counts, Done, Failure, machine};
use crate::command::{self, minutes};
use crate::error::Error;
use crate::{console, tree};
use container::Container;

/// Prepares the machine and plays everything.
pub(super) fn perform(context: &Context) -> Result<Done, Failure> {
    machine::ensure(context, &PACKAGES)?;
    let mut build = command::cargo();
    build.args(["build", "-p", "hb-node", "-p", "hb-ctl"]);
    context.demand(&mut build, "systemd-build", minutes(15))?;
    let folder = context.workspace.logs().join("systemd");
    let unit = tree::read(&context.workspace.root.join("dist/hb-node.service"))?;
    lay_out(&folder.join("etc"), &unit.replace("/usr/sbin/", "/opt/hb/"))?;
    let container = Container::start(&folder, &context.workspace.target.join("debug"))?;
    let mut play = Play { container, counts: Counts::default() };
    match play.all() {
        Ok(()) => {
            let version = play.container.run("systemctl --version")?;
            let version = version.lines().next().unwrap_or_default().to_owned();
            Ok(Done { counts: play.counts, note: version })
        }
        Err(failure) => {
            let log = play.container.run("tail -n 40 /var/log/ha-log").unwrap_or_default();
            let message = format!("{}\n{log}", failure.message);
            Err(Failure { counts: play.counts, message, ..failure })
        }
    }
}

/// Writes what the machine has in `/etc`.
fn lay_out(etc: &Path, unit: &str) -> Result<(), Error> {
    let targets = ["test", "sysinit", "basic", "shutdown", "network-online"];
    let target = "[Unit]\nDefaultDependencies=no\n";
    let targets = targets.map(|name| (format!("systemd/system/{name}.target"), target));
    let files = [
        ("systemd/system/hb-node.service", unit),
        ("systemd/system/hb-node.service.d/test.conf", DROP_IN),
        ("ha.d/ha.cf", HA_CF),
        ("ha.d/authkeys", "auth 1\n1 sha1 of-a-test\n"),
        ("ha.d/haresources", HARESOURCES),
        ("ha.d/resource.d/service", SERVICE),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text));
    for (name, text) in files.iter().chain(&targets) {
        write(&etc.join(name), text)?;
    }
    Ok(())
}

/// For root alone, as `authkeys` must be; what is a script can be executed.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = written.and_then(|()| std::fs::write(path, text));
    let mode = if text.starts_with("#!") { 0o700 } else { 0o600 };
    let written = written.and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(mode)));
    written.map_err(|source| Error::File { path: path.to_owned(), source })
}

struct Play {
    container: Container,
    counts: Counts,
}

impl Play {
    fn all(&mut self) -> Result<(), Failure> {
        self.start()?;
        self.reload()?;
        self.heart_dies()?;
        self.both_die()?;
        self.heart_hangs()?;
        self.heart_hangs_on()?;
        self.stop()
    }

    /// `systemctl start` returns when the node says that it is ready; its address comes later, as nobody else is there.
    fn start(&mut self) -> Result<(), Failure> {
        self.succeeds("systemctl start hb-node")?;
        self.expect("systemctl is-active hb-node", "ready when the start has ended", |text| {
            text.trim() == "active"
        })?;
        self.serves()?;
        self.scripts_were("start")?;
        self.good("a start ends when the node is ready");
        Ok(())
    }

    fn reload(&mut self) -> Result<(), Failure> {
        let heart = self.heart()?;
        self.succeeds("systemctl reload hb-node")?;
        self.expect(HEART, "a reload keeps the process", |text| text.trim() == heart)?;
        self.good("a reload is one of the node's own");
        Ok(())
    }

    /// The guard is not killed with the heart, and stops everything before systemd starts the next one.
    fn heart_dies(&mut self) -> Result<(), Failure> {
        let heart = self.heart()?;
        self.succeeds(&format!("kill -KILL {heart}"))?;
        self.is_restarted("signal")?;
        self.scripts_were("start stop")?;
        self.serves()?;
        self.scripts_were("start stop start")?;
        self.good("the heart is killed: all is released, in order, before the next start");
        Ok(())
    }

    /// Nobody is left who could stop the services, but the addresses go.
    fn both_die(&mut self) -> Result<(), Failure> {
        self.succeeds("systemctl kill --signal=KILL --kill-who=all hb-node")?;
        self.is_restarted("signal")?;
        self.scripts_were("start stop start")?;
        self.serves()?;
        self.good("heart and guard are killed: systemd has the addresses removed");
        Ok(())
    }

    /// Long before systemd would.
    fn heart_hangs(&mut self) -> Result<(), Failure> {
        let heart = self.heart()?;
        self.succeeds(&format!("kill -STOP {heart}"))?;
        self.is_restarted("signal")?;
        self.scripts_were("start stop start stop")?;
        self.serves()?;
        self.good("the heart hangs: its guard ends it, all is released, in order");
        Ok(())
    }

    /// With a guard that lets it hang.
    fn heart_hangs_on(&mut self) -> Result<(), Failure> {
        self.succeeds("printf '[agents]\\nend-hung-heart = false\\n' > /etc/ha.d/hb.toml")?;
        self.succeeds("systemctl reload hb-node")?;
        let heart = self.heart()?;
        self.succeeds(&format!("kill -STOP {heart}"))?;
        self.is_restarted("watchdog")?;
        self.scripts_were("start stop start stop start stop")?;
        self.serves()?;
        self.good("the heart hangs on: systemd ends it, all is released, in order");
        Ok(())
    }

    fn stop(&mut self) -> Result<(), Failure> {
        self.succeeds("systemctl stop hb-node")?;
        let state = self.container.run("systemctl show hb-node --property=ActiveState,Result")?;
        if !state.contains("ActiveState=inactive") || !state.contains("Result=success") {
            return Err(self.container.failure(format!("after a stop: {state}")));
        }
        self.is_clean()?;
        self.scripts_were("start stop start stop start stop start stop")?;
        let groups = self.container.run("ls /sys/fs/cgroup/system.slice")?;
        if groups.contains("hb-node") {
            return Err(self.container.failure("a process is left after a stop".to_owned()));
        }
        self.good("a stop leaves nothing");
        Ok(())
    }

    /// systemd has seen the end, has cleaned up, and waits before it starts the node again.
    fn is_restarted(&self, result: &str) -> Result<(), Failure> {
        let state = self.container.until("systemctl show hb-node --property=SubState,Result", |state| {
            state.contains("SubState=auto-restart")
        })?;
        if !state.contains(&format!("Result={result}")) {
            return Err(self.container.failure(format!("ended otherwise than by {result}: {state}")));
        }
        self.is_clean()
    }

    /// Neither the address nor the table of the lease is there.
    fn is_clean(&self) -> Result<(), Failure> {
        let left = self.container.run("ip -oneline address show; nft list tables")?;
        if left.contains(ADDRESS) || left.contains("hb-lease") {
            return Err(self.container.failure(format!("something is left: {left}")));
        }
        Ok(())
    }

    fn serves(&self) -> Result<(), Failure> {
        self.container.until("ip -oneline address show dev lo", |text| text.contains(ADDRESS))?;
        // The script comes after the address.
        self.container.until("ls /run/service", |text| text.trim() == "/run/service").map(drop)
    }

    fn scripts_were(&self, actions: &str) -> Result<(), Failure> {
        let is_it = |text: &str| text.split_whitespace().eq(actions.split(' '));
        self.expect("cat /var/log/service", actions, is_it)
    }

    fn heart(&self) -> Result<String, Failure> {
        Ok(self.container.run(HEART)?.trim().to_owned())
    }

    fn succeeds(&self, command: &str) -> Result<(), Failure> {
        self.expect(&format!("{command} && echo good"), "good", |text| text.trim() == "good")
    }

    fn expect(&self, command: &str, wanted: &str, is_it: impl Fn(&str) -> bool) -> Result<(), Failure> {
        let text = self.container.run(command)?;
        if is_it(&text) {
            return Ok(());
        }
        Err(self.container.failure(format!("`{command}`: not {wanted}, but: {text}")))
    }

    fn good(&mut self, what: &str) {
        console::line(&format!("    {what}"));
        self.counts += Counts::one_passed();
    }
}

/// Debian's name, and what needs it.
const PACKAGES: [(&str, &str); 3] = [
    ("iproute2", "looks at addresses"),
    ("nftables", "looks at the table of the lease"),
    ("systemd", "the service manager under which the unit file is tried"),
];
const ADDRESS: &str = "10.9.9.9";
const HEART: &str = "systemctl show hb-node --property=MainPID --value";
/// A shorter wait for a heart that hangs, and time to look before the next start.
const DROP_IN: &str = "[Service]\nWatchdogSec=8\nRestartSec=4\n";
const HA_CF: &str = "keepalive 200ms
deadtime 2
initdead 2
ucast lo 127.0.0.2
auto_failback on
node alpha beta
logfile /var/log/ha-log
";
const HARESOURCES: &str = "alpha 10.9.9.9/24/lo service\n";
/// Its stop takes so long that a guard which is killed with the heart does not come to its end.
const SERVICE: &str = "#!/bin/sh
case $1 in
start) echo start >>/var/log/service; touch /run/service ;;
stop) sleep 1; echo stop >>/var/log/service; rm -f /run/service ;;
status) if [ -e /run/service ]; then echo running; else echo stopped; fi ;;
esac
";
