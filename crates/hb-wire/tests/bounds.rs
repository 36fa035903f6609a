//! No input makes a parser panic, recurse without end or reserve more than a small multiple of its size.

use hb_sys::alloc_count::{Counting, measure};
use hb_wire::{DecodeError, Encoding, classic, netstring};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes held per byte of input. The worst are the smallest fields: `a=` and its line end (3 bytes) become a field
/// of 72 bytes, which needs nothing else while name and value are short.
const FACTOR: usize = 25;

#[cfg(test)]
fn check(input: &[u8]) {
    let (_, counts) = measure(|| netstring::split(input).is_ok());
    assert_eq!(counts.calls, 0);
    let (result, counts) = measure(|| classic::split(input));
    assert!(counts.calls <= 1 && counts.peak <= input.len(), "{} bytes for {}", counts.peak, input.len());
    drop(result);
    for decode in [netstring::decode, classic::decode] {
        let (result, counts) = measure(|| decode(input));
        assert!(counts.peak <= FACTOR * input.len(), "{} bytes for {}", counts.peak, input.len());
        drop(result);
    }
}

#[cfg(test)]
fn packets() -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|end| end == "bin"))
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

/// A generator that needs no crate and no seed from outside (xorshift64).
#[cfg(test)]
struct Random(u64);

#[cfg(test)]
impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % bound
    }

    fn byte(&mut self) -> u8 {
        const LIKELY: &[u8] = b"#%><\n(){}=:,0123456789\0\x13\x14\x15AQ+/";
        if self.below(4) == 0 {
            u8::try_from(self.below(256)).unwrap()
        } else {
            LIKELY[self.below(LIKELY.len())]
        }
    }
}

#[test]
fn changed_packets() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for packet in packets().iter().filter(|packet| packet.len() < 1000) {
        for _ in 0..100 {
            let mut packet = packet.clone();
            for _ in 0..=random.below(6) {
                let at = random.below(packet.len());
                match random.below(5) {
                    0 => packet[at] = random.byte(),
                    1 => packet.insert(at, random.byte()),
                    2 if packet.len() > 1 => drop(packet.remove(at)),
                    3 => packet.truncate(at + 1),
                    _ => {
                        let end = at + random.below(packet.len() - at);
                        let copy = packet[at..end].to_vec();
                        packet.splice(at..at, copy);
                    }
                }
            }
            check(&packet);
        }
    }
}

#[test]
fn random_bytes_behind_a_marker() {
    let mut random = Random(1);
    for round in 0..20_000 {
        let mut packet = if round % 2 == 0 { b"###\n".to_vec() } else { b">>>\n".to_vec() };
        packet.extend((0..random.below(80)).map(|_| random.byte()));
        assert!(Encoding::of(&packet).is_some());
        check(&packet);
    }
}

#[test]
fn the_densest_inputs() {
    let netstring = |field: &[u8]| [b"###\n".to_vec(), field.repeat(10_000), b"%%%\n".to_vec()].concat();
    let classic = |line: &[u8]| [b">>>\n".to_vec(), line.repeat(10_000), b"<<<\n".to_vec()].concat();
    let list = b"0:,".repeat(10_000);
    let lists = [
        [b">>>\n(3)a=".to_vec(), list.clone(), b"\n<<<\n".to_vec()].concat(),
        [b"###\n30005:(3)a=".to_vec(), list, b",%%%\n".to_vec()].concat(),
    ];
    let inputs = [netstring(b"5:(0)a=,"), classic(b"a=\n"), classic(b"\n"), classic(b"=")];
    for input in inputs.iter().chain(&lists) {
        check(input);
    }
    assert!(netstring::decode(&inputs[0]).is_ok());
    assert!(classic::decode(&inputs[1]).is_ok());
    assert!(classic::decode(&lists[0]).is_ok());
    assert!(netstring::decode(&lists[1]).is_ok());
}

#[test]
fn lengths_that_promise_too_much() {
    for length in
        ["99999999", "4294967297", "18446744073709551616", "340282366920938463463374607431768211456"]
    {
        let packet = format!("###\n{length}:(0)t=x,%%%\n{length}:1 abc,");
        assert_eq!(netstring::decode(packet.as_bytes()), Err(DecodeError::Truncated));
        check(packet.as_bytes());
    }
}

/// A packet as deep as a datagram can be.
#[test]
fn bottomless_nesting() {
    let mut netstring = b"###\n%%%\n".to_vec();
    for _ in 0..4_000 {
        let length = format!("{}:(2)a=", netstring.len() + 5);
        netstring = [b"###\n", length.as_bytes(), &netstring, b",%%%\n"].concat();
    }
    assert_eq!(netstring::decode(&netstring), Err(DecodeError::Depth));
    check(&netstring);
    let classic = [b">>>\n".to_vec(), b"(2)a=>>>\x14(2)a=>>>\x15".repeat(4_000)].concat();
    check(&classic);
}
