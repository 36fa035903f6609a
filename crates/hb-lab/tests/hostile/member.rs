//! A member gone mad: everything is signed with the right key, in the name of the other node.
//!
//! Whoever has the key is believed, so what it says changes the state. What must hold all the same: the node lives,
//! beats on time, answers a bounded number of times, its log and its memory are moderate; and when a sane beta starts,
//! all is well again.

use std::time::{Duration, Instant};

use hb_wire::{Field, Message, Value};
use tokio::time::sleep;

use crate::dice::Dice;
use crate::forge::Forger;
use crate::gun::Fired;
use crate::scene::{KEEPALIVE, Scene, tell};

/// The attacker as beta.
struct Mad {
    beta: Forger,
    next_beat: Instant,
    dice: Dice,
}

/// Makes the next packet of an attack.
type Attack = fn(&mut Mad) -> Vec<u8>;

#[tokio::test]
async fn a_member_gone_mad() {
    let scene = Scene::alone().await;
    let mut mad = Mad { beta: Forger::new("beta", 5), next_beat: Instant::now(), dice: Dice::new(7) };
    mad.join(&scene).await;
    for (what, attack) in ATTACKS {
        let before = scene.begin().await;
        let fired = mad.attack(&scene, attack);
        sleep(Duration::from_millis(150)).await;
        let after = scene.survived(what, before).await;
        let (taken, came) = (after.sent.bytes, fired.bytes);
        tell(&format!(
            "{what}: {} packets in, {came} bytes; {} packets out, {taken} bytes: {:?}",
            fired.packets, after.sent.datagrams, after.sent.kinds
        ));
        assert!(taken < came / 4 + PER_SECOND * (after.time.as_secs() + 1), "{what}: {taken} for {came}");
        assert!(after.status.media[0].received > after.before.media[0].received, "{what}: nothing came in");
        let beta = after.status.nodes.iter().find(|node| node.name == "beta").unwrap();
        assert!(beta.status.len() <= 31, "{beta:?}");
    }
    // The real beta starts: its generation is higher than any that was played.
    scene.beta.start().await.unwrap();
    scene.settles(Duration::from_secs(30)).await;
}

/// The worst that a request for lost messages can do: each asks for as much as is served, as soon as it is served
/// again.
#[tokio::test]
async fn requests_for_lost_messages_are_answered_within_bounds() {
    let scene = Scene::alone().await;
    let mut mad = Mad { beta: Forger::new("beta", 5), next_beat: Instant::now(), dice: Dice::new(7) };
    mad.join(&scene).await;
    let mut fired = Fired::default();
    // More messages than are kept: some can be had, some cannot.
    for _ in 0..600 {
        for _ in 0..2 {
            let question = mad.beta.packet("reqnodes", &[("dest", "alpha")]);
            scene.gun.one(&question, &mut fired);
        }
        mad.beat(&scene, &mut fired);
        sleep(Duration::from_millis(22)).await;
        if scene.status(&scene.alpha).await.sequence > 600 {
            break;
        }
    }
    let sequence = scene.status(&scene.alpha).await.sequence;
    assert!(sequence > 600, "{sequence}");
    let (before, mut fired) = (scene.begin().await, Fired::default());
    for _ in 0..10 {
        for first in (1..sequence).step_by(50) {
            let last = (first + 49).to_string();
            let request = [("dest", "alpha"), ("firstseq", &first.to_string()), ("lastseq", &last)];
            scene.gun.one(&mad.beta.packet("NS_rexmit", &request), &mut fired);
        }
        mad.beat(&scene, &mut fired);
        sleep(Duration::from_millis(241)).await;
    }
    let after = scene.survived("requests", before).await;
    let factor = after.sent.bytes / fired.bytes;
    tell(&format!("requests: {} bytes in, {} out, factor {factor}", fired.bytes, after.sent.bytes));
    // 500 kept messages each 240 ms, and 50 refusals a second.
    let most = 500 * 11 + 50 * (after.time.as_secs() + 2) + 200;
    assert!(u64::from(after.sent.datagrams) < most, "{} packets", after.sent.datagrams);
    assert!(
        after.sent.kinds.get("NS_nak_rexmit").is_some_and(|refused| *refused >= 50),
        "{:?}",
        after.sent.kinds
    );
}

