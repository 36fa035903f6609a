//! Which key signs: the active one of `authkeys`, except towards a 3.0.6 peer that does not use it yet, or no longer.
//!
//! 3.0.6 verifies a packet with the method of the line that it names, but with the key of its own active line
//! (`wire.md` 3.5). So while keys are changed on one node after the other it refuses everything that is not signed
//! with the line that it signs with itself. We know that line by its last heartbeat, and follow it as long as our own
//! file has it.

use hb_auth::{KeyRing, claimed_index};
use hb_wire::Message;

/// The ring to sign with.
pub(super) struct Signature {
    /// With more nodes there may be no key that suits all.
    two_nodes: bool,
    /// The line with which the 3.0.6 peer signed its last heartbeat.
    peer: Option<i64>,
    /// If that is not our active one.
    ring: Option<KeyRing>,
}

impl Signature {
    pub(super) const fn new(nodes: usize) -> Self {
        Self { two_nodes: nodes == 2, peer: None, ring: None }
    }

    /// There are so many nodes from now on.
    pub(super) fn count_nodes(&mut self, nodes: usize) {
        self.two_nodes = nodes == 2;
        if !self.two_nodes {
            self.peer = None;
        }
    }

    /// The ring to sign with; `keys` is that of the file.
    pub(super) fn ring<'a>(&'a self, keys: &'a KeyRing) -> &'a KeyRing {
        self.ring.as_ref().unwrap_or(keys)
    }

    /// An authentic message came in this packet. Tells the line that signs from now on if that is another one.
    pub(super) fn heard(&mut self, message: &Message, packet: &[u8], keys: &KeyRing) -> Option<u8> {
        if !self.two_nodes || message.kind() != Some("status") || message.has("hb-v") {
            return None;
        }
        let index = claimed_index(packet).ok();
        if index == self.peer {
            return None;
        }
        self.peer = index;
        self.renew(keys)
    }

    /// There are new keys, or the peer uses another one.
    pub(super) fn renew(&mut self, keys: &KeyRing) -> Option<u8> {
        let before = self.ring.as_ref().map(KeyRing::active);
        let other = self.peer.filter(|peer| *peer != i64::from(keys.active()));
        self.ring = other.and_then(|peer| keys.signing_with(peer));
        let after = self.ring(keys).active();
        (before != self.ring.as_ref().map(KeyRing::active)).then_some(after)
    }
}

#[cfg(test)]
mod tests {
    use hb_auth::{InnerAuth, Method};

    use super::*;

    fn ring(active: u8, indices: &[u8]) -> KeyRing {
        KeyRing::new(active, indices.iter().map(|index| (*index, Method::Sha1, vec![b'k', *index]))).unwrap()
    }

    fn heartbeat(ours: bool) -> Message {
        let mut message = Message::new("status");
        message.push_text("st", "active");
        if ours {
            message.push_text("hb-v", "1");
        }
        message
    }

    fn hear(signature: &mut Signature, keys: &KeyRing, peer: &KeyRing, ours: bool) -> Option<u8> {
        let message = heartbeat(ours);
        signature.heard(&message, &peer.seal(&message, InnerAuth::No), keys)
    }

    #[test]
    fn a_classic_peer_is_answered_with_the_key_that_it_uses() {
        let (old, both, both_new, new) = (ring(1, &[1]), ring(1, &[1, 2]), ring(2, &[1, 2]), ring(2, &[2]));
        let mut signature = Signature::new(2);
        assert_eq!(hear(&mut signature, &both, &old, false), None);
        assert_eq!(signature.ring(&both).active(), 1);
        // Ours is switched first.
        assert_eq!(signature.renew(&both_new), Some(1));
        assert_eq!(signature.ring(&both_new).active(), 1);
        assert_eq!(hear(&mut signature, &both_new, &old, false), None);
        assert_eq!(hear(&mut signature, &both_new, &both_new, false), Some(2));
        assert_eq!(signature.ring(&both_new).active(), 2);
        // It is switched back, and our file has the old line no longer.
        assert_eq!(hear(&mut signature, &new, &old, false), None);
        assert_eq!(signature.ring(&new).active(), 2);
    }

    #[test]
    fn a_peer_of_ours_needs_none_of_this_and_more_nodes_get_none() {
        let (keys, peer) = (ring(2, &[1, 2]), ring(1, &[1, 2]));
        assert_eq!(hear(&mut Signature::new(2), &keys, &peer, true), None);
        assert_eq!(hear(&mut Signature::new(3), &keys, &peer, false), None);
        assert_eq!(hear(&mut Signature::new(2), &keys, &peer, false), Some(1));
    }
}
