//! What a message of a shell script asks for (`client-api.md` 12, `failover.md` 4): an order that an operator could give as
//! well, a message for other programs, or what a node decides for itself and takes from nobody.

use hb_client::ResourceSet;
use hb_engine::{Command, is_own_type, is_packed};
use hb_wire::Message;

use super::status::hold_set;
use crate::excerpt::excerpt;
use crate::heart::MemberChange;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// An order for the engine; in words.
    Command(Command, String),
    /// Nodes come or go, or are described; in words.
    Members(MemberChange, String),
    /// It is for programs, here and on other nodes.
    Say(Message),
}

/// Why nothing is done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Only nodes themselves say such things.
    #[error("{0}")]
    OwnType(&'static str),
    /// An order for another node.
    #[error("it is an order for node {0}: run the script there")]
    Elsewhere(String),
    /// A field is missing, or says nothing that can be done.
    #[error("field {0} is missing or wrong")]
    Field(&'static str),
}

impl Refusal {
    /// A name to count by.
    pub(super) const fn cause(&self) -> &'static str {
        match self {
            Self::OwnType(_) => "for nodes alone",
            Self::Elsewhere(_) => "for another node",
            Self::Field(_) => "wrong field",
        }
    }
}

impl Wish {
    /// What a script on the node `own` wants with this message, which has a type.
    pub(super) fn of(message: Message, own: &str) -> Result<Self, Refusal> {
        let kind = message.kind().unwrap_or_default();
        if is_packed(&message) {
            return Err(Refusal::OwnType("what is packed in it could be of any type"));
        }
        if !is_own_type(kind) {
            return Ok(Self::Say(message));
        }
        let order = match kind {
            "ask_resources" => standby(&message)?,
            "hb_takeover" => takeover(&message)?,
            "addnode" => Self::Members(MemberChange::Add(names(&message)?), "add nodes".to_owned()),
            "delnode" => Self::Members(MemberChange::Delete(names(&message)?), "delete nodes".to_owned()),
            "setweight" => weight(&message)?,
            "setsite" => site(&message)?,
            kind => return Err(Refusal::OwnType(why_not(kind))),
        };
        match message.text("dest") {
            Some(dest) if dest != own => {
                Err(Refusal::Elsewhere(excerpt(dest, NAME).escape_debug().to_string()))
            }
            _ => Ok(order),
        }
    }
}

/// `hb_standby`; the later steps of a hand-over are the nodes' own.
fn standby(message: &Message) -> Result<Wish, Refusal> {
    match message.text("info") {
        Some(info) if info.eq_ignore_ascii_case("me") => {}
        Some(_) => return Err(Refusal::OwnType("the later steps of a hand-over are for nodes to take")),
        None => return Err(Refusal::Field("info")),
    }
    let set = set(message)?;
    Ok(Wish::Command(Command::Standby(hold_set(set)), format!("give up [{set}]")))
}

/// `hb_takeover`. What is `failback` for the giver are our own groups (`failover.md` 3.7).
fn takeover(message: &Message) -> Result<Wish, Refusal> {
    let set = if message.text("rsc_hold") == Some("failback") { ResourceSet::Local } else { set(message)? };
    Ok(Wish::Command(Command::Takeover(hold_set(set)), format!("take over [{set}]")))
}

/// All, if the script does not say.
fn set(message: &Message) -> Result<ResourceSet, Refusal> {
    if !message.has("rsc_hold") {
        return Ok(ResourceSet::All);
    }
    let word = message.text("rsc_hold").unwrap_or_default();
    word.parse().map_err(|_| Refusal::Field("rsc_hold"))
}

fn names(message: &Message) -> Result<Vec<String>, Refusal> {
    let list = message.text("nodelist").unwrap_or_default();
    let names: Vec<_> = list.split_whitespace().map(str::to_owned).collect();
    if names.is_empty() { Err(Refusal::Field("nodelist")) } else { Ok(names) }
}

fn weight(message: &Message) -> Result<Wish, Refusal> {
    let node = message.text("node").ok_or(Refusal::Field("node"))?.to_owned();
    let weight = message.text("weight").and_then(|weight| weight.trim().parse().ok());
    let weight = weight.ok_or(Refusal::Field("weight"))?;
    Ok(Wish::Members(MemberChange::Weight { node, weight }, format!("set a weight of {weight}")))
}

fn site(message: &Message) -> Result<Wish, Refusal> {
    let node = message.text("node").ok_or(Refusal::Field("node"))?.to_owned();
    let site = message.text("site").ok_or(Refusal::Field("site"))?.to_owned();
    Ok(Wish::Members(MemberChange::Site { node, site }, "set a site".to_owned()))
}

