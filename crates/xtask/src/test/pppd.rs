//! `ppp-udp` with the real pppd: an emulated machine with Debian's kernel and pppd, its serial line on a pseudo-terminal.
//!
//! What `one-medium` sends over the link comes back from a UDP echo behind the machine's own network stack. Twice, so
//! that the link has to end and begin anew.

mod guest;

use std::process::Command;

use super::emulated::{Emulator, Kernel, Machine};
use super::{Context, Counts, Done, Failure, machine};
use crate::command::{self, minutes};

/// Prepares the machine, starts it and talks to it.
pub(super) fn perform(context: &Context) -> Result<Done, Failure> {
    machine::ensure(context, &PACKAGES)?;
    let kernel = Kernel::unpack(context)?;
    let mut build = command::cargo();
    build.args(["build", "-p", "hb-examples", "--bin", "one-medium"]);
    context.demand(&mut build, "pppd-build", minutes(15))?;
    let first_files = guest::pack(&kernel)?;
    let machine = Machine { name: "pppd", kernel: &kernel, first_files, words: "", devices: &["-no-reboot"] };
    let emulator = Emulator::start(&machine, context)?;
    emulator.until("guest is up", 1)?;
    let mut counts = Counts::default();
    for turn in 1..=TURNS {
        let mut talk = Command::new(context.workspace.target.join("debug/one-medium"));
        talk.arg("ppp-udp").arg(&emulator.line).args([OUR_ADDRESS, HEARTBEATS]);
        let outcome = context.demand(&mut talk, &format!("pppd-{turn}"), minutes(5))?;
        let heard = outcome.text()?.lines().filter(|line| line.starts_with("heartbeat ")).count();
        if heard < LEAST_ECHOES {
            let message = format!("turn {turn}: {heard} heartbeats came back, {LEAST_ECHOES} should");
            return Err(Failure { log: Some(emulator.console.clone()), ..Failure::plain(message) });
        }
        emulator.until(&format!("remote IP address {OUR_ADDRESS}"), turn)?;
        counts += Counts::one_passed();
    }
    Ok(Done { counts, note: format!("{TURNS} links with pppd of {}", kernel.release) })
}

/// Debian's name, and what needs it.
const PACKAGES: [(&str, &str); 4] = [
    ("busybox-static", "a shell for the emulated machine"),
    ("ppp", "the real pppd"),
    ("qemu-system-x86", "the emulated machine"),
    ("socat", "the echo in it"),
];
const OUR_ADDRESS: &str = "10.0.0.1";
/// Of a fifth of a second each.
const HEARTBEATS: &str = "count=150";
/// pppd may have to wait until it tries again, and an emulated machine is slow.
const LEAST_ECHOES: usize = 30;
const TURNS: usize = 2;
