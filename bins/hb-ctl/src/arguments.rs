//! The command line.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hb_client::ResourceSet;
use hb_lab::{Fault, Peers};

/// Asks and steers a Heartbeat node, checks its configuration, decodes captures, runs the lab.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show what the node on this machine knows: nodes, links, resource groups, counters
    #[command(after_help = EXIT_CODES)]
    Status(Status),
    /// Check a configuration as a start would: every problem with its place
    #[command(after_help = EXIT_CODES)]
    Check(Check),
    /// Explain a code that check shows, or list all codes
    #[command(after_help = EXIT_CODES)]
    Explain(Explain),
    /// Rewrite old spellings of ha.cf (`udp`, `nice_failback`, `crm`, `tipc`) into present ones; comments stay
    #[command(after_help = EXIT_CODES)]
    Convert(Convert),
    /// Let the node hand everything over and end; waits until it is gone
    #[command(after_help = EXIT_CODES)]
    Stop(Stop),
    /// Let the node give resource groups to its peer
    #[command(after_help = EXIT_CODES)]
    Standby(Move),
    /// Let the node ask its peer for resource groups
    #[command(after_help = EXIT_CODES)]
    Takeover(Move),
    /// Run one resource group on a node, whoever is at home there
    #[command(after_help = EXIT_CODES)]
    Move(MoveGroup),
    /// Say what only a human can know of a dead node that waits for its reset
    #[command(subcommand)]
    Fence(Fence),
    /// Add nodes to the cluster, on every node; only where haresources is empty
    #[command(after_help = EXIT_CODES)]
    Addnode(Members),
    /// Delete dead nodes from the cluster, on every node; only where haresources is empty
    #[command(after_help = EXIT_CODES)]
    Delnode(Members),
    /// Let the node read its configuration again
    #[command(after_help = EXIT_CODES)]
    Reload(Reload),
    /// Show captured heartbeat traffic as lines of JSON: type, fields, digest verdict, cause of a refusal
    #[command(after_help = EXIT_CODES)]
    Decode(Decode),
    /// Two nodes and a client in namespaces: a live picture, or scripted faults that are measured
    #[command(after_help = EXIT_CODES)]
    Lab(Lab),
    /// A part of the lab
    #[command(hide = true)]
    LabInternal {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

#[derive(Subcommand)]
pub(crate) enum Fence {
    /// The node was switched off by hand: what it held is taken. If it was not, data can be destroyed
    #[command(after_help = EXIT_CODES)]
    Confirm(Fenced),
}

#[derive(Args)]
pub(crate) struct Fenced {
    #[command(flatten)]
    pub(crate) node: Node,
    /// The name of the node that is off
    #[arg(value_name = "NODE")]
    pub(crate) name: String,
}

/// Which node, and how long to wait for it.
#[derive(Args)]
pub(crate) struct Node {
    /// Directory of the node's control socket
    #[arg(long, value_name = "DIR", default_value = "/run/heartbeat")]
    pub(crate) run_dir: PathBuf,
}

#[derive(Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) node: Node,
    /// One JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    pub(crate) node: Node,
    /// Longest wait in seconds; the stop itself goes on
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub(crate) limit: u64,
}

#[derive(Args)]
pub(crate) struct Move {
    #[command(flatten)]
    pub(crate) node: Node,
    /// Which groups, seen from this node: all, local (at home here) or foreign (all others); or the name of one group
    #[arg(default_value = "all", value_name = "SET|GROUP")]
    pub(crate) which: Which,
    /// Wait until that is so, at most as many seconds; exit code 1 if it does not come to that
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<u64>,
}

#[derive(Args)]
pub(crate) struct MoveGroup {
    #[command(flatten)]
    pub(crate) node: Node,
    /// The group, by its first resource as `hb-ctl status` shows it
    pub(crate) group: String,
    /// The name of the node that shall run it
    #[arg(value_name = "NODE")]
    pub(crate) to: String,
    /// Wait until that is so, at most as many seconds; exit code 1 if it does not come to that
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<u64>,
}

