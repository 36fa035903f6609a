//! Which groups stay untouched, which come, which go.

use std::collections::{BTreeMap, BTreeSet};

use hb_config::{Checked, Group};
use hb_engine::{GroupId, GroupPlan, NodeId, Snapshot};
use hb_resource::GroupSpec;

use super::InForce;
use super::tell::Tell;
use crate::mapping;

/// Numbers of all nodes that there will be.
type Numbers = BTreeMap<String, NodeId>;

/// The groups from now on.
pub(super) struct Groups {
    pub(super) list: Vec<(GroupId, Group)>,
    pub(super) names: Vec<String>,
    pub(super) plan: Vec<GroupPlan>,
    pub(super) new: Vec<(usize, GroupSpec)>,
}

/// A group with the same resources stays what it is, under its number, also with another preferred node. Any other is new, under a number that neither
/// a group of the file nor one that is still being stopped has.
pub(super) fn plan(
    in_force: &InForce,
    (checked, nodes): (&Checked, &Numbers),
    read: Vec<Group>,
    snapshot: &Snapshot,
    tell: &mut Tell,
) -> Groups {
    let mut left = in_force.groups.clone();
    let mut groups =
        Groups { list: Vec::new(), names: in_force.group_names.clone(), plan: Vec::new(), new: Vec::new() };
    let mut used: BTreeSet<u16> = left.iter().map(|(id, _)| id.0).collect();
    used.extend(snapshot.groups.iter().map(|group| group.group.0));
    let mut added = Vec::new();
    // A 3.0.6 that runs decides by its own reading of the files, and says nothing of it.
    let mut others =
        snapshot.nodes.iter().filter(|node| node.node != snapshot.local && node.status != "dead");
    let speak_hb = others.all(|node| node.speaks_hb);
    // First those that stay, so that no copy with another home takes their place.
    let mut stays: Vec<Option<(GroupId, Group)>> = Vec::with_capacity(read.len());
    for group in &read {
        stays.push(left.iter().position(|(_, known)| known == group).map(|index| left.remove(index)));
    }
    for (group, stays) in read.into_iter().zip(stays) {
        let moved = || left.iter().position(|(_, known)| known.resources == group.resources);
        let known = match stays {
            Some(known) => Some(known),
            None => moved().map(|index| left.remove(index)),
        };
        if let Some((id, known)) = known {
            let key = mapping::key(&group);
            if !checked.nodes.contains(&group.node) {
                let (before, after) = (&known.node, &group.node);
                tell.waits(format!(
                    "group {key}: {after} is no node; until it is, {before} stays its preferred node"
                ));
                groups.keep(id, known, nodes);
                continue;
            }
            let is_ours = |group: &Group| group.node == checked.node_name;
            if is_ours(&known) != is_ours(&group) && !speak_hb {
                let what = format!("group {key}: another preferred node, beside a Heartbeat,");
                tell.needs_restart(&what, &known.node, &group.node);
                groups.keep(id, known, nodes);
                continue;
            }
            // It runs on where it is.
            tell.change(&format!("group {key}: preferred node"), &known.node, &group.node);
            groups.keep(id, group, nodes);
        } else if !checked.nodes.contains(&group.node) {
            let key = mapping::key(&group);
            tell.waits(format!("group {key} needs a restart: until then {} is no node", group.node));
        } else if has_other_nodes(checked, nodes) {
            let key = mapping::key(&group);
            tell.waits(format!("group {key} needs a restart: until then the nodes are not those of ha.cf"));
        } else if let Some(id) = (0..u16::MAX).find(|id| used.insert(*id)) {
            added.push(mapping::key(&group));
            groups.add(id, group, nodes);
        }
    }
    for (_, group) in left {
        let key = mapping::key(&group);
        if let Some(index) = added.iter().position(|added| *added == key) {
            added.remove(index);
            tell.info(format!("group {key} changed: stopped where it runs, then started as it is now"));
        } else {
            tell.info(format!("group {key} removed: stopped where it runs"));
        }
    }
    for key in added {
        tell.info(format!("group {key} added"));
    }
    groups
}

/// Whether nodes have joined or were deleted, or still may join: groups have two nodes, those that the files name.
fn has_other_nodes(checked: &Checked, nodes: &Numbers) -> bool {
    let known: BTreeSet<&str> = nodes.keys().map(String::as_str).collect();
    checked.autojoin.is_open() || known != checked.nodes.iter().map(String::as_str).collect()
}

impl Groups {
    fn keep(&mut self, id: GroupId, group: Group, nodes: &Numbers) {
        let home = nodes.get(&group.node).copied();
        self.plan.push(GroupPlan { id, config: mapping::group_config(&group, home) });
        self.list.push((id, group));
    }

    fn add(&mut self, id: u16, group: Group, nodes: &Numbers) {
        let index = usize::from(id);
        if self.names.len() <= index {
            self.names.resize(index + 1, String::new());
        }
        if let Some(name) = self.names.get_mut(index) {
            *name = mapping::key(&group);
        }
        self.new.push((index, mapping::group_spec(&group)));
        self.keep(GroupId(id), group, nodes);
    }
}
