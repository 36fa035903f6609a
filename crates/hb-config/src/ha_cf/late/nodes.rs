//! The node list as a whole (`config.md` 7), and names that 3.0.6 confuses (`failover.md` 1.4, 11).

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report, quoted};
use crate::pattern::matches_with_dots;
use crate::source::{Mark, Source};

use super::super::HaCf;
use super::super::draft::Draft;
use super::whole_file;
use crate::checked::Autojoin;

/// Whether there are nodes, this one among them, and whether their names can be told apart.
pub(super) fn check(cf: &mut HaCf<'_>) {
    names_of_ping_nodes(cf);
    patterns(cf);
    if cf.draft.autojoin.value() == Some(&Autojoin::Any) || cf.draft.doubts.nodes {
        return;
    }
    let own_name = cf.own_name;
    if cf.draft.members == 0 {
        whole_file(cf, || {
            Diagnostic::error(Code::NoNodes, "no node is defined")
                .hint(format!("name every node, this one included: for example `node {own_name} other`"))
        });
    } else if !cf.draft.nodes.iter().any(|(name, _)| name == own_name) {
        let short = own_name.split('.').next().unwrap_or_default();
        let near = cf.draft.nodes.iter().find(|(name, _)| name.split('.').next() == Some(short)).cloned();
        let second = near.as_ref().map(|(_, mark)| cf.place(*mark));
        whole_file(cf, || {
            let message = format!("this node, {}, is not in the configuration", quoted(own_name.as_bytes()));
            let diagnostic = Diagnostic::error(Code::NotAMember, message);
            match (near, second) {
                (Some((name, _)), Some(place)) => diagnostic
                    .at(place)
                    .label("the same host?")
                    .hint(format!("write the name as `uname -n` prints it: `{own_name}`, not `{name}`")),
                _ => diagnostic.hint(format!("add `node {own_name}`, or name the node in the file nodeinfo")),
            }
        });
    }
}

/// Groups move between two nodes (`failover.md` 11, number 32).
pub(crate) fn check_number_of_nodes(nodes: &[(String, Mark)], source: &Source, report: &mut Report) {
    let Some((_, third)) = nodes.get(2) else { return };
    let count = nodes.len();
    report.warning(|| {
        let message = format!("haresources serves two nodes, and there are {count}");
        Diagnostic::warning(Code::ManyNodes, message)
            .at(source.place(*third))
            .hint("make clusters of two nodes, or leave haresources empty")
    });
}

/// Whose groups move is written in the files, so nobody can join by itself where there are any.
pub(crate) fn check_autojoin(draft: &Draft, source: &Source, report: &mut Report) {
    let (true, Some(mark)) = (draft.is_open(), draft.autojoin.mark()) else { return };
    report.error(|| {
        let message = "nodes cannot join by themselves when haresources owns the resources";
        Diagnostic::error(Code::Autojoin, message)
            .at(source.place(mark))
            .hint("write `autojoin none` and name all nodes")
    });
}

/// A ping node may have a node's name; both are listed then.
fn names_of_ping_nodes(cf: &mut HaCf<'_>) {
    let draft = &cf.draft;
    let pairs = draft.ping_nodes.iter().filter_map(|(name, mark)| {
        let (_, node) = draft.nodes.iter().find(|(node, _)| node.eq_ignore_ascii_case(name))?;
        Some((name.clone(), *mark, *node))
    });
    for (name, mark, node) in pairs.collect::<Vec<_>>() {
        let source = cf.source;
        cf.warning(mark, || {
            let message = format!("ping node {} has the name of a node", quoted(name.as_bytes()));
            Diagnostic::warning(Code::PingIsNode, message)
                .second(source.place(node), "the node")
                .hint("ping a router or switch by its address")
        });
    }
}

/// The scripts of 3.0.6 look for lines of a node by its name as a pattern (`failover.md` 1.4).
fn patterns(cf: &mut HaCf<'_>) {
    let nodes = &cf.draft.nodes;
    let pairs = nodes.iter().flat_map(|pattern| nodes.iter().map(move |other| (pattern, other)));
    let matching = pairs.filter(|((pattern, _), (other, _))| {
        pattern != other && matches_with_dots(pattern.as_bytes(), other.as_bytes())
    });
    let matching: Vec<_> = matching.map(|(pattern, other)| (pattern.clone(), other.clone())).collect();
    for ((pattern, mark), (other, place)) in matching {
        let source = cf.source;
        cf.warning(mark, || {
            let (pattern, other) = (quoted(pattern.as_bytes()), quoted(other.as_bytes()));
            let message = format!("as a pattern of 3.0.6, node name {pattern} also matches {other}");
            Diagnostic::warning(Code::NodePattern, message)
                .second(source.place(place), "matches")
                .hint("rename one of the two if a node runs 3.0.6")
        });
    }
}