/// What to do instead, for types that scripts of 3.0.6 write.
fn why_not(kind: &str) -> &'static str {
    match kind {
        "resource" => "this node knows itself what it holds, and takes over by itself what a dead node held",
        "ip-request" | "ip-request-resp" => {
            "groups are asked for by hb_takeover, or one by one by hb-ctl move"
        }
        "shutdone" => "a node says itself that it has released everything; hb-node -k stops it",
        "stonith" => "what became of fencing is known to the node that fences",
        _ => "messages of this type are for nodes to send",
    }
}

/// Bytes of a name that a log line takes.
const NAME: usize = 100;

#[cfg(test)]
mod tests {
    use hb_engine::HoldSet;

    use super::*;

    fn of(kind: &str, fields: &[(&str, &str)]) -> Result<Wish, Refusal> {
        let mut message = Message::new(kind);
        for (name, value) in fields {
            message.push_text(name, value);
        }
        Wish::of(message, "cc1")
    }

    fn command(kind: &str, fields: &[(&str, &str)]) -> Command {
        match of(kind, fields) {
            Ok(Wish::Command(command, _)) => command,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn orders_of_the_scripts_are_taken() {
        let me = ("info", "me");
        for (word, set) in [
            ("all", HoldSet::ALL),
            ("local", HoldSet::LOCAL),
            ("foreign", HoldSet::FOREIGN),
            ("failback", HoldSet::FOREIGN),
        ] {
            assert_eq!(command("ask_resources", &[("rsc_hold", word), me]), Command::Standby(set));
        }
        assert_eq!(command("ask_resources", &[me, ("dest", "cc1")]), Command::Standby(HoldSet::ALL));
        assert_eq!(command("hb_takeover", &[]), Command::Takeover(HoldSet::ALL));
        let failback = command("hb_takeover", &[("rsc_hold", "failback")]);
        assert_eq!(failback, Command::Takeover(HoldSet::LOCAL), "the giver's foreign groups");
        let members = |kind, fields: &[_]| match of(kind, fields) {
            Ok(Wish::Members(change, _)) => change,
            other => panic!("{other:?}"),
        };
        let named = MemberChange::Add(vec!["x1".to_owned(), "x2".to_owned()]);
        assert_eq!(members("addnode", &[("nodelist", "x1 x2 ")]), named);
        let named = MemberChange::Delete(vec!["x1".to_owned()]);
        assert_eq!(members("delnode", &[("nodelist", "x1")]), named);
        let node = "cc2".to_owned();
        let heavy = MemberChange::Weight { node: node.clone(), weight: 55 };
        assert_eq!(members("setweight", &[("node", "cc2"), ("weight", "55")]), heavy);
        let north = MemberChange::Site { node, site: "north".to_owned() };
        assert_eq!(members("setsite", &[("node", "cc2"), ("site", "north")]), north);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        let cause = |kind, fields: &[_]| of(kind, fields).unwrap_err().cause();
        let me = ("info", "me");
        assert_eq!(cause("ask_resources", &[("rsc_hold", "all")]), "wrong field");
        assert_eq!(cause("ask_resources", &[("rsc_hold", "everything"), me]), "wrong field");
        assert_eq!(cause("ask_resources", &[me, ("dest", "cc2")]), "for another node");
        assert_eq!(cause("addnode", &[("nodelist", " ")]), "wrong field");
        assert_eq!(cause("setweight", &[("node", "cc2"), ("weight", "-1")]), "wrong field");
        assert_eq!(cause("setsite", &[("node", "cc2")]), "wrong field");
    }

    #[test]
    fn nobody_speaks_in_the_name_of_the_node() {
        let cases: [(&str, &[_]); 12] = [
            ("status", &[("st", "dead")]),
            ("starting", &[]),
            ("resource", &[("rsc_hold", "foreign"), ("info", "mach_down")]),
            ("shutdone", &[("st", "dead")]),
            ("ask_resources", &[("info", "done"), ("rsc_hold", "all")]),
            ("ask_resources", &[("info", "other")]),
            ("ip-request", &[("ipaddr", "10.0.0.1")]),
            ("ip-request-resp", &[("ipaddr", "10.0.0.1"), ("ok", "OK")]),
            ("stonith", &[("node", "cc2"), ("result", "OK")]),
            ("NS_rexmit", &[("firstseq", "1"), ("lastseq", "9")]),
            ("hbapi-clstat", &[("st", "join")]),
            ("you_are_dead", &[("dest", "cc1")]),
        ];
        for (kind, fields) in cases {
            assert_eq!(of(kind, fields).unwrap_err().cause(), "for nodes alone", "{kind}");
        }
    }

    #[test]
    fn what_is_unknown_is_for_programs() {
        assert!(
            matches!(of("backup", &[("dest", "cc2")]), Ok(Wish::Say(said)) if said.kind() == Some("backup"))
        );
    }
}
