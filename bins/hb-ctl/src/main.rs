//! `hb-ctl`: asks and steers a node, checks its configuration, decodes captures, runs the lab.
//!
//! * `arguments`: the command line
//! * `check`, `convert`, `decode`, `explain`, `lab`, `node`: what the sub-commands do: each calls one library and maps its result
//! * `scripts`: the names `hb_standby` and `hb_takeover`
//! * `status`: a node's status as a table
//! * `output`: writes to stdout, ends quietly when nobody reads any more

mod arguments;
mod check;
mod convert;
mod decode;
mod explain;
mod lab;
mod node;
mod output;
mod scripts;
mod status;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use output::Failure;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(code) = scripts::by_name(&arguments) {
        return code;
    }
    let result = match Arguments::parse().command {
        Command::Status(arguments) => node::status(&arguments),
        Command::Stop(arguments) => node::stop(&arguments),
        Command::Standby(arguments) => node::standby(&arguments),
        Command::Takeover(arguments) => node::takeover(&arguments),
        Command::Move(arguments) => {
            node::move_group(&arguments.node, &arguments.group, &arguments.to, arguments.wait)
        }
        Command::Fence(arguments::Fence::Confirm(arguments)) => node::confirm_fenced(&arguments),
        Command::Addnode(arguments) => node::add_nodes(arguments),
        Command::Delnode(arguments) => node::delete_nodes(arguments),
        Command::Reload(arguments) => node::reload(&arguments.node),
        Command::Check(arguments) => check::check(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Convert(arguments) => convert::convert(&arguments),
        Command::Decode(arguments) => decode::decode(&arguments),
        Command::Lab(arguments) => lab::lab(arguments),
        Command::LabInternal { arguments } => return hb_lab::internal(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

/// Good, or what went wrong.
type Done = Result<(), Failure>;
