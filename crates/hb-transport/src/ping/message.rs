//! What a ping member says: the message inside an echo request (`wire.md` 5.1, 8.8).

use std::fmt;
use std::net::IpAddr;

use hb_wire::Message;

use super::echo::Family;

/// The directive of `ha.cf` that names a ping member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PingKind {
    /// `ping HOST`: one IPv4 host.
    Ping,
    /// `ping6 ADDRESS`: one IPv6 host.
    Ping6,
    /// `ping_group NAME HOST...`: several IPv4 hosts, of which one must answer.
    Group,
}

/// A ping member as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PingSpec {
    /// The directive.
    pub kind: PingKind,
    /// The host or group as written: the member's name.
    pub name: String,
    /// Whom to ask, all of the family that the directive has.
    pub hosts: Vec<IpAddr>,
}

impl PingKind {
    /// The directive, which is also the text of the field `info`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Ping6 => "ping6",
            Self::Group => "ping_group",
        }
    }
}

impl PingSpec {
    /// What the member shall say, to be signed: fields in the order of 3.0.6, which adds its inner signature behind them.
    /// `wall` is in seconds since 1970.
    #[must_use]
    pub fn request(&self, wall: u64) -> Message {
        let mut message = Message::new(KIND);
        message.push_text("st", STATUS);
        message.push_text("info", self.kind.as_str());
        message.push_text("src", &self.name);
        message.push_text("ts", &format!("{wall:x}"));
        message
    }

    /// Whether an authentic message is what this member shall say.
    #[must_use]
    pub fn is_said_by(&self, message: &Message) -> bool {
        message.kind() == Some(KIND)
            && message.text("st") == Some(STATUS)
            && message.text("info") == Some(self.kind.as_str())
            && message.text("src") == Some(self.name.as_str())
    }

    pub(super) const fn family(&self) -> Family {
        match self.kind {
            PingKind::Ping | PingKind::Group => Family::V4,
            PingKind::Ping6 => Family::V6,
        }
    }
}

impl fmt::Display for PingSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)?;
        if self.kind == PingKind::Group {
            for host in &self.hosts {
                write!(f, " {host}")?;
            }
        }
        Ok(())
    }
}

/// The type of the message.
const KIND: &str = "NS_st";
/// The status of a ping member that answers.
const STATUS: &str = "ping";

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(kind: PingKind, name: &str) -> PingSpec {
        PingSpec { kind, name: name.to_owned(), hosts: Vec::new() }
    }

    #[test]
    fn what_3_0_6_sent_is_what_we_send() {
        for (spec, wall, packet) in [
            (
                spec(PingKind::Ping, "10.78.0.126"),
                0x6b01_f0d6,
                include_bytes!("../../../hb-wire/tests/vectors/161_ping_request.bin").as_slice(),
            ),
            (
                spec(PingKind::Group, "pg1"),
                0x6b01_f0d6,
                include_bytes!("../../../hb-wire/tests/vectors/163_ping_group_request.bin"),
            ),
            (
                spec(PingKind::Ping6, "fd78::fe"),
                0x6b01_f415,
                include_bytes!("../../../hb-wire/tests/vectors/165_ping6_request.bin"),
            ),
        ] {
            let theirs = hb_wire::netstring::decode(&packet[8..]).unwrap();
            assert!(spec.is_said_by(&theirs));
            let fields = |message: &Message| -> Vec<String> {
                message.fields().iter().map(|field| format!("{field:?}")).collect()
            };
            let mut ours = fields(&spec.request(wall));
            ours.push(fields(&theirs).pop().unwrap());
            assert_eq!(ours, fields(&theirs), "the inner signature stands last");
        }
    }

    #[test]
    fn another_member_or_kind_says_something_else() {
        let one = spec(PingKind::Ping, "10.0.0.1");
        assert!(one.is_said_by(&one.request(1)));
        for other in [spec(PingKind::Ping, "10.0.0.2"), spec(PingKind::Group, "10.0.0.1")] {
            assert!(!one.is_said_by(&other.request(1)));
        }
        assert!(!one.is_said_by(&Message::new("status")));
    }
}
