//! `hb-node`: the Heartbeat daemon of one node. Parses arguments, calls one library function, maps its result.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hb_daemon::{DEFAULT_CONFIG_DIR, DEFAULT_RUN_DIR, DEFAULT_STATE_DIR, Exit, Options};

/// The Heartbeat daemon of one node.
///
/// Reads ha.cf, haresources and authkeys, goes into the background and keeps the node's resource groups available
/// together with the other nodes.
#[derive(Parser)]
#[command(version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(flatten)]
    options: NodeOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Args)]
struct NodeOptions {
    /// Stay in the foreground; the log goes to stderr too
    #[arg(short, long)]
    foreground: bool,
    /// Directory of ha.cf, haresources, authkeys and resource.d
    #[arg(long, value_name = "DIR", default_value = DEFAULT_CONFIG_DIR)]
    dir: PathBuf,
    /// Directory of what survives a restart: UUID and generation of the node
    #[arg(long, value_name = "DIR", default_value = DEFAULT_STATE_DIR)]
    state_dir: PathBuf,
    /// Directory of the control socket; another one than the default also holds the pid file
    #[arg(long, value_name = "DIR", default_value = DEFAULT_RUN_DIR)]
    run_dir: PathBuf,
    /// Name of this node instead of what DIR/nodeinfo or the machine says
    #[arg(long, value_name = "NAME")]
    node_name: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// The process that runs resource scripts; the daemon starts it
    #[command(hide = true)]
    Guard,
}

const AFTER_HELP: &str = "\
Signals: TERM and INT hand everything over and stop, HUP reads the configuration again, USR1 and USR2 switch debug
lines on and off.

Exit codes: 0 started, stopped in order, or already running; 1 could not start; 2 usage; 4 no permission;
6 the configuration has errors; 70 the daemon itself failed.";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let exit = match arguments.command {
        Some(Command::Guard) => hb_daemon::guard_main(),
        None => run(arguments.options),
    };
    ExitCode::from(exit.code())
}

fn run(options: NodeOptions) -> Exit {
    let NodeOptions { foreground, dir, state_dir, run_dir, node_name } = options;
    let options =
        Options { foreground, config_dir: dir, state_dir, run_dir, node_name, ..Options::default() };
    hb_daemon::run(options)
}
