//! The sub-commands that talk to the node on this machine.

use std::time::Duration;

use hb_client::Client;

use crate::Done;
use crate::arguments::{Members, Move, Node, Status, Stop};
use crate::output::{Failure, print};
use crate::status::table;

/// `hb-ctl status`
pub(crate) fn status(arguments: &Status) -> Done {
    let status = connect(&arguments.node, PATIENCE)?.status()?;
    if arguments.json {
        let line = serde_json::to_string(&status).map_err(|error| Failure::of(&error))?;
        print(&format!("{line}\n"))
    } else {
        print(&table(&status))
    }
}

/// `hb-ctl stop`
pub(crate) fn stop(arguments: &Stop) -> Done {
    Ok(connect(&arguments.node, PATIENCE)?.stop(Duration::from_secs(arguments.limit))?)
}

/// `hb-ctl standby`
pub(crate) fn standby(arguments: &Move) -> Done {
    say(&connect(&arguments.node, PATIENCE)?.standby(arguments.set)?)
}

/// `hb-ctl takeover`
pub(crate) fn takeover(arguments: &Move) -> Done {
    say(&connect(&arguments.node, PATIENCE)?.takeover(arguments.set)?)
}

/// `hb-ctl addnode`
pub(crate) fn add_nodes(arguments: Members) -> Done {
    say(&connect(&arguments.node, PATIENCE)?.add_nodes(arguments.names)?)
}

/// `hb-ctl delnode`
pub(crate) fn delete_nodes(arguments: Members) -> Done {
    say(&connect(&arguments.node, PATIENCE)?.delete_nodes(arguments.names)?)
}

/// `hb-ctl reload`
pub(crate) fn reload(node: &Node) -> Done {
    say(&connect(node, READING)?.reload()?)
}

fn connect(node: &Node, timeout: Duration) -> Result<Client, Failure> {
    Ok(Client::connect(&node.run_dir, timeout)?)
}

fn say(text: &str) -> Done {
    print(&format!("{text}\n"))
}

/// Longest wait for an answer, which takes a millisecond.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same while the node reads its files, which may mean waiting for name services.
const READING: Duration = Duration::from_secs(60);
