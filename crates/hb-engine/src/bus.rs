//! The reliable bus: numbers what we send, remembers it, and notices what is missing of others.
//!
//! There is no ordered delivery: a message is acted on when it comes (`wire.md` 6.4). `sender` is our own side,
//! `receiver` keeps one book for each node, `allowance` bounds what a peer can make us do, `ring` passes on what others say;
//! `traffic` connects them with the engine.

pub(crate) mod allowance;
pub(crate) mod receiver;
pub(crate) mod ring;
pub(crate) mod sender;
mod traffic;

pub(crate) use traffic::REACTIONS;
