//! Who this node is over its runs: the files of the state directory.
//!
//! * `epoch`: the number of the latest start of a group, never lower than that of any earlier run
//! * `generation`: the number of this run, higher than that of any earlier run (`wire.md` 6.2)
//! * `hosts`: who else is a node of this cluster (`wire.md` 9.3)
//! * `uuid`: the node's UUID, kept or computed from its name (`wire.md` 9.2)
//! * `replace`: a small file that is either the old or the new one, also after a power cut

pub(crate) mod epoch;
pub(crate) mod generation;
pub(crate) mod hosts;
mod replace;
pub(crate) mod uuid;
