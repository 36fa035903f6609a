//! A paused virtual machine: for how long both nodes answer for an address when one of them, which was paused with its
//! clock for longer than the dead time, goes on.
//!
//! The lease cannot help there (docs/guide/lease.md), so this measures, and demands the promised end: the node that was
//! paused gives up what the other one took. Two machines on a switch of this program's own, which asks both of them by ARP.

mod switch;

use std::thread;
use std::time::{Duration, Instant};

use self::switch::{Port, Switch};
use super::emulated::{Emulator, Kernel, Machine, NodeFiles, Shell};
use super::{Context, Counts, Done, Failure, machine};
use crate::console;

/// Prepares the machines and plays everything.
pub(super) fn perform(context: &Context) -> Result<Done, Failure> {
    machine::ensure(context, &PACKAGES)?;
    let kernel = Kernel::unpack(context)?;
    let haresources = format!("alpha {ADDRESS_TEXT}/24/eth0\n");
    let modules = ["crc32c_generic", "libcrc32c", "nfnetlink", "nf_tables", "e1000"];
    let node = NodeFiles { modules: &modules, ha_cf: HA_CF, haresources: &haresources, init: INIT };
    let first_files = node.pack(context, &kernel)?;
    let (switch, ports) = Switch::start(ADDRESS)?;
    let mut nodes = Vec::new();
    for (name, port) in NAMES.into_iter().zip(&ports) {
        nodes.push(Node::start(name, port, &kernel, first_files.clone(), context)?);
    }
    let mut counts = Counts::default();
    match play(&mut nodes, &switch, &mut counts) {
        Ok(()) => Ok(Done { counts, note: format!("two machines with {}", kernel.release) }),
        Err(failure) => Err(Failure { counts, ..failure }),
    }
}

fn play(nodes: &mut [Node], switch: &Switch, counts: &mut Counts) -> Result<(), Failure> {
    let [alpha, beta] = nodes else { return Err(Failure::plain("not two machines")) };
    for node in [&mut *alpha, &mut *beta] {
        node.shell.greeting()?;
        node.shell.run("hb-node")?;
    }
    alpha.shell.run_until("ip address show dev eth0", ADDRESS_TEXT)?;
    for node in [&mut *alpha, &mut *beta] {
        node.shell.run_until("hb-ctl status", "lease in the kernel")?;
    }
    beta.shell.run_until("hb-ctl status | grep ^alpha", " active ")?;
    for pause in PAUSES {
        // The owner of the moment is paused; the other one of the two takes over.
        let [owner, other] = [&mut *alpha, &mut *beta];
        until("the owner alone answers", || switch.is_alone(owner.number, QUIET))?;
        owner.emulator.command("stop")?;
        let paused = Instant::now();
        until("the other node answers", || switch.answered_since(other.number, paused))?;
        let taken = paused.elapsed();
        thread::sleep(pause.saturating_sub(taken));
        owner.emulator.command("cont")?;
        let resumed = Instant::now();
        until("the other node alone answers", || {
            resumed.elapsed() > QUIET && switch.is_alone(other.number, QUIET)
        })?;
        let last = switch.last_answer(owner.number);
        let both = last.map_or(Duration::ZERO, |last| last.saturating_duration_since(resumed));
        console::line(&format!(
            "    paused for {:.0} s: the other node answers after {:.1} s, both for {:.1} s after it went on",
            pause.as_secs_f32(),
            taken.as_secs_f32(),
            both.as_secs_f32()
        ));
        owner.shell.run_until("hb-ctl status", "holds none")?;
        *counts += Counts::one_passed();
        // Back to where it began.
        owner.shell.run("hb-ctl takeover local --wait 60")?;
        until("the owner has it again", || switch.is_alone(owner.number, QUIET))?;
    }
    Ok(())
}

fn until(what: &str, is_true: impl Fn() -> bool) -> Result<(), Failure> {
    let begin = Instant::now();
    while !is_true() {
        if begin.elapsed() > LIMIT {
            return Err(Failure::plain(format!("not within {LIMIT:?}: {what}")));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

struct Node {
    number: usize,
    emulator: Emulator,
    shell: Shell,
}

impl Node {
    fn start(
        name: &str,
        port: &Port,
        kernel: &Kernel,
        first_files: Vec<u8>,
        context: &Context,
    ) -> Result<Self, Failure> {
        let network = format!("socket,id=n,udp={},localaddr={}", port.switch, port.machine);
        let card = format!("e1000,netdev=n,mac={}", port.mac_text());
        let devices = ["-netdev", &network, "-device", &card];
        let words = format!("node={name} own={}", port.address);
        let machine =
            Machine { name: &format!("pause-{name}"), kernel, first_files, words: &words, devices: &devices };
        let emulator = Emulator::start(&machine, context)?;
        let shell = Shell::open(&emulator.line)?;
        Ok(Self { number: port.number, emulator, shell })
    }
}

/// Debian's name, and what needs it.
const PACKAGES: [(&str, &str); 2] =
    [("busybox-static", "a shell for the emulated machine"), ("qemu-system-x86", "the emulated machine")];
const NAMES: [&str; 2] = ["alpha", "beta"];
const ADDRESS: [u8; 4] = [10, 9, 9, 9];
const ADDRESS_TEXT: &str = "10.9.9.9";
const PAUSES: [Duration; 4] =
    [Duration::from_secs(10), Duration::from_secs(20), Duration::from_secs(40), Duration::from_secs(20)];
/// As long as nobody else answers, nobody else does.
const QUIET: Duration = Duration::from_secs(8);
/// For anything that two emulated machines do.
const LIMIT: Duration = Duration::from_secs(120);
const HA_CF: &str = "keepalive 500ms
deadtime 5
initdead 15
bcast eth0
auto_failback off
node alpha beta
logfile /var/log/ha-log
";
/// After what all of them begin with.
const INIT: &str = "for word in $(cat /proc/cmdline); do
    case $word in
    node=*) hostname ${word#node=} ;;
    own=*) own=${word#own=} ;;
    esac
done
ifconfig eth0 $own netmask 255.255.255.0 up
";
