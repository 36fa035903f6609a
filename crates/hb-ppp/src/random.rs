//! Magic numbers: they only have to differ from those of the other end, and nobody has to be kept from guessing them.

/// Numbers from a seed (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Never zero, which means "none" as a magic number.
    pub(crate) fn magic(&mut self) -> u32 {
        loop {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut number = self.0;
            number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            number ^= number >> 31;
            let [first, second, third, fourth, ..] = number.to_be_bytes();
            let magic = u32::from_be_bytes([first, second, third, fourth]);
            if magic != 0 {
                return magic;
            }
        }
    }
}
