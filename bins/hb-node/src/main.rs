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
#[expect(clippy::struct_excessive_bools, reason = "one for each letter of the command line of 3.0.6")]
struct NodeOptions {
    /// Tell whether a daemon runs: exit code 0, or 3 if none does
    #[arg(short, long)]
    status: bool,
    /// Stop the daemon that runs, in order, and wait until it is gone
    #[arg(short, long)]
    kill: bool,
    /// Let the daemon that runs read its files again; start one if none runs
    #[arg(short, long, conflicts_with = "restart")]
    reload: bool,
    /// Write debug lines to the log
    #[arg(short, long, action = clap::ArgAction::Count)]
    debug: u8,
    /// Show the directives that have a default
    #[arg(short = 'D', long)]
    defaults: bool,
    /// The same as wiki markup
    #[arg(short = 'W', long)]
    wiki: bool,
    /// Show the configuration before the start
    #[arg(short, long)]
    verbose: bool,
    /// Run without real-time scheduling
    #[arg(short = 'l', long)]
    ordinary_priority: bool,
    /// Start again after a reload: no daemon of hb needs that, so it only says that none runs, or that one does
    #[arg(short = 'R', long, hide = true)]
    restart: bool,
    /// What was held before such a start
    #[arg(short = 'C', long, hide = true, requires = "restart", value_parser = ["none", "local", "foreign", "all"])]
    current_resources: Option<String>,
    /// Words without meaning, as 3.0.6 takes them
    #[arg(hide = true)]
    words: Vec<String>,
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
    Guard {
        /// The daemon is in the background
        #[arg(long)]
        background: bool,
    },
    /// After the end of a daemon: waits for its guard, then removes addresses and rules that it left
    CleanUp {
        /// Directory of ha.cf and haresources, whose addresses are removed
        #[arg(long, value_name = "DIR", default_value = DEFAULT_CONFIG_DIR)]
        dir: PathBuf,
        /// Name of this node instead of what DIR/nodeinfo or the machine says
        #[arg(long, value_name = "NAME")]
        node_name: Option<String>,
        /// Directory of the control socket
        #[arg(long, value_name = "DIR", default_value = DEFAULT_RUN_DIR)]
        run_dir: PathBuf,
    },
}

const AFTER_HELP: &str = "\
Signals: TERM and INT hand everything over and stop, HUP reads the configuration again, USR1 and USR2 switch debug
lines on and off.

Exit codes: 0 started, stopped in order, or already running; 1 could not start; 2 usage; 3 no daemon runs (--status);
4 no permission; 6 the configuration has errors; 69 a failfast program has failed, stopped in order; 70 the daemon itself failed.";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let exit = match arguments.command {
        Some(Command::Guard { background }) => hb_daemon::guard_main(background),
        Some(Command::CleanUp { dir, node_name, run_dir }) => {
            hb_daemon::clean_up(&Options { config_dir: dir, node_name, run_dir, ..Options::default() })
        }
        None => run(arguments.options),
    };
    ExitCode::from(exit.code())
}

/// In the order of 3.0.6: defaults, stop, status, reload, start (`failover.md` 9.1).
fn run(arguments: NodeOptions) -> Exit {
    let options = Options {
        foreground: arguments.foreground,
        debug: arguments.debug > 0,
        verbose: arguments.verbose,
        ordinary_priority: arguments.ordinary_priority,
        config_dir: arguments.dir,
        state_dir: arguments.state_dir,
        run_dir: arguments.run_dir,
        node_name: arguments.node_name,
        ..Options::default()
    };
    if arguments.defaults || arguments.wiki {
        hb_daemon::print_defaults(arguments.wiki);
        return Exit::Good;
    }
    if arguments.kill {
        return hb_daemon::stop(&options);
    }
    if arguments.status {
        return hb_daemon::status(&options);
    }
    if arguments.restart {
        return hb_daemon::refuse_restart(&options);
    }
    let reloaded = arguments.reload.then(|| hb_daemon::reload(&options)).flatten();
    reloaded.unwrap_or_else(|| hb_daemon::run(options))
}
