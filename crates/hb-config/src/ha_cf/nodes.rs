//! Nodes: `node`, `autojoin`, and the limits of the node list (`config.md` 4.1).

use std::net::IpAddr;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::source::{Mark, Word};

use super::HaCf;
use crate::checked::Autojoin;

/// Entries of the node list, ping nodes included.
const MOST_NODES: usize = 100;
/// Bytes of a node name.
const LONGEST_NAME: usize = 99;

pub(super) fn node(cf: &mut HaCf<'_>, word: Word<'_>) {
    let Some(name) = member_name(cf, word) else {
        cf.draft.doubts.nodes = true;
        return;
    };
    if !count_member(cf, word.mark) {
        return;
    }
    let lowered = name.to_ascii_lowercase();
    if let Some((_, first)) = cf.draft.nodes.iter().find(|(known, _)| *known == lowered) {
        let (source, first) = (cf.source, *first);
        cf.warning(word.mark, || {
            Diagnostic::warning(
                Code::NodeTwice,
                format!("node {} is named twice", quoted(lowered.as_bytes())),
            )
            .second(source.place(first), "first named here")
        });
        return;
    }
    if name.parse::<IpAddr>().is_ok() {
        cf.warning(word.mark, || {
            let message = format!("{} becomes a node: every word after `node` is a name", quoted(word.text));
            Diagnostic::warning(Code::NodeIsAddress, message)
                .hint("delete the address; `ucast` lines name addresses")
        });
    } else if lowered != name {
        cf.note(word.mark, || {
            Diagnostic::note(Code::NodeNameLowered, format!("read as {}", quoted(lowered.as_bytes())))
        });
    }
    cf.draft.nodes.push((lowered, word.mark));
}

pub(super) fn autojoin(cf: &mut HaCf<'_>, word: Word<'_>) {
    let value = match word.text.to_ascii_lowercase().as_slice() {
        b"none" => Some(Autojoin::None),
        b"other" => Some(Autojoin::Other),
        b"any" => Some(Autojoin::Any),
        _ => {
            cf.bad_value(Code::BadWord, word);
            None
        }
    };
    cf.draft.autojoin.set(value, word.mark);
}

/// The text of a name that others will see, or nothing after reporting it.
pub(super) fn member_name<'a>(cf: &mut HaCf<'_>, word: Word<'a>) -> Option<&'a str> {
    if word.text.len() > LONGEST_NAME {
        let length = word.text.len();
        cf.error(word.mark, || {
            Diagnostic::error(
                Code::NodeNameTooLong,
                format!("the node name has {length} bytes, at most 99 are possible"),
            )
            .hint("give the machine a shorter name")
        });
        return None;
    }
    let name = std::str::from_utf8(word.text).ok();
    if name.is_none() {
        cf.error(word.mark, || {
            Diagnostic::error(Code::NotUtf8, format!("node name {} is not UTF-8", quoted(word.text)))
                .hint("use letters, digits, `-` and `.`")
        });
    }
    name
}

/// Adds one to the node list as 3.0.6 counts it; false, after reporting it, if the list is full.
pub(super) fn count_member(cf: &mut HaCf<'_>, mark: Mark) -> bool {
    if cf.draft.members >= MOST_NODES {
        cf.error(mark, || {
            Diagnostic::error(
                Code::TooManyNodes,
                "this is the 101st node; at most 100 are possible, ping nodes included",
            )
            .hint("delete the nodes that do not belong to this cluster")
        });
        return false;
    }
    cf.draft.members += 1;
    true
}
