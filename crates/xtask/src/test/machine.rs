//! What the tests need on the machine: Debian packages, installed if they are missing.

use std::process::Command;
use std::time::Duration;

use super::{Context, Done, Failure};
use crate::command::{self, minutes};
use crate::console;

/// Makes sure that every package is there.
pub(super) fn prepare(context: &Context) -> Result<Done, Failure> {
    ensure(context, &PACKAGES).map(Done::note)
}

/// Makes sure that these packages are there, each with what needs it; says what was done.
pub(super) fn ensure(context: &Context, packages: &[(&str, &str)]) -> Result<String, Failure> {
    if !command::succeeds(Command::new("dpkg-query").arg("--version")) {
        let names: Vec<&str> = packages.iter().map(|(name, _)| *name).collect();
        let names = names.join(" ");
        return Err(Failure::plain(format!(
            "this is no Debian machine; the tests need what Debian calls: {names}"
        )));
    }
    let missing: Vec<&(&str, &str)> = packages.iter().filter(|(name, _)| !is_installed(name)).collect();
    if missing.is_empty() {
        return Ok(format!("{} Debian packages, all there", packages.len()));
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    if !is_root() {
        return Err(Failure::plain(format!("missing; as root: apt-get install {}", names.join(" "))));
    }
    for (name, purpose) in &missing {
        console::line(&format!("    installing {name}: {purpose}"));
    }
    context.demand(&mut apt(&["update"]), "machine-update", LIMIT)?;
    let mut install = apt(&["install", "-y", "--no-install-recommends"]);
    context.demand(install.args(&names), "machine-install", LIMIT)?;
    Ok(format!("installed {}", names.join(", ")))
}

/// Whether the tests run as root.
pub(super) fn is_root() -> bool {
    command::answer(Command::new("id").arg("-u")).is_ok_and(|answer| answer.trim() == "0")
}

pub(super) fn apt(arguments: &[&str]) -> Command {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet").args(arguments);
    apt
}

fn is_installed(name: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f=${db:Status-Status}", name]);
    command::answer(&mut query).is_ok_and(|status| status == "installed")
}

/// Debian's name, and what needs it.
const PACKAGES: [(&str, &str); 8] = [
    ("g++", "the fuzzer's run-time library is C++"),
    ("heartbeat", "the real 3.0.6, peer of the cluster tests"),
    ("iproute2", "the namespaces of the real 3.0.6"),
    ("net-tools", "ifconfig, which the agents of 3.0.6 call"),
    ("nftables", "packet loss and cut links in the cluster tests"),
    ("resource-agents", "the IPaddr agent that 3.0.6 runs"),
    ("socat", "a second voice on the test networks"),
    ("tcpdump", "captures of what is said"),
];
const LIMIT: Duration = minutes(10);
