//! The directive `watchdog` with the kernel's driver and the device of an emulated machine: who stops in order is not
//! reset, whoever hangs or dies is, in the time that the daemon says.
//!
//! One machine, which is really reset and starts anew. The times are those of this machine's clock.

use std::time::{Duration, Instant};

use super::emulated::{Emulator, Kernel, Machine, NodeFiles, Shell};
use super::{Context, Counts, Done, Failure, machine};
use crate::console;

/// Prepares the machine and plays everything.
pub(super) fn perform(context: &Context) -> Result<Done, Failure> {
    machine::ensure(context, &PACKAGES)?;
    let kernel = Kernel::unpack(context)?;
    let haresources = format!("alpha {ADDRESS}/24/lo\n");
    let node =
        NodeFiles { modules: &["watchdog", "i6300esb"], ha_cf: HA_CF, haresources: &haresources, init: INIT };
    let first_files = node.pack(context, &kernel)?;
    let devices = ["-device", "i6300esb", "-action", "watchdog=reset"];
    let machine = Machine { name: "watchdog", kernel: &kernel, first_files, words: "", devices: &devices };
    let emulator = Emulator::start(&machine, context)?;
    let shell = Shell::open(&emulator.line)?;
    let mut play = Play { emulator, shell, counts: Counts::default() };
    let outcome = play.all();
    let counts = play.counts;
    match outcome {
        Ok(()) => Ok(Done { counts, note: format!("i6300ESB timer under {}", kernel.release) }),
        Err(failure) => {
            let log = Some(failure.log.unwrap_or_else(|| play.emulator.console.clone()));
            Err(Failure { counts, log, ..failure })
        }
    }
}

struct Play {
    emulator: Emulator,
    shell: Shell,
    counts: Counts,
}

impl Play {
    fn all(&mut self) -> Result<(), Failure> {
        self.shell.greeting()?;
        self.start()?;
        self.stop_in_order()?;
        self.start()?;
        self.reset_after("kill -STOP", "the heart is stopped (SIGSTOP)")?;
        self.shell.greeting()?;
        self.start()?;
        self.reset_after("kill -KILL", "the heart is killed, and nobody starts another")?;
        self.shell.greeting()?;
        self.restart_in_time()
    }

    /// Starts the node and waits until it serves its address.
    fn start(&mut self) -> Result<(), Failure> {
        self.shell.run("hb-node")?;
        self.shell.run_until("ip address show dev lo", ADDRESS)?;
        self.shell.run_until("hb-ctl status", ARMED)
    }

    fn stop_in_order(&mut self) -> Result<(), Failure> {
        self.shell.run("hb-node -k")?;
        if self.emulator.watchdog(TIMEOUT * 3).is_some() {
            return Err(Failure::plain("a node that stopped in order was reset"));
        }
        let log = self.shell.run("grep -e Watchdog -e 'group .* down' /var/log/ha-log")?;
        let released = log.find(" down").unwrap_or(usize::MAX);
        if log.find("is disarmed").is_none_or(|disarmed| disarmed < released) {
            return Err(Failure::plain(format!("not disarmed after the release: {log}")));
        }
        self.good("a node that stopped in order is not reset");
        Ok(())
    }

    fn reset_after(&mut self, signal: &str, what: &str) -> Result<(), Failure> {
        let sent = Instant::now();
        self.shell.run(&format!("{signal} $(cat /run/heartbeat.pid)"))?;
        let reset = self.emulator.watchdog(TIMEOUT + SLACK);
        let reset = reset.ok_or_else(|| Failure::plain(format!("{what}: no reset")))?;
        let time = reset.saturating_duration_since(sent);
        self.good(&format!("{what}: reset after {:.1} s", time.as_secs_f32()));
        Ok(())
    }

    /// A service manager starts another daemon, which kicks on. With a time-out that even a slow machine can keep.
    fn restart_in_time(&mut self) -> Result<(), Failure> {
        let longer = LONGER_DEADTIME.as_secs();
        let edit = format!(
            "sed -i 's/^deadtime .*/deadtime {longer}/; s/^initdead .*/initdead {longer}/' /etc/ha.d/ha.cf"
        );
        self.shell.run(&edit)?;
        self.start()?;
        self.shell.run("kill -KILL $(cat /run/heartbeat.pid)")?;
        let text = self.shell.run("sleep 1; ip address show dev lo")?;
        if text.contains(ADDRESS) {
            return Err(Failure::plain("the guard did not release the address within a second"));
        }
        self.shell.run("hb-node")?;
        self.shell.run_until("hb-ctl status", ARMED)?;
        if self.emulator.watchdog(LONGER_DEADTIME + SLACK).is_some() {
            return Err(Failure::plain("reset although another daemon had taken over the device"));
        }
        self.good("the heart is killed, the guard releases, another daemon kicks on: no reset");
        Ok(())
    }

    fn good(&mut self, what: &str) {
        console::line(&format!("    {what}"));
        self.counts += Counts::one_passed();
    }
}

/// Debian's name, and what needs it.
const PACKAGES: [(&str, &str); 2] =
    [("busybox-static", "a shell for the emulated machine"), ("qemu-system-x86", "the emulated machine")];
const ADDRESS: &str = "10.9.9.9";
const ARMED: &str = "/dev/watchdog (i6300ESB timer) is armed";
const LONGER_DEADTIME: Duration = Duration::from_secs(20);
/// What the daemon asks for with this dead time.
const TIMEOUT: Duration = Duration::from_secs(7);
/// An emulated machine is slow, and its timer counts twice a half.
const SLACK: Duration = Duration::from_secs(5);
const HA_CF: &str = "keepalive 500ms
deadtime 6
initdead 12
ucast lo 127.0.0.2
auto_failback on
node alpha beta
logfile /var/log/ha-log
watchdog /dev/watchdog
";
/// After what all of them begin with.
const INIT: &str = "hostname alpha
";
