//! What came over a line, by what became of it.

/// Counters of one end, from its beginning; they wrap at 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames with a good check sequence.
    pub frames: u64,
    /// Frames with a bad one, what was cut, and noise between flags.
    pub damaged: u64,
    /// Frames longer than any that was agreed on.
    pub too_long: u64,
    /// Control packets whose lengths contradict each other, and answers to what was not asked.
    pub malformed: u64,
    /// Packets of protocols that are not spoken here.
    pub unknown_protocols: u64,
    /// Packets that came before what they need was agreed on.
    pub early: u64,
    /// Datagrams for us.
    pub datagrams: u64,
    /// IPv4 packets that are none: fragments, other ports and addresses, bad checksums.
    pub refused: u64,
    /// Requests or echoes of our own that came back.
    pub looped: u64,
}

/// Adds one.
pub(crate) const fn count(counter: &mut u64) {
    *counter = counter.wrapping_add(1);
}
