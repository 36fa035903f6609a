//! Messages out of bytes: known types and fields with values that are right, nearly right, or anything.

use std::time::Duration;

use hb_wire::{Message, Value, netstring};

/// What is left of an input; when it is used up it goes on with zeros.
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(super) const fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    /// A run of bytes whose length stands before it.
    fn run(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.rest.len());
        let (run, rest) = self.rest.split_at(length);
        self.rest = rest;
        run
    }

    pub(super) fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.run()).unwrap_or("")
    }

    /// From a microsecond to two days; short and long times are equally likely.
    pub(super) fn time(&mut self) -> Duration {
        let code = self.byte();
        let part = u64::from(self.byte()) + 1;
        Duration::from_nanos((1000 << (code % 30)) * part)
    }

    /// Whatever the netstring format can hold.
    pub(super) fn packet(&mut self) -> Option<Message> {
        netstring::decode(self.run()).ok()
    }

    fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[usize::from(self.byte()) % words.len()]
    }

    /// Mostly small, sometimes huge, sometimes no number.
    fn number(&mut self, near: u64) -> String {
        let code = self.byte();
        let value = u64::from(self.byte());
        match code % 12 {
            0..=4 => format!("{value:x}"),
            5 | 6 => format!("{near:x}"),
            7 => format!("{:x}", near.saturating_add(value)),
            8 => format!("{:x}", near.saturating_sub(value)),
            9 => format!("{:x}", value << (value % 57)),
            10 => u64::MAX.to_string(),
            _ => self.word(&["", "-1", "0x", " 5", "zz", "ffffffffffffffff", "10000000000000000"]).to_owned(),
        }
    }
}

/// What a forger knows of the node in whose name it speaks.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) generation: u64,
    /// Its last number.
    pub(super) seq: u64,
}

/// A message as from that node, mostly with the fields that its type needs.
pub(super) fn message(bytes: &mut Bytes<'_>, known: Known) -> Message {
    let (kind, needed) = KINDS[usize::from(bytes.byte()) % KINDS.len()];
    let mut message = Message::new(kind);
    let how = bytes.byte();
    message.push_text("src", if how & 0xf0 == 0 { bytes.word(NODES) } else { known.name });
    message.push_text("ts", "6b49d200");
    let (generation, seq) = (known.generation, known.seq.saturating_add(1));
    let is_right = how & 8 == 0;
    message.push_text("hg", &if is_right { format!("{generation:x}") } else { bytes.number(generation) });
    message.push_text("seq", &if how & 4 == 0 { format!("{seq:x}") } else { bytes.number(seq) });
    for name in needed.iter().copied() {
        let value = value(name, bytes, known);
        message.push_text(name, &value);
    }
    for _ in 0..how & 3 {
        let (name, value) = field(bytes, known);
        if name == "destuuid" || name == "srcuuid" {
            let length = value.len() % 20;
            message.set(name, Value::Binary(vec![bytes.byte() % 3; length].into()));
        } else {
            message.set_text(name, &value);
        }
    }
    message
}

/// One field.
pub(super) fn field(bytes: &mut Bytes<'_>, known: Known) -> (&'static str, String) {
    let name = bytes.word(FIELDS);
    (name, value(name, bytes, known))
}

fn value(name: &str, bytes: &mut Bytes<'_>, known: Known) -> String {
    let words: &[&'static str] = match name {
        "hg" => return bytes.number(known.generation),
        "seq" | "firstseq" | "lastseq" | "ackseq" => return bytes.number(known.seq),
        "ts" | "dt" | "ttl" => return bytes.number(200),
        "st" => &["active", "up", "init", "dead", "", "\u{1b}[2J", LONG],
        "rsc_hold" | "hb-taken" => &["none", "local", "foreign", "all", "failback", ""],
        "isstable" | "hb-ask" => &["0", "1", ""],
        "info" => &["me", "other", "done", "standby", "shutdown", "mach_down", "DONE", "not", ""],
        "rtype" => &["full", ""],
        "dest" | "src" | "node" => NODES,
        "t" => return KINDS[usize::from(bytes.byte()) % KINDS.len()].0.to_owned(),
        _ => return bytes.text().to_owned(),
    };
    bytes.word(words).to_owned()
}

/// Types, and the fields that each needs.
const KINDS: &[(&str, &[&str])] = &[
    ("status", &["st", "dt", "protocol"]),
    ("starting", &[]),
    ("resource", &["rsc_hold", "rtype", "isstable"]),
    ("resource", &["rsc_hold", "rtype", "isstable", "info"]),
    ("ask_resources", &["rsc_hold", "info"]),
    ("shutdone", &[]),
    ("hb_takeover", &["rsc_hold"]),
    ("NS_rexmit", &["firstseq", "lastseq"]),
    ("NS_nak_rexmit", &["firstseq"]),
    ("NS_ackmsg", &["dest", "ackseq"]),
    ("reqnodes", &[]),
    ("repnodes", &["nodelist"]),
    ("stonith", &["node"]),
    ("ip-request-resp", &["dest"]),
    ("", &[]),
    ("unknown", &["info"]),
];
const NODES: &[&str] = &["node0", "node1", "node2", "NODE0", ""];
const FIELDS: &[&str] = &[
    "seq", "hg", "ts", "st", "dt", "protocol", "hb-v", "rsc_hold", "isstable", "rtype", "info", "hb-taken",
    "hb-ask", "dest", "destuuid", "srcuuid", "firstseq", "lastseq", "ackseq", "src", "t", "node", "ttl",
    "nodelist", "hb-files", "hb-pings",
];
const LONG: &str = "a status that is longer than anything that a node says about itself";
