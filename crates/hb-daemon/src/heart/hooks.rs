//! Which events scripts of `rc.d` hear of, and with what variables (`failover.md` 5.1, 5.2).
//!
//! Finds out what is worth telling; whether there is a script for it is looked at elsewhere. A message is copied only when
//! it may be told: one with another status of its sender, or one of a type that asks for nothing here.

use std::collections::BTreeMap;

use hb_engine::{Event, LinkId, NodeId, PingId};
use hb_wire::{Message, Value};

use crate::event_text::Names;

/// An event for scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Its type.
    pub(crate) kind: String,
    /// Names, without `HA_`, and values.
    pub(crate) fields: Vec<(String, String)>,
}

/// What the heart remembers for scripts.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    /// Each node's last status that was told, for `HA_OSTATUS`, until the node is deleted or the ping
    /// member gone.
    statuses: BTreeMap<String, String>,
    /// The message at hand.
    at_hand: Option<Message>,
    /// Events that no script heard of for want of room.
    lost: u64,
}

impl Hooks {
    /// Before the engine gets this message.
    pub(super) fn consider(&mut self, message: &Message) {
        let sender = message.text("src").unwrap_or_default();
        let may_be_told = match message.kind() {
            Some("status") => message.text("st") != self.statuses.get(sender).map(String::as_str),
            Some(kind) => !kind.starts_with("NS_"),
            None => false,
        };
        self.at_hand = may_be_told.then(|| message.clone());
    }

    /// After it: an event that comes by itself is about no message.
    pub(super) fn forget(&mut self) {
        self.at_hand = None;
    }

    /// A ping member is gone.
    pub(super) fn forget_ping(&mut self, name: &str) {
        self.statuses.remove(name);
    }

    /// An event finds no room; how many did so far.
    pub(super) const fn lose(&mut self) -> u64 {
        self.lost += 1;
        self.lost
    }

    /// What scripts hear of this event.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a new event is told to scripts only on purpose")]
    pub(super) fn tell(&mut self, event: &Event, names: &Names) -> Option<Told> {
        let node = |who: &NodeId| names.node(*who).to_owned();
        let link = |on: &LinkId| names.link(*on).to_owned();
        let ping = |who: &PingId| names.ping(*who).to_owned();
        match event {
            Event::NodeStatus { node: who, status } => Some(self.status(&node(who), status, &[])),
            Event::NodeDead { node: who, .. } => Some(self.dead(&node(who), &[])),
            Event::PingDead { ping: who, .. } => Some(self.dead(&ping(who), &[("info", "ping")])),
            Event::PingAnswers { ping: who } => {
                let name = ping(who);
                self.statuses.insert(name.clone(), "ping".to_owned());
                Some(told("NS_st", &[("src", &name), ("st", "ping"), ("info", "ping")]))
            }
            Event::LinkUp { node: who, link: on } => Some(link_status(&node(who), &link(on), "up")),
            Event::LinkDown { node: who, link: on } => Some(link_status(&node(who), &link(on), "dead")),
            Event::PingLinkUp { ping: who } => Some(link_status(&ping(who), &ping(who), "up")),
            Event::PingLinkDown { ping: who } => Some(link_status(&ping(who), &ping(who), "dead")),
            Event::NodeDeleted { name, .. } => {
                self.statuses.remove(name);
                None
            }
            Event::NotFenced { node: who } => Some(fencing(&node(who), "n_stnth")),
            Event::FencingUnneeded { node: who } => Some(fencing(&node(who), "unneeded")),
            Event::Fenced { node: who, .. } => Some(fencing(&node(who), "OK")),
            Event::FencingFailed { node: who, .. } => Some(fencing(&node(who), "bad")),
            Event::OtherMessage => {
                let message = self.at_hand.take()?;
                Some(Told { kind: message.kind()?.to_owned(), fields: text_fields(&message) })
            }
            _ => None,
        }
    }

    /// By the message itself, if it is at hand.
    fn status(&mut self, name: &str, status: &str, more: &[(&str, &str)]) -> Told {
        let message = self.at_hand.take().filter(|message| {
            message.kind() == Some("status")
                && message.text("src") == Some(name)
                && message.text("st") == Some(status)
        });
        let mut told = match message {
            Some(message) => Told { kind: "status".to_owned(), fields: text_fields(&message) },
            None => told("status", &[("seq", "1"), ("src", name), ("st", status)]),
        };
        told.fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let before = self.statuses.insert(name.to_owned(), status.to_owned());
        told.fields.push(("OSTATUS".to_owned(), before.unwrap_or_default()));
        told
    }

    fn dead(&mut self, name: &str, more: &[(&str, &str)]) -> Told {
        self.at_hand = None;
        self.status(name, "dead", more)
    }
}

fn link_status(node: &str, link: &str, status: &str) -> Told {
    told("ifstat", &[("node", node), ("ifname", link), ("st", status)])
}

fn fencing(node: &str, result: &str) -> Told {
    told("stonith", &[("node", node), ("result", result)])
}

