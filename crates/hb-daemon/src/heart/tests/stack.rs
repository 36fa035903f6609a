//! What the heart does with long messages fits into its stack.

use std::thread;

use hb_auth::InnerAuth;
use hb_compress::{Budget, Method, Packing, open};
use hb_wire::Message;

use super::keys;

#[test]
fn compression_fits_into_the_stack_of_the_heart() {
    for method in [Method::Zlib, Method::Bz2] {
        let work = move || {
            let mut message = Message::new("long");
            message.push_text("text", &"all work and no play ".repeat(50_000));
            let packing = Packing { inner: InnerAuth::Yes, method, threshold: None };
            let mut packet = Vec::new();
            packing.seal_into(&keys("secret"), &message, &mut packet).unwrap();
            assert!(open(&keys("secret"), &packet, &mut Budget::default()).unwrap().has("text"));
        };
        // Half of it, so that the rest of a turn has room.
        let heart = thread::Builder::new().stack_size(crate::HEART_STACK / 2).spawn(work).unwrap();
        heart.join().unwrap();
    }
}