impl Mad {
    /// Says what alpha needs to become active and to hold its own.
    async fn join(&mut self, scene: &Scene) {
        let mut fired = Fired::default();
        let reply = [("dest", "alpha"), ("nodelist", "alpha beta "), ("delnodelist", " ")];
        let holds = [("rsc_hold", "local"), ("rtype", "full"), ("isstable", "1")];
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            for packet in [
                self.beta.status("active"),
                self.beta.packet("repnodes", &reply),
                self.beta.packet("resource", &holds),
            ] {
                scene.gun.one(&packet, &mut fired);
            }
            let alpha = scene.status(&scene.alpha).await;
            if alpha.stable
                && alpha.hold == hb_client::ResourceSet::Local
                && alpha.groups[0].state == hb_client::GroupState::Up
            {
                return;
            }
            assert!(Instant::now() < deadline, "alpha never became active\n{}", scene.describe().await);
            sleep(KEEPALIVE / 2).await;
        }
    }

    fn attack(&mut self, scene: &Scene, attack: Attack) -> Fired {
        let (mut fired, begun) = (Fired::default(), Instant::now());
        while begun.elapsed() < Duration::from_millis(900) {
            self.beat(scene, &mut fired);
            let salvo: Vec<_> = (0..200).map(|_| attack(self)).collect();
            scene.gun.salvo(&salvo, &mut fired);
        }
        fired
    }

    /// Beats as beta would, so that only the attack is judged and not a silence.
    fn beat(&mut self, scene: &Scene, fired: &mut Fired) {
        if self.next_beat <= Instant::now() {
            self.next_beat = Instant::now() + KEEPALIVE;
            let beat = self.beta.status("active");
            scene.gun.one(&beat, fired);
        }
    }

    fn next_run(&mut self) {
        self.beta.generation += 1;
        self.beta.seq = 0;
    }

    fn word(&mut self, words: &[&'static str]) -> &'static str {
        self.dice.pick::<&'static str>(words)
    }
}

const ATTACKS: [(&str, Attack); 22] = [
    ("reqnodes", |mad| mad.beta.packet("reqnodes", &[("dest", "alpha")])),
    ("starting", |mad| mad.beta.packet("starting", &[])),
    ("resource", |mad| {
        let (hold, stable, info) = (mad.word(&HOLDS), mad.word(&["0", "1", "x"]), mad.word(&INFOS));
        let taken = mad.word(&HOLDS);
        let fields = [
            ("rsc_hold", hold),
            ("rtype", "full"),
            ("isstable", stable),
            ("info", info),
            ("hb-taken", taken),
            ("hb-ask", "1"),
        ];
        mad.beta.packet("resource", &fields)
    }),
    ("ask_resources", |mad| {
        let fields =
            [("rsc_hold", mad.word(&HOLDS)), ("info", mad.word(&["me", "other", "done", "", "ME", "x"]))];
        mad.beta.packet("ask_resources", &fields)
    }),
    ("hb_takeover", |mad| {
        let hold = mad.word(&HOLDS);
        mad.beta.packet("hb_takeover", &[("rsc_hold", hold)])
    }),
    ("shutdone", |mad| mad.beta.packet("shutdone", &[("st", "dead")])),
    ("everything about resources", |mad| match mad.dice.below(5) {
        0 => mad.beta.packet("starting", &[]),
        1 => mad.beta.packet("shutdone", &[]),
        2 => {
            let (hold, stable) = (mad.word(&HOLDS), mad.word(&["0", "1"]));
            mad.beta.packet("resource", &[("rsc_hold", hold), ("isstable", stable)])
        }
        3 => {
            let (hold, info) = (mad.word(&HOLDS), mad.word(&["me", "other", "done"]));
            mad.beta.packet("ask_resources", &[("rsc_hold", hold), ("info", info)])
        }
        _ => mad.beta.packet("hb_takeover", &[("rsc_hold", "all")]),
    }),
    ("statuses", |mad| {
        let status = mad.word(&["up", "active", "init", "dead", "", "\u{1b}[2J", "\n\nx"]);
        let dt = mad.word(&["0", "1", "ffffffffffffffff", "zz", "-1", "3e8", "", "0x3e8"]);
        mad.beta.packet("status", &[("st", status), ("dt", dt)])
    }),
    ("dead times of nothing", |mad| {
        mad.beta.packet("status", &[("st", "active"), ("dt", "0"), ("protocol", "1")])
    }),
    ("a new run with each message", |mad| {
        mad.next_run();
        mad.beta.status("active")
    }),
    ("runs back and forth", |mad| {
        mad.next_run();
        let mut packet = mad.beta.message("status", &[("st", "up")]);
        if mad.dice.below(2) == 0 {
            packet.set_text("hg", "4");
        }
        mad.beta.seal(&packet)
    }),
    ("numbers with gaps", |mad| {
        let step = *mad.dice.pick(&[1, 2, 249, 250, 251, 252, 1 << 20]);
        mad.beta.seq += step;
        mad.beta.status("active")
    }),
    ("numbers to the end", |mad| {
        mad.beta.seq =
            *mad.dice.pick(&[1, 5, 1 << 31, 1 << 32, 1 << 63, u64::MAX - 9, u64::MAX - 3, u64::MAX - 1]);
        if mad.dice.below(20) == 0 {
            mad.next_run();
        }
        mad.beta.packet("status", &[("st", "active")])
    }),
    ("NS_rexmit", |mad| {
        mad.next_run_if_at_end();
        let first =
            mad.word(&["0", "1", "2", "40", "9223372036854775808", "18446744073709551615", "-1", "x", ""]);
        let last = mad.word(&["1", "50", "9223372036854775808", "18446744073709551616", "0"]);
        mad.beta.packet("NS_rexmit", &[("dest", "alpha"), ("firstseq", first), ("lastseq", last)])
    }),
    ("NS_nak_rexmit", |mad| {
        let first = format!("{:x}", mad.dice.below(2000));
        mad.beta.packet("NS_nak_rexmit", &[("firstseq", &first), ("info", "seqno too low")])
    }),
    ("NS_ackmsg", |mad| {
        let seq = mad.word(&["0", "1", "ffffffffffffffff", "5", "x"]);
        mad.beta.packet("NS_ackmsg", &[("dest", "alpha"), ("ackseq", seq)])
    }),
    ("time stamps", |mad| {
        let mut message = mad.beta.message("status", &[("st", "active")]);
        let stamp = mad.word(&["0", "zz", "", "ffffffffffffffff", "ffffffffffffffffffff", "-1"]);
        message.set_text("ts", stamp);
        mad.beta.seal(&message)
    }),
    ("strangers", |mad| {
        let mut message = mad.beta.message("status", &[("st", "active")]);
        mad.beta.seq -= 1;
        let name = format!("node{}", mad.dice.below(5000));
        message.set_text("src", &name);
        mad.beta.seal(&message)
    }),
    ("alpha's own name", |mad| {
        let mut message = mad.beta.message("status", &[("st", "dead")]);
        mad.beta.seq -= 1;
        message.set_text("src", "alpha");
        mad.beta.seal(&message)
    }),
    ("odd types of fields", |mad| {
        let message = mad.beta.message("status", &[("st", "active"), ("dt", "3e8"), ("protocol", "1")]);
        let odd = odd(&mut mad.dice, message);
        mad.beta.seal(&odd)
    }),
    ("64 KiB", |mad| {
        mad.beta.seq += 1;
        let long: String = mad.dice.bytes(60_000).iter().map(|byte| char::from(b'a' + byte % 26)).collect();
        match mad.dice.below(8) {
            0 => mad.beta.packet("status", &[("st", &long)]),
            1 => mad.beta.packet("repnodes", &[("nodelist", &long.replace('q', " "))]),
            2 => mad.beta.packet("resource", &[("rsc_hold", &long), ("info", &long[..5])]),
            3 => mad.beta.packet("ask_resources", &[("rsc_hold", "all"), ("info", &long)]),
            4 => mad.beta.packet(&long, &[]),
            5 => mad.beta.packet("NS_rexmit", &[("firstseq", &long), ("lastseq", "1")]),
            6 => {
                let mut message = mad.beta.message("status", &[("st", "active")]);
                message.set_text("src", &long);
                mad.beta.seal(&message)
            }
            _ => {
                let mut message = mad.beta.message("status", &[("st", "active")]);
                message.set("srcuuid", Value::Binary(long.as_str().into()));
                mad.beta.seal(&message)
            }
        }
    }),
    ("clients' messages", |mad| {
        let kind = mad.word(&[
            "hbapi-clstat",
            "query-cstatus",
            "ccm",
            "addnode",
            "delnode",
            "setweight",
            "stonith",
            "_",
        ]);
        mad.beta.packet(kind, &[("nodelist", "alpha"), ("node", "alpha"), ("from_id", "x"), ("to_id", "y")])
    }),
];

impl Mad {
    /// After the highest number there is no next one in this run.
    fn next_run_if_at_end(&mut self) {
        if self.beta.seq > 1 << 62 {
            self.next_run();
        }
    }
}

/// The message with one field gone, doubled, or of another type.
fn odd(dice: &mut Dice, message: Message) -> Message {
    let mut fields = message.fields().to_vec();
    let at = dice.below(fields.len());
    let Field { name, value } = fields[at].clone();
    let Value::Text(bytes) = value else { return message };
    match dice.below(6) {
        0 => drop(fields.remove(at)),
        1 => fields.insert(0, Field { name, value: Value::Text("0".into()) }),
        2 => fields[at].value = Value::Binary(bytes),
        3 => fields[at].value = Value::List(vec![bytes.into()]),
        4 => fields[at].value = Value::Struct(message),
        _ => fields[at].value = Value::Compressed(bytes),
    }
    Message::from_fields(fields)
}

const HOLDS: [&str; 7] = ["none", "local", "foreign", "all", "", "failback", "x"];
const INFOS: [&str; 5] = ["", "standby", "shutdown", "mach_down", "x"];
/// Bytes that alpha may send in a second whatever comes in: heartbeats, answers within its bounds, requests of its own.
const PER_SECOND: u64 = 1_000_000;
