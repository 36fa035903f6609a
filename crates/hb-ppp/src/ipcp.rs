//! The options of IPCP (RFC 1332): each end tells its own address. Compression of headers is rejected.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::layer::{Options, Verdict};
use crate::packet::{self, push_option};

/// The addresses of both ends.
#[derive(Clone, Debug)]
pub(crate) struct Ipcp {
    local: Ipv4Addr,
    /// Whether the peer wants to hear of it.
    tells: bool,
    /// The peer's, once it was told.
    pub(crate) peer: Option<Ipv4Addr>,
}

impl Ipcp {
    pub(crate) const fn new(local: Ipv4Addr) -> Self {
        Self { local, tells: true, peer: None }
    }
}

impl Options for Ipcp {
    fn reset(&mut self) {
        (self.tells, self.peer) = (true, None);
    }

    fn request(&self, out: &mut Vec<u8>) {
        if self.tells {
            push_option(ADDRESS, &self.local.octets(), out);
        }
    }

    /// A peer without an address of its own would have to be given one, which is nobody's business here: its wish is
    /// rejected. One that tells none is asked for it, and taken as it is when that does not help.
    fn judge(&mut self, wishes: &[u8], may_nak: bool) -> Verdict {
        let Some(options) = packet::options(wishes) else { return Verdict::Malformed };
        let (mut rejects, mut peer) = (Vec::new(), None);
        for option in options {
            let address = <[u8; 4]>::try_from(option.value).map(Ipv4Addr::from);
            match address {
                Ok(address) if option.kind == ADDRESS && is_of_a_host(address) => peer = Some(address),
                Ok(_) | Err(_) => rejects.extend(option.whole),
            }
        }
        if !rejects.is_empty() {
            return Verdict::Reject(rejects);
        }
        if peer.is_none() && may_nak {
            let mut question = Vec::new();
            push_option(ADDRESS, &Ipv4Addr::UNSPECIFIED.octets(), &mut question);
            return Verdict::Nak(question);
        }
        self.peer = peer;
        Verdict::Ack
    }

    /// Our address is what the configuration says, whatever the peer would like better.
    fn nak(&mut self, _proposals: &[u8]) {}

    fn reject(&mut self, _options: &[u8]) {
        self.tells = false;
    }
}

fn is_of_a_host(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_broadcast() || address.is_multicast() || address.is_loopback())
}

const ADDRESS: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tells_its_own() {
        let mut ipcp = Ipcp::new(Ipv4Addr::new(10, 0, 0, 1));
        let mut options = Vec::new();
        ipcp.request(&mut options);
        assert_eq!(options, [3, 6, 10, 0, 0, 1]);
        assert_eq!(ipcp.judge(&[3, 6, 10, 0, 0, 2], true), Verdict::Ack);
        assert_eq!(ipcp.peer, Some(Ipv4Addr::new(10, 0, 0, 2)));
        ipcp.nak(&[3, 6, 9, 9, 9, 9]);
        let mut again = Vec::new();
        ipcp.request(&mut again);
        assert_eq!(again, options);
        ipcp.reject(&options);
        let mut without = Vec::new();
        ipcp.request(&mut without);
        assert_eq!(without, []);
    }

    #[test]
    fn compression_and_beggars_are_rejected() {
        let mut ipcp = Ipcp::new(Ipv4Addr::new(10, 0, 0, 1));
        let wishes = [2, 6, 0, 0x2d, 15, 1, 3, 6, 10, 0, 0, 2];
        assert_eq!(ipcp.judge(&wishes, true), Verdict::Reject(wishes[..6].to_vec()));
        for bad in [[0; 4], [255; 4], [224, 0, 0, 1], [127, 0, 0, 1]] {
            let wishes = [&[3, 6], &bad[..]].concat();
            assert_eq!(ipcp.judge(&wishes, true), Verdict::Reject(wishes));
        }
        assert_eq!(ipcp.judge(&[3, 5, 1, 1, 1], true), Verdict::Reject([3, 5, 1, 1, 1].to_vec()));
        assert_eq!(ipcp.judge(&[], true), Verdict::Nak([3, 6, 0, 0, 0, 0].to_vec()));
        assert_eq!(ipcp.judge(&[], false), Verdict::Ack);
        assert_eq!(ipcp.judge(&[3], false), Verdict::Malformed);
        assert_eq!(ipcp.peer, None);
    }
}
