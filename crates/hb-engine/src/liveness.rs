//! Who lives: own status, heartbeats, links, late and dead nodes, and doubt about ourselves.
//!
//! `node` is what is known of one node; `local` our own way from start to `active`; `verdict` judges others; `ping` is
//! about hosts that only answer.

mod local;
pub(crate) mod node;
pub(crate) mod ping;
mod verdict;

pub(crate) use local::{Doubt, Local};
