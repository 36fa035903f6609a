//! Two engines: whatever comes in, no rule of the protocol is broken.
#![no_main]

use hb_fuzz::pair;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| pair::play(input));