/// What is moved.
#[derive(Clone)]
pub(crate) enum Which {
    /// All groups of some homes.
    Set(ResourceSet),
    /// One group, by its first resource.
    Group(String),
}

impl FromStr for Which {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.parse().map_or_else(|_| Self::Group(text.to_owned()), Self::Set))
    }
}

#[derive(Args)]
pub(crate) struct Members {
    #[command(flatten)]
    pub(crate) node: Node,
    /// Names of nodes
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Reload {
    #[command(flatten)]
    pub(crate) node: Node,
}

#[derive(Args)]
pub(crate) struct Check {
    /// Directory of ha.cf, haresources, authkeys and hb.toml
    #[arg(long, value_name = "DIR", default_value = "/etc/ha.d")]
    pub(crate) dir: PathBuf,
    /// Check as this node, instead of what DIR/nodeinfo or the machine says
    #[arg(long, value_name = "NAME")]
    pub(crate) node_name: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Args)]
pub(crate) struct Explain {
    /// The code, `HB030` for example; all codes if it is left out
    pub(crate) code: Option<String>,
}

#[derive(Args)]
pub(crate) struct Convert {
    /// Directory of ha.cf
    #[arg(long, value_name = "DIR", default_value = "/etc/ha.d")]
    pub(crate) dir: PathBuf,
    /// Replace the file in one step, and keep the old one beside it
    #[arg(long)]
    pub(crate) write: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// Each problem with the line it is in
    Text,
    /// One JSON object
    Json,
}

#[derive(Args)]
pub(crate) struct Decode {
    /// Keys to check digests with; without them digests stay unchecked
    #[arg(long, value_name = "FILE")]
    pub(crate) authkeys: Option<PathBuf>,
    /// Captures (pcap), or files that hold one datagram each
    #[arg(required = true, value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Lab {
    /// Faults to measure instead of the live picture: crash, stop, kill9, hang, return
    #[arg(long, value_delimiter = ',', value_name = "FAULT,...")]
    pub(crate) faults: Vec<Fault>,
    /// Time between two heartbeats, such as 200ms or 1s; else as in the cluster's files
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) keepalive: Option<Duration>,
    /// Silence after which a node counts as dead; else as in the cluster's files
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) deadtime: Option<Duration>,
    /// Runs of each fault
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    /// One JSON object per run
    #[arg(long)]
    pub(crate) json: bool,
    /// Which nodes run the real Heartbeat 3.0.6: ours (none), heartbeat, heartbeat-home, heartbeat-both
    #[arg(long, value_name = "PEERS", default_value = "ours")]
    pub(crate) peers: Peers,
    /// Path of hb-node; else beside this program
    #[arg(long, value_name = "PATH")]
    pub(crate) hb_node: Option<PathBuf>,
    /// IPv6 addresses float instead of those of the files
    #[arg(long)]
    pub(crate) ipv6: bool,
    /// Directory with ha.cf, haresources and authkeys for the lab's nodes
    #[arg(long, value_name = "DIR")]
    pub(crate) files: Option<PathBuf>,
}

/// A time with unit: `200ms`, `1s`, `1.5s`; a bare number is seconds, as in ha.cf.
fn time(text: &str) -> Result<Duration, String> {
    let (number, milliseconds) = if let Some(number) = text.strip_suffix("ms") {
        (number, 1.0)
    } else {
        (text.strip_suffix('s').unwrap_or(text), 1000.0)
    };
    let number: f64 = number.trim().parse().map_err(|_| "not a time: use 200ms or 1s".to_owned())?;
    Duration::try_from_secs_f64(number * milliseconds / 1000.0).map_err(|error| error.to_string())
}

const EXIT_CODES: &str = "\
Exit codes: 0 good; 1 failed; 2 usage; 3 no node is running; 4 no permission; 6 configuration refused.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn times_have_units_or_are_seconds() {
        assert_eq!(time("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(time("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(time("2"), Ok(Duration::from_secs(2)));
        assert!(time("2m").is_err() && time("-1s").is_err() && time("").is_err());
    }
}
