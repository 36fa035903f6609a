//! A node's status as tables for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hb_client::{GroupState, HintStatus, MonitorStatus, NodeKind, ScriptsStatus, Status};

/// Everything worth seeing, the node itself first.
pub(crate) fn table(status: &Status) -> String {
    let mut text = String::new();
    head(&mut text, status);
    columns(&mut text, &nodes(status));
    if status.groups.is_empty() {
        text.push_str("\nno resource groups\n");
    } else {
        text.push('\n');
        columns(&mut text, &groups(status));
    }
    text.push('\n');
    columns(&mut text, &media(status));
    tail(&mut text, status);
    text
}

fn head(text: &mut String, status: &Status) {
    let transition = if status.stopping {
        "stopping"
    } else if status.stable {
        "stable"
    } else {
        "in transition"
    };
    let Status { node, version, pid, hold, generation, .. } = status;
    let uptime = time(status.uptime_ms);
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "node {node}: holds {hold}, {transition}");
    let _ = writeln!(text, "hb {version}, process {pid}, up {uptime}, generation {generation}\n");
}

fn nodes(status: &Status) -> Vec<Vec<String>> {
    let mut rows = vec![row(["NODE", "STATUS", "SILENT", "DEAD AFTER", "HOLDS", "LINKS", ""])];
    for node in &status.nodes {
        let own = node.name == status.node;
        let links: Vec<_> = node
            .links
            .iter()
            .map(|link| format!("{} {}", link.name, if link.up { "up" } else { "dead" }))
            .collect();
        let mut remarks = Vec::new();
        if own {
            remarks.push("this node".to_owned());
        }
        if node.is_deaf {
            remarks.push("does not hear this node".to_owned());
        }
        if node.missing > 0 {
            remarks.push(format!("{} messages missing", node.missing));
        }
        if let Some(files) = node.other_files.as_ref().filter(|files| !files.is_empty()) {
            remarks.push(format!("other {}", files.join(", ")));
        }
        match node.kind {
            NodeKind::Normal if !own && node.silence_ms.is_some() && !node.speaks_hb => {
                remarks.push("3.0.6".to_owned());
            }
            NodeKind::Normal => {}
            NodeKind::Ping => remarks.push("ping node".to_owned()),
        }
        rows.push(row([
            node.name.clone(),
            node.status.clone(),
            node.silence_ms.map_or_else(|| "-".to_owned(), time),
            time(node.deadtime_ms),
            node.hold.map_or_else(|| "-".to_owned(), |hold| hold.to_string()),
            links.join(", "),
            remarks.join(", "),
        ]));
    }
    rows
}

fn groups(status: &Status) -> Vec<Vec<String>> {
    let mut rows = vec![row(["GROUP", "HOME", "HERE", "EPOCH", ""])];
    for group in &status.groups {
        let state = match group.state {
            GroupState::Down if group.lent => "lent",
            GroupState::Down => "down",
            GroupState::Starting => "starting",
            GroupState::Up => "up",
            GroupState::Stopping => "stopping",
            GroupState::Failed => "FAILED",
        };
        let home = group.home.clone().unwrap_or_else(|| "-".to_owned());
        let epoch = group.epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string());
        let monitor = group.monitor.as_ref().map(monitored).unwrap_or_default();
        rows.push(row([group.key.clone(), home, state.to_owned(), epoch, monitor]));
    }
    rows
}

fn monitored(monitor: &MonitorStatus) -> String {
    let MonitorStatus { failures, restarts, problem } = monitor;
    match problem {
        Some(problem) => {
            format!("monitored: {failures} failed, {restarts} restarts of late, last: {problem}")
        }
        None => "monitored".to_owned(),
    }
}

fn media(status: &Status) -> Vec<Vec<String>> {
    let mut rows = vec![row(["MEDIUM", "SENT", "RECEIVED", "ERRORS", "REFUSED", ""])];
    for medium in &status.media {
        rows.push(row([
            format!("{} {}", medium.kind, medium.name),
            medium.sent.to_string(),
            medium.received.to_string(),
            (medium.send_errors + medium.receive_errors).to_string(),
            by_cause(&medium.refused),
            medium.hints.iter().map(hint).collect::<Vec<_>>().join(", "),
        ]));
    }
    rows
}

/// Its name is words with hyphens.
fn hint(hint: &HintStatus) -> String {
    let HintStatus { name, peer, age_ms, .. } = hint;
    let by = peer.as_ref().map(|peer| format!(" by {peer}")).unwrap_or_default();
    format!("{}{by} for {}", name.replace('-', " "), time(*age_ms))
}

/// How many, and of which causes.
fn by_cause(refused: &BTreeMap<String, u64>) -> String {
    let total: u64 = refused.values().sum();
    let causes: Vec<_> = refused.iter().map(|(cause, count)| format!("{cause} {count}")).collect();
    if total == 0 { "0".to_owned() } else { format!("{total} ({})", causes.join(", ")) }
}

fn tail(text: &mut String, status: &Status) {
    let mut remarks = Vec::new();
    remarks.extend(status.protection.iter().map(|line| ("protection", line.clone())));
    remarks.extend(status.scheduling.problem.iter().map(|problem| ("scheduling", problem.clone())));
    let ScriptsStatus { taken, refused } = &status.scripts;
    if !refused.is_empty() {
        remarks.push(("scripts", format!("{taken} messages taken, refused {}", by_cause(refused))));
    }
    let log = status.log;
    if log.dropped + log.unwritten > 0 {
        let lost = format!("{} lines lost, {} not taken by a destination", log.dropped, log.unwritten);
        remarks.push(("log", lost));
    }
    if log.suppressed > 0 {
        remarks.push(("log", format!("{} repeated lines left out", log.suppressed)));
    }
    remarks.extend(status.not_in_force.iter().map(|line| ("not in force", line.clone())));
    if !remarks.is_empty() {
        text.push('\n');
    }
    for (what, line) in remarks {
        let _ = writeln!(text, "{what}: {line}");
    }
}

/// Columns as wide as their widest cell; the last ones empty leave no blanks behind.
fn columns(text: &mut String, rows: &[Vec<String>]) {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..count).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn row<const N: usize>(cells: [impl Into<String>; N]) -> Vec<String> {
    cells.into_iter().map(Into::into).collect()
}

/// Milliseconds in the unit that people would choose.
fn time(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
