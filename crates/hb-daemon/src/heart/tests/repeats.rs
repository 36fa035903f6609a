//! Lost messages are sent again between the heartbeats, never in front of one.

use super::*;

/// What came out so far: type and number.
fn sent<L>(bench: &Bench<L>) -> Vec<(String, u64)> {
    let mut packet = [0; 2048];
    std::iter::from_fn(|| bench.network.recv(&mut packet).ok().map(|length| packet[..length].to_vec()))
        .map(|packet| {
            let message = keys("secret").open(&packet).unwrap();
            let seq = message.text("seq").map_or(0, |seq| u64::from_str_radix(seq, 16).unwrap());
            (message.kind().unwrap().to_owned(), seq)
        })
        .collect()
}

#[test]
fn a_beat_that_is_due_goes_before_what_is_sent_again() {
    let mut bench = bench();
    bench.network.set_nonblocking(true).unwrap();
    while bench.heart.engine.seq() < 8 {
        bench.heart.waiter.wait(bench.heart.next_deadline()).unwrap();
        bench.heart.turn();
    }
    sent(&bench);
    let known = bench.heart.engine.seq();
    let mut request = Message::new("NS_rexmit");
    let last = known.to_string();
    for (name, value) in
        [("src", "cc2"), ("dest", "cc1"), ("firstseq", "1"), ("lastseq", &last), ("hg", "9"), ("ts", "1")]
    {
        request.push_text(name, value);
    }
    bench.network.send(&keys("secret").seal(&request, InnerAuth::No)).unwrap();
    // The request is read in the turn in which the beat is due.
    while clock::tick() < bench.heart.deadline.unwrap() {
        std::thread::yield_now();
    }
    bench.turn();
    let first = sent(&bench);
    assert_eq!(first.first(), Some(&("status".to_owned(), known + 1)), "{first:?}");
    let mut repeated: Vec<_> = first.into_iter().skip(1).collect();
    while bench.heart.engine.has_repeats() {
        assert!(bench.heart.next_deadline().unwrap() <= clock::tick(), "nobody waits for the next beat");
        bench.turn();
        repeated.extend(sent(&bench));
    }
    let mut numbers: Vec<_> = repeated.iter().map(|(_, seq)| *seq).filter(|seq| *seq <= known).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=known).collect::<Vec<_>>());
}
