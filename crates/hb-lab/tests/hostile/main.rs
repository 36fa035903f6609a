//! What kills or wedges Heartbeat 3.0.6 (`wire.md` 1.5), and what else a stranger, a member gone mad, a disk, a reader
//! or a client can do to a node: it lives, beats on time, counts, and logs at most a line per second per cause.
//!
//! Needs built programs: in the directory `HB_BIN_DIR`, else in that of the build profile
//! (`cargo build -p hb-node -p hb-ctl`, with `--release` for `cargo test --release`). The tests measure time and run one
//! after the other, however many threads there are; nothing else should keep the machine busy.

#[cfg(test)]
mod control;
#[cfg(test)]
mod dice;
#[cfg(test)]
mod ear;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod forge;
#[cfg(test)]
mod ground;
#[cfg(test)]
mod gun;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod lockout;
#[cfg(test)]
mod log_lines;
#[cfg(test)]
mod member;
#[cfg(test)]
mod outlets;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod witness;
