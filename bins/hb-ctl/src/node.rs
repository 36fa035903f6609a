//! The sub-commands that talk to the node on this machine.

use std::thread::sleep;
use std::time::{Duration, Instant};

use hb_client::{Client, GroupState, NodeKind, ResourceSet};

use crate::Done;
use crate::arguments::{Fenced, Members, Move, Node, Status, Stop, Which};
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
    let set = match &arguments.which {
        Which::Set(set) => *set,
        Which::Group(group) => {
            let others = |status: &hb_client::Status| {
                let normal = status.nodes.iter().filter(|node| node.kind == NodeKind::Normal);
                normal.map(|node| node.name.clone()).find(|name| *name != status.node)
            };
            let status = connect(&arguments.node, PATIENCE)?.status()?;
            let other = others(&status).ok_or_else(|| Failure::new("there is no other node"))?;
            return move_group(&arguments.node, group, &other, arguments.wait);
        }
    };
    say(&connect(&arguments.node, PATIENCE)?.standby(set)?)?;
    wait_until(&arguments.node, arguments.wait, "given", |status| !holds(status.hold, set))
}

/// `hb-ctl takeover`
pub(crate) fn takeover(arguments: &Move) -> Done {
    let set = match &arguments.which {
        Which::Set(set) => *set,
        Which::Group(group) => {
            let here = connect(&arguments.node, PATIENCE)?.status()?.node;
            return move_group(&arguments.node, group, &here, arguments.wait);
        }
    };
    say(&connect(&arguments.node, PATIENCE)?.takeover(set)?)?;
    wait_until(&arguments.node, arguments.wait, "taken", |status| {
        status.hold == ResourceSet::All || status.hold == set
    })
}

/// `hb-ctl move`, and the two before with the name of a group
pub(crate) fn move_group(node: &Node, group: &str, to: &str, wait: Option<u64>) -> Done {
    say(&connect(node, PATIENCE)?.move_group(group.to_owned(), to.to_owned())?)?;
    wait_until(node, wait, "moved", |status| {
        let Some(known) = status.groups.iter().find(|known| known.key == group) else { return false };
        if status.node == to {
            return known.state == GroupState::Up;
        }
        // Who lends it waits until the other node says that it has it.
        let is_home = known.home.as_ref() == Some(&status.node);
        let set = if is_home { ResourceSet::Local } else { ResourceSet::Foreign };
        known.state == GroupState::Down && (known.lent || !holds(status.hold, set))
    })
}

/// `hb-ctl fence confirm`
pub(crate) fn confirm_fenced(arguments: &Fenced) -> Done {
    say(&connect(&arguments.node, PATIENCE)?.fenced(arguments.name.clone())?)
}

/// `hb-ctl addnode`
pub(crate) fn add_nodes(arguments: Members) -> Done {
    say(&connect(&arguments.node, PATIENCE)?.add_nodes(arguments.names)?)
}

/// `hb-ctl delnode`
pub(crate) fn delete_nodes(arguments: Members) -> Done {
    say(&connect(&arguments.node, PATIENCE)?.delete_nodes(arguments.names)?)
}

/// Waits, if asked to, until the node holds what it shall and nothing is in transition.
fn wait_until(
    node: &Node,
    wait: Option<u64>,
    verb: &str,
    is_so: impl Fn(&hb_client::Status) -> bool,
) -> Done {
    let Some(limit) = wait.map(Duration::from_secs) else { return Ok(()) };
    let begun = Instant::now();
    loop {
        let status = connect(node, PATIENCE)?.status()?;
        if status.stable && is_so(&status) {
            return say(&format!("{verb}: this node holds [{}]", status.hold));
        }
        if begun.elapsed() >= limit {
            let transition = if status.stable { "" } else { ", in transition" };
            let text = format!("not {verb}: this node holds [{}]{transition}; the log says why", status.hold);
            return Err(Failure::new(text));
        }
        sleep(LOOK_AGAIN);
    }
}

/// Whether a node that holds the one set holds something of the other.
fn holds(hold: ResourceSet, set: ResourceSet) -> bool {
    match (hold, set) {
        (ResourceSet::None, _) | (_, ResourceSet::None) => false,
        (ResourceSet::All, _) | (_, ResourceSet::All) => true,
        (hold, set) => hold == set,
    }
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

/// Between two looks at a node that moves groups.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Longest wait for an answer, which takes a millisecond.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same while the node reads its files, which may mean waiting for name services.
const READING: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_set_is_something_of_it() {
        use ResourceSet::{All, Foreign, Local, None};
        assert!(holds(Local, All) && holds(All, Foreign) && holds(Local, Local));
        assert!(!holds(None, All) && !holds(Local, Foreign) && !holds(Foreign, Local));
    }
}
