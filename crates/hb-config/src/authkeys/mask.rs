//! The text of `authkeys` as it may be shown: every byte that could belong to a key is a `*`.

use crate::source::{Mark, masked};

/// Text of the same length in which only chosen parts are readable.
#[derive(Debug)]
pub(super) struct Mask {
    text: Vec<u8>,
}

impl Mask {
    /// All of `raw` masked except white space.
    pub(super) fn new(raw: &[u8]) -> Self {
        Self { text: raw.iter().copied().map(masked).collect() }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn into_text(self) -> Vec<u8> {
        self.text
    }

    /// Makes a part readable.
    pub(super) fn show(&mut self, raw: &[u8], mark: Mark) {
        let range = mark.start..mark.end;
        if let (Some(shown), Some(original)) = (self.text.get_mut(range.clone()), raw.get(range)) {
            shown.copy_from_slice(original);
        }
    }
}
