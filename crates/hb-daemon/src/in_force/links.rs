//! Which media stay open, which come, which go.

use hb_engine::{LinkConfig, LinkId, LinkPlan, Snapshot};
use hb_transport::MediumSpec;

use super::tell::Tell;

/// The media from now on and where they were before. They stay as they are if the change would take the last medium
/// away on which some node is heard: it would declare us dead before its own files are changed.
pub(super) fn plan(
    open: &[MediumSpec],
    read: Vec<MediumSpec>,
    snapshot: &Snapshot,
    tell: &mut Tell,
) -> (Vec<MediumSpec>, Vec<LinkPlan>) {
    let mut free: Vec<bool> = vec![true; open.len()];
    let mut before = Vec::with_capacity(read.len());
    for spec in &read {
        let found = open.iter().zip(&free).position(|(known, free)| *free && known == spec);
        if let Some(taken) = found.and_then(|index| free.get_mut(index)) {
            *taken = false;
        }
        before.push(found.and_then(|index| u16::try_from(index).ok()).map(LinkId));
    }
    let lost = loses_last_medium(&before, snapshot);
    if let Some(why) = if read.is_empty() { Some("no usable medium would be left".to_owned()) } else { lost }
    {
        tell.waits(format!("the media need a restart: {why}; until then the open ones stay in force"));
        let all = (0..).map(LinkId).map(Some).take(open.len());
        return (open.to_vec(), links(open, all));
    }
    for spec in open.iter().zip(&free).filter(|(_, free)| **free).map(|(spec, _)| spec) {
        tell.info(format!("medium {spec} closed"));
    }
    for (spec, _) in read.iter().zip(&before).filter(|(_, before)| before.is_none()) {
        tell.info(format!("medium {spec} opened"));
    }
    let plan = links(&read, before.into_iter());
    (read, plan)
}

fn links(specs: &[MediumSpec], before: impl Iterator<Item = Option<LinkId>>) -> Vec<LinkPlan> {
    let config = |spec: &MediumSpec| LinkConfig { name: spec.name().into_owned() };
    specs.iter().zip(before).map(|(spec, before)| LinkPlan { config: config(spec), before }).collect()
}

fn loses_last_medium(kept: &[Option<LinkId>], snapshot: &Snapshot) -> Option<String> {
    let others = snapshot.nodes.iter().filter(|node| node.node != snapshot.local && node.status != "dead");
    let loser = others.filter(|node| node.links.iter().any(|link| link.up)).find(|node| {
        let mut up = node.links.iter().filter(|link| link.up);
        !up.any(|link| kept.contains(&Some(link.link)))
    })?;
    Some(format!("none on which {} is heard now would stay", loser.name))
}
