//! How long it takes to verify and decode one status message, and to sign and encode it (`cargo bench -p hb-auth`).
//!
//! Plain timing of batches; the median of the batches stands for the time of one call. The budget is 2 µs for
//! `open` with sha1.

use std::hint::black_box;
use std::time::Instant;

use hb_auth::{InnerAuth, Key, KeyRing, Method};
use hb_wire::{Message, Value};

const BATCH: u32 = 1_000;
const BATCHES: usize = 301;

fn main() {
    for method in Method::ALL {
        let key = if method.needs_key() { b"testkey-sha1".to_vec() } else { Vec::new() };
        let Ok(ring) = KeyRing::new(1, [(1, method, key.clone())]) else { continue };
        let message = status();
        let packet = ring.seal(&message, InnerAuth::Yes);
        report(method, "open", packet.len(), || {
            let _ = black_box(ring.open(black_box(&packet)));
        });
        let mut buffer = Vec::new();
        report(method, "seal", packet.len(), || {
            let _ = black_box(ring.seal_into(black_box(&message), InnerAuth::Yes, &mut buffer));
        });
        report(method, "verdict", packet.len(), || {
            let _ = black_box(ring.verdict(black_box(&packet)));
        });
        // What each packet would cost on top if the key were not prepared once.
        report(method, "prepare", 0, || {
            let _ = black_box(Key::new(method, black_box(key.clone())));
        });
        report(method, "decode", packet.len(), || {
            let _ = black_box(hb_wire::netstring::decode(black_box(&packet)));
        });
    }
}

/// The fields of a real one.
fn status() -> Message {
    let mut message = Message::new("status");
    message.push_text("st", "active");
    message.push_text("dt", "1388");
    message.push_text("protocol", "1");
    message.push_text("src", "wa1");
    message.push("srcuuid", Value::Binary((0..16).collect::<Vec<u8>>().into()));
    message.push_text("seq", "1f");
    message.push_text("hg", "6b01ed45");
    message.push_text("ts", "6b01ed44");
    message.push_text("ld", "0.69 0.70 0.32 3/146 69");
    message.push_text("ttl", "3");
    message
}

#[expect(clippy::print_stdout, reason = "a benchmark reports on its standard output")]
fn report(method: Method, what: &str, bytes: usize, mut call: impl FnMut()) {
    let mut times: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            (0..BATCH).for_each(|_| call());
            start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times.get(BATCHES * part / 100).copied().unwrap_or_default();
    println!("{method:4} {what:8} {bytes} bytes: median {:.0} ns, p99 {:.0} ns", at(50), at(99));
}
