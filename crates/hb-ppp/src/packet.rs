//! Control packets of LCP and IPCP and the options in them (RFC 1661, 5 and 6).

use alloc::vec::Vec;

/// A control packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    pub(crate) code: u8,
    pub(crate) id: u8,
    pub(crate) data: &'a [u8],
    /// All of it, padding cut off.
    pub(crate) whole: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Nothing if the length is not inside of what came; bytes behind it are padding.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let [code, id, high, low, ..] = *bytes else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let whole = bytes.get(..length)?;
        Some(Self { code, id, data: whole.get(HEAD..)?, whole })
    }
}

/// Writes a packet; data beyond `limit` bytes, its head included, are cut.
pub(crate) fn write(code: u8, id: u8, data: &[u8], limit: u16) -> Vec<u8> {
    let room = usize::from(limit).saturating_sub(HEAD);
    let data = data.get(..room).unwrap_or(data);
    let length = u16::try_from(HEAD + data.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    [&[code, id, high, low], data].concat()
}

/// An option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConfigOption<'a> {
    pub(crate) kind: u8,
    pub(crate) value: &'a [u8],
    /// All of it.
    pub(crate) whole: &'a [u8],
}

/// The options of a packet; nothing if their lengths contradict that of the packet.
pub(crate) fn options(data: &[u8]) -> Option<Vec<ConfigOption<'_>>> {
    let mut found = Vec::new();
    let mut rest = data;
    while let [kind, length, ..] = *rest {
        let length = usize::from(length);
        let whole = rest.get(..length)?;
        found.push(ConfigOption { kind, value: whole.get(2..)?, whole });
        rest = rest.get(length..)?;
    }
    rest.is_empty().then_some(found)
}

/// Writes an option.
pub(crate) fn push_option(kind: u8, value: &[u8], out: &mut Vec<u8>) {
    let length = u8::try_from(value.len() + 2).unwrap_or(u8::MAX);
    out.extend([kind, length]);
    out.extend(value);
}

/// Codes of packets (RFC 1661, 5).
pub(crate) mod code {
    pub(crate) const REQUEST: u8 = 1;
    pub(crate) const ACK: u8 = 2;
    pub(crate) const NAK: u8 = 3;
    pub(crate) const REJECT: u8 = 4;
    pub(crate) const TERMINATE: u8 = 5;
    pub(crate) const TERMINATE_ACK: u8 = 6;
    pub(crate) const CODE_REJECT: u8 = 7;
    pub(crate) const PROTOCOL_REJECT: u8 = 8;
    pub(crate) const ECHO: u8 = 9;
    pub(crate) const ECHO_REPLY: u8 = 10;
    pub(crate) const DISCARD: u8 = 11;
}

/// Bytes before the data.
const HEAD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_lie_are_refused() {
        for bytes in [&[][..], &[1, 2, 0], &[1, 2, 0, 3], &[1, 2, 0, 5], &[1, 2, 0xff, 0xff, 0]] {
            assert_eq!(Packet::parse(bytes), None, "{bytes:?}");
        }
        let packet = Packet::parse(&[1, 2, 0, 5, 7, 8]).unwrap();
        assert_eq!((packet.code, packet.id, packet.data), (1, 2, &[7][..]));
        for data in [&[1][..], &[1, 0], &[1, 1], &[1, 3], &[1, 2, 9], &[1, 4, 0, 0, 5]] {
            assert_eq!(options(data), None, "{data:?}");
        }
        let two = options(&[7, 2, 1, 4, 5, 220]).unwrap();
        assert_eq!(two[1], ConfigOption { kind: 1, value: &[5, 220], whole: &[1, 4, 5, 220] });
        assert_eq!(options(&[]), Some(Vec::new()));
    }

    #[test]
    fn long_data_are_cut() {
        assert_eq!(write(7, 1, &[5; 9], 8), [7, 1, 0, 8, 5, 5, 5, 5]);
        assert_eq!(write(7, 1, &[5; 2], 8), [7, 1, 0, 6, 5, 5]);
    }
}
