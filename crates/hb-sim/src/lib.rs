//! Seeded simulation of whole clusters of the real engine.
//!
//! [`Scenario::draw`] makes a cluster and its faults from a seed, [`run`] plays it and checks every rule after every
//! step, `shrink` leaves out faults while it still fails, [`campaign`](campaign::campaign) plays many. The same
//! seed gives the same run, byte for byte.
#![expect(
    clippy::indexing_slicing,
    reason = "node, link and group numbers are made from the lists' lengths; a simulator that is wrong must stop"
)]

mod brain;
pub mod campaign;
mod clock;
mod dice;
mod draw;
pub mod explore;
mod fault;
mod host;
mod jobs;
mod legacy;
mod net;
pub mod promise;
pub mod replay;
mod report;
mod resets;
mod scenario;
mod shrink;
mod watch;
mod world;

pub use dice::Dice;
pub use draw::Mix;
pub use report::{ClassicDefect, Numbers, Report, Violation, quantile};
pub use scenario::{Fault, Kind, Scenario, Setup, What};
pub use shrink::shrink;
pub use world::run;
