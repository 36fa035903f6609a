//! `ppp-udp TTY ADDR [TTY ADDR...]`: heartbeats by UDP in PPP over serial lines (`wire.md` 12.3). Releases up to 1.2 knew it; 3.0.6
//! refuses it.

use std::net::Ipv4Addr;

use crate::checked::Medium;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::line::{is_blank, words};
use crate::source::Word;

use super::HaCf;
use super::media::{add, current_port, terminal};

/// Pairs of a serial port and the address of this end.
pub(super) fn ppp_udp(cf: &mut HaCf<'_>, rest: Word<'_>) {
    let port = current_port(cf);
    let port = *cf.draft.ports.ppp.get_or_insert(port);
    let mut parts = words(rest, is_blank);
    let mut has_one = false;
    while let Some(tty) = parts.next() {
        has_one = true;
        let line = terminal(cf, tty);
        let Some(address) = parts.next() else {
            lacks(cf, &format!("the address of this end behind {}", quoted(tty.text)));
            return;
        };
        let Some(local) = own_address(cf, address) else { continue };
        if let Some((path, baud)) = line
            && is_free(cf, tty)
        {
            let _ = add(cf, Medium::PppUdp { path, baud, local, port }, tty.mark);
        }
    }
    if !has_one {
        lacks(cf, "a serial port");
    }
}

fn lacks(cf: &mut HaCf<'_>, what: &str) {
    cf.draft.doubts.media = true;
    cf.bad_line(Code::MediumArguments, None, || format!("`ppp-udp` lacks {what}"));
}

/// Only private addresses, as ever: the link has no routes, and must not hide a host of the internet.
fn own_address(cf: &mut HaCf<'_>, word: Word<'_>) -> Option<Ipv4Addr> {
    let address = std::str::from_utf8(word.text).ok().and_then(|text| text.parse().ok());
    let private = address.filter(Ipv4Addr::is_private);
    if private.is_none() {
        cf.draft.doubts.media = true;
        cf.bad_line(Code::BadMediumAddress, Some(word.mark), || {
            let problem = "is not a private address (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16)";
            format!("{} {problem} for this end of the link", quoted(word.text))
        });
    }
    private
}

/// Two media on one line would read each other's bytes away.
fn is_free(cf: &mut HaCf<'_>, tty: Word<'_>) -> bool {
    let path = super::path_of(tty);
    let taken = cf.draft.media.iter().find(|(medium, _)| match medium {
        Medium::PppUdp { path: known, .. } | Medium::Serial { path: known, .. } => known == path,
        Medium::Bcast { .. } | Medium::Mcast { .. } | Medium::Ucast { .. } | Medium::Ping { .. } => false,
    });
    let Some((_, first)) = taken else { return true };
    let (source, first) = (cf.source, *first);
    cf.draft.doubts.media = true;
    cf.error(tty.mark, || {
        Diagnostic::error(Code::BadSerial, format!("serial port {} is used twice", quoted(tty.text)))
            .second(source.place(first), "first used here")
            .hint("give each medium a port of its own")
    });
    false
}
