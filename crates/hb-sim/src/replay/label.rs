//! Which messages are compared, and what of them: everything that says who lives, who holds what and who gives what.
//!
//! Left out: heartbeats that say nothing new, the bus's own traffic, clients' messages, what a node sends to itself, what
//! is sent again, and a message that says the same as the one before it.

use std::collections::HashSet;
use std::time::Duration;

use hb_wire::Message;

use super::recording::{Life, Recording};

/// A message as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) at: Duration,
    pub(super) text: String,
}

/// What the real node said in a life.
pub(super) fn of_node(recording: &Recording, node: usize, life: &Life) -> Vec<Said> {
    let own = recording.heard.iter().filter(|heard| recording.is_of(heard, node, life));
    labels(own.map(|heard| (heard.at, &heard.message)))
}

/// What its shadow would have said.
pub(super) fn of_shadow(sent: &[(Duration, Message)]) -> Vec<Said> {
    labels(sent.iter().map(|(at, message)| (*at, message)))
}

fn labels<'a>(messages: impl Iterator<Item = (Duration, &'a Message)>) -> Vec<Said> {
    let mut seen = HashSet::new();
    let mut status = String::new();
    let mut list: Vec<Said> = Vec::new();
    for (at, message) in messages {
        let again = message.text("seq").is_some_and(|seq| !seen.insert(seq.to_owned()));
        let to_itself = message.text("dest").is_some() && message.text("dest") == message.text("src");
        let Some(text) = label(message).filter(|_| !again && !to_itself) else { continue };
        if message.kind() == Some("status") {
            if status == text {
                continue;
            }
            status.clone_from(&text);
        }
        if list.last().is_none_or(|last| last.text != text) {
            list.push(Said { at, text });
        }
    }
    list
}

/// Nothing for messages that are not compared.
fn label(message: &Message) -> Option<String> {
    let kind = message.kind()?;
    let fields: &[&str] = match kind {
        "status" => &["st"],
        "starting" | "shutdone" | "reqnodes" | "repnodes" => &[],
        "resource" => &["rsc_hold", "isstable", "info"],
        "ask_resources" => &["rsc_hold", "info"],
        "hb_takeover" => &["rsc_hold"],
        "stonith" => &["result"],
        _ => return None,
    };
    let values = fields.iter().filter_map(|name| message.text(name));
    // Why a node announces is its own business (`failover.md` 4).
    let values = values.filter(|value| *value != "req_our_resources()");
    Some(std::iter::once(kind).chain(values).collect::<Vec<_>>().join(" "))
}
