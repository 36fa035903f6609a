//! Telling the encodings apart (`wire.md` 2.4).

/// The two encodings of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Length-prefixed fields and a trailer: [`crate::netstring`].
    Netstring,
    /// Lines of text: [`crate::classic`].
    Classic,
}

impl Encoding {
    /// The encoding of a packet by its first four bytes, or `None`: 3.0.6 ignores such a packet without a word.
    ///
    /// ```
    /// use hb_wire::Encoding;
    /// assert_eq!(Encoding::of(b">>>\nt=status\n<<<\n"), Some(Encoding::Classic));
    /// assert_eq!(Encoding::of(b"\n###\n"), None);
    /// ```
    #[must_use]
    pub const fn of(packet: &[u8]) -> Option<Self> {
        match packet {
            [b'#', b'#', b'#', b'\n', ..] => Some(Self::Netstring),
            [b'>', b'>', b'>', b'\n', ..] => Some(Self::Classic),
            _ => None,
        }
    }

    /// `netstring` or `classic`, as the directive `msgfmt` spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Netstring => "netstring",
            Self::Classic => "classic",
        }
    }
}
