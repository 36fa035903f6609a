//! Capture files.
#![no_main]

use hb_wire::capture::Capture;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let Ok(capture) = Capture::read(file) else {
        return;
    };
    assert!(Capture::is_capture(file));
    let mut last = 0;
    let mut payloads = 0;
    let mut ended = false;
    for item in capture {
        assert!(!ended, "an error is the end");
        match item {
            Ok(datagram) => {
                assert!(datagram.number > last);
                last = datagram.number;
                payloads += datagram.payload.len();
                assert!(
                    file.as_ptr_range().contains(&datagram.payload.as_ptr()) || datagram.payload.is_empty()
                );
            }
            Err(_) => ended = true,
        }
    }
    // Each packet takes 16 bytes of header of its own.
    assert!(payloads + 16 * usize::try_from(last).expect("fits") <= file.len());
});
