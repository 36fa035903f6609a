//! Events for scripts wait for the front; what finds no room is counted and told.

use super::*;

#[test]
fn events_without_room_are_counted_and_the_first_is_told() {
    let mut bench = bench();
    bench.network.send(&heartbeat(1, &keys("secret"))).unwrap();
    bench.heart.answers.extend((0..64).map(FromHeart::Epoch));
    bench.turn();
    let is_hook = |answer: &FromHeart| matches!(answer, FromHeart::Hook(_));
    assert!(!bench.heart.answers.iter().any(is_hook));
    let told: Vec<_> =
        bench.texts().into_iter().filter(|text| text.starts_with("no script hears of")).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with(": too many wait (1 lost so far)"), "{told:?}");
    // The link came, and the node.
    assert!(bench.heart.hooks.lose() > 2);
}

#[test]
fn a_programs_message_goes_out_and_our_own_scripts_hear_of_it() {
    let mut bench = bench();
    let mut message = Message::new("backup");
    for (name, value) in [("what", "now"), ("src", "x"), ("src", "y"), ("seq", "1"), ("auth", "1 z")] {
        message.push_text(name, value);
    }
    bench.inbox.post(ToHeart::Say(message)).unwrap();
    // One of the types of the protocol, which nobody lets through to here.
    bench.inbox.post(ToHeart::Say(Message::new("status"))).unwrap();
    bench.turn();
    let mut packet = [0; 2048];
    let sent = loop {
        let length = bench.network.recv(&mut packet).unwrap();
        let sent = keys("secret").open(&packet[..length]).unwrap();
        if sent.kind() == Some("backup") {
            break sent;
        }
    };
    assert_eq!((sent.text("what"), sent.text("src")), (Some("now"), Some("cc1")));
    let mut told = Vec::new();
    for answer in bench.heart.answers.drain(..).chain(bench.outbox.take()) {
        if let FromHeart::Hook(hook) = answer
            && hook.kind == "backup"
        {
            told.push(hook.fields);
        }
    }
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(told, [[field("t", "backup"), field("what", "now"), field("src", "cc1")]]);
    assert!(bench.texts().iter().any(|text| text.contains("sent by nodes, not by their programs")));
}