fn told(kind: &str, fields: &[(&str, &str)]) -> Told {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let fields = std::iter::once(&("t", kind)).chain(fields).map(owned).collect();
    Told { kind: kind.to_owned(), fields }
}

/// Those of a message that a variable can hold, and whose names are names of variables.
fn text_fields(message: &Message) -> Vec<(String, String)> {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let text = |field: &hb_wire::Field| {
        let name = std::str::from_utf8(&field.name).ok().filter(|name| is_name(name))?;
        let Value::Text(bytes) = &field.value else { return None };
        let value = std::str::from_utf8(bytes)
            .ok()
            .filter(|value| value.len() <= LONGEST && !value.contains('\0'))?;
        Some((name.to_owned(), value.to_owned()))
    };
    message.fields().iter().filter_map(text).take(MOST).collect()
}

/// Fields that are told of one message, and bytes of each.
const MOST: usize = 64;
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names() -> Names {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Names {
            local: "cc1".to_owned(),
            nodes: owned(&["cc1", "cc2"]),
            links: owned(&["eth0"]),
            pings: owned(&["10.0.0.254"]),
            groups: Vec::new(),
            files: String::new(),
        }
    }

    fn status(text: &str) -> Message {
        let mut message = Message::new("status");
        message.push_text("src", "cc2");
        message.push_text("st", text);
        message.push_text("dt", "2710");
        message.push_text("hb-x", "no variable");
        message.push("srcuuid", Value::Binary([1_u8, 2].as_slice().into()));
        message
    }

    fn shown(told: Option<Told>) -> String {
        let told = told.unwrap();
        let fields: Vec<_> = told.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        told.kind + &fields.concat()
    }

    #[test]
    fn a_status_is_told_with_its_message_and_the_status_before() {
        let (mut hooks, names) = (Hooks::default(), names());
        let event = |status: &str| Event::NodeStatus { node: NodeId(1), status: status.to_owned() };
        hooks.consider(&status("up"));
        let first = shown(hooks.tell(&event("up"), &names));
        assert_eq!(first, "status t=status src=cc2 st=up dt=2710 OSTATUS=");
        // A usual heartbeat is not copied.
        hooks.consider(&status("up"));
        assert_eq!(hooks.at_hand, None);
        hooks.consider(&status("active"));
        let second = shown(hooks.tell(&event("active"), &names));
        assert_eq!(second, "status t=status src=cc2 st=active dt=2710 OSTATUS=up");
        hooks.forget();
        let dead = Event::NodeDead { node: NodeId(1), silence: Duration::from_secs(9) };
        let third = shown(hooks.tell(&dead, &names));
        assert_eq!(third, "status t=status seq=1 src=cc2 st=dead OSTATUS=active");
    }

    #[test]
    fn a_node_that_comes_back_after_its_deletion_had_no_status() {
        let (mut hooks, names) = (Hooks::default(), names());
        let up = Event::NodeStatus { node: NodeId(1), status: "up".to_owned() };
        let new = "status t=status seq=1 src=cc2 st=up OSTATUS=";
        assert_eq!(shown(hooks.tell(&up, &names)), new);
        let deleted = Event::NodeDeleted { node: NodeId(1), name: "cc2".to_owned() };
        assert_eq!((hooks.tell(&deleted, &names), hooks.statuses.len()), (None, 0));
        assert_eq!(shown(hooks.tell(&up, &names)), new);
    }

    #[test]
    fn links_pings_and_other_messages_are_told() {
        let (mut hooks, names) = (Hooks::default(), names());
        let (node, link, ping) = (NodeId(1), LinkId(0), PingId(0));
        let mut tell = |event: Event| shown(hooks.tell(&event, &names));
        assert_eq!(tell(Event::LinkDown { node, link }), "ifstat t=ifstat node=cc2 ifname=eth0 st=dead");
        let other = "ifstat t=ifstat node=10.0.0.254 ifname=10.0.0.254 st=up";
        assert_eq!(tell(Event::PingLinkUp { ping }), other);
        assert_eq!(tell(Event::PingAnswers { ping }), "NS_st t=NS_st src=10.0.0.254 st=ping info=ping");
        let dead = "status t=status seq=1 src=10.0.0.254 st=dead info=ping OSTATUS=ping";
        assert_eq!(tell(Event::PingDead { ping, silence: Duration::ZERO }), dead);
        assert_eq!(tell(Event::NotFenced { node }), "stonith t=stonith node=cc2 result=n_stnth");
        assert_eq!(tell(Event::FencingUnneeded { node }), "stonith t=stonith node=cc2 result=unneeded");
        let mut message = Message::new("backup");
        message.push_text("what", "now");
        hooks.consider(&message);
        assert_eq!(shown(hooks.tell(&Event::OtherMessage, &names)), "backup t=backup what=now");
        assert_eq!(hooks.tell(&Event::OtherMessage, &names), None);
        assert_eq!(hooks.tell(&Event::CommunicationUp, &names), None);
    }
}
