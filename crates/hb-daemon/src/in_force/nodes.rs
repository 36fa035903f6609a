//! Which nodes come, which go, and whether others may join.
//!
//! Only a line that came or went counts: who has joined, or was added or deleted by `hb-ctl`, is what others have decided.

use std::collections::BTreeMap;

use hb_config::Checked;
use hb_engine::{NodeId, NodeSnapshot, NodesPlan, Snapshot};

use super::InForce;
use super::tell::Tell;

/// The nodes from now on.
pub(super) struct Nodes {
    /// Those of the files, in the order in which they came.
    pub(super) named: Vec<String>,
    /// For the engine.
    pub(super) plan: NodesPlan,
    /// Numbers of all that there will be, those included that no file names.
    pub(super) numbers: BTreeMap<String, NodeId>,
}

/// A removed node stays as long as it could serve something of ours, or its going would have to be told to somebody who hears it.
/// A third one waits where there are groups, which two nodes own.
pub(super) fn plan(in_force: &InForce, read: &Checked, snapshot: &Snapshot, tell: &mut Tell) -> Nodes {
    let now = &in_force.checked;
    let mut numbers: BTreeMap<String, NodeId> =
        snapshot.nodes.iter().map(|node| (node.name.clone(), node.node)).collect();
    let mut nodes = Nodes { named: now.nodes.clone(), plan: NodesPlan::default(), numbers: BTreeMap::new() };
    nodes.plan.membership.autojoin = now.autojoin.is_open();
    if now.node_name != read.node_name {
        // It waits for a restart, and so does everything that belongs to it.
        let words = |checked: &Checked| checked.nodes.join(" ");
        tell.needs_restart("node", &words(now), &words(read));
        return Nodes { numbers, ..nodes };
    }
    nodes.plan.membership.autojoin = read.autojoin.is_open();
    let has_groups = !snapshot.groups.is_empty() || !read.groups.is_empty();
    for name in now.nodes.iter().filter(|name| !read.nodes.contains(name) && **name != now.node_name) {
        let known = snapshot.nodes.iter().find(|node| node.name == *name);
        if let Some(why) = known.and_then(|node| hindrance(node, has_groups, snapshot)) {
            tell.waits(stays(name, why));
            continue;
        }
        tell.info(format!("node {name} deleted"));
        nodes.named.retain(|named| named != name);
        nodes.plan.removed.extend(numbers.remove(name).map(|_| name.clone()));
    }
    for name in read.nodes.iter().filter(|name| !now.nodes.contains(name)) {
        let is_known = numbers.contains_key(name);
        if has_groups && !is_known && numbers.len() >= 2 {
            let names = nodes.named.join(" ");
            tell.waits(format!(
                "node {name} needs a restart: haresources serves two nodes; until then {names} stays in force"
            ));
            continue;
        }
        tell.info(format!("node {name} added"));
        nodes.named.push(name.clone());
        if !is_known {
            // As the engine does: the lowest number that nobody has.
            let free = (0..u16::MAX).map(NodeId).find(|id| !numbers.values().any(|taken| taken == id));
            numbers.extend(free.map(|id| (name.clone(), id)));
            nodes.plan.added.push(name.clone());
        }
    }
    Nodes { numbers, ..nodes }
}

impl InForce {
    /// What the engine has not done of a plan, because something happened meanwhile, waits for another reading.
    pub(crate) fn note_nodes(&mut self, plan: &NodesPlan, snapshot: &Snapshot) -> Vec<String> {
        let is_there = |name: &String| snapshot.nodes.iter().any(|node| node.name == *name);
        let mut lines = Vec::new();
        for name in plan.removed.iter().filter(|name| is_there(name)) {
            self.checked.nodes.push(name.clone());
            lines.push(stays(name, ACTIVE));
        }
        for name in plan.added.iter().filter(|name| !is_there(name)) {
            self.checked.nodes.retain(|named| named != name);
            lines.push(format!("node {name} was not added: see the log, and reload again"));
        }
        self.waiting.extend(lines.iter().cloned());
        lines
    }
}

fn stays(name: &str, why: &str) -> String {
    format!("node {name} is not deleted: {why}, then reload again; until then it stays in force")
}

fn hindrance(node: &NodeSnapshot, has_groups: bool, snapshot: &Snapshot) -> Option<&'static str> {
    let is_dead = node.status == "dead";
    let was_never_heard = node.status == "init" && node.silence.is_none();
    let own = snapshot.nodes.iter().find(|node| node.node == snapshot.local);
    if snapshot.fencing.is_some_and(|fencing| fencing.node == node.node) {
        return Some("it waits for its reset. See to that");
    }
    if has_groups && own.is_none_or(|own| own.status != "active") {
        return Some("this node has only begun. Wait until it is active");
    }
    if was_never_heard {
        return has_groups.then_some("it may still be heard. Wait until it counts as dead");
    }
    (!is_dead).then_some(ACTIVE)
}

const ACTIVE: &str = "it is not dead. Stop it, wait until it counts as dead";
