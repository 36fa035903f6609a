//! Recorded pairs of 3.0.6 drive the engine as a silent observer: it sees what one of the two nodes saw, and what it would
//! have said is compared with what that node said.
//!
//! A shadow (`shadow`) stands behind each life of each node: same configuration, same start, same messages of the peer,
//! same operator. Nobody hears it, so the peer goes on to answer the real node; a shadow that decides otherwise once is
//! still judged by what it says next. When its jobs end is taken from what the real node said (`shadow`); what counts
//! as a message, and when two are the same, stands in `label`; the comparison itself in `align`.
//!
//! Does not read capture files or keys: it takes messages that are opened already.

mod align;
mod label;
mod recording;
mod shadow;

pub use align::{Difference, Turn};
pub use recording::{Heard, Recording, RecordingError};

/// What one life of a node said, and what its shadow would have said.
#[derive(Clone, Debug)]
pub struct Life {
    /// The node's name.
    pub node: String,
    /// Which life of it in the recording, from 1.
    pub number: usize,
    /// How many messages of the real node the shadow said as well, at about the same time.
    pub predicted: usize,
    /// How many messages of the real node were compared.
    pub said: usize,
    /// What differs, in order.
    pub differences: Vec<Difference>,
}

/// Follows every life of both nodes.
#[must_use]
pub fn replay(recording: &Recording) -> Vec<Life> {
    let mut lives = Vec::new();
    for node in 0..recording.nodes.len() {
        for (number, life) in recording.lives(node).iter().enumerate() {
            let said = label::of_node(recording, node, life);
            let shadow = label::of_shadow(&shadow::follow(recording, node, life));
            let (predicted, differences) = align::compare(&said, &shadow);
            let node = recording.nodes[node].clone();
            lives.push(Life { node, number: number + 1, predicted, said: said.len(), differences });
        }
    }
    lives
}
