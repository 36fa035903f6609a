//! What a cluster must do, by real processes: two of ours, and ours with the real Heartbeat 3.0.6 in either place.
//!
//! The stories follow `failover.md` 3.4-3.8; where its section 11 lists a defect the end is the better one of
//! `docs/differences.md`. They judge by what the kernels say: which host has which address, all the time.
//!
//! They need root, Debian's packages heartbeat, resource-agents, net-tools, nftables and tcpdump, and built
//! programs: in the directory `HB_BIN_DIR`, else in that of the build profile
//! (`cargo build -p hb-node -p hb-ctl`, with `--release` for `cargo test --release`). Hosts are isolated and mostly
//! wait, so several stories run at a time: `--test-threads=6` suits two cores.
//!
//! Each story leaves a line in `target/tmp/cluster/matrix`: what was done, and who had which address when after it.
//! `cargo xtask test --only cluster` prints them as one table for each story; `matrix.txt` says why a pair plays no part.
//!
//! Two real Heartbeats (`both_306`) play every story that can be played so, for comparison; what they log at WARN or
//! above is printed instead of judged: that is where `warnings.txt` comes from. That, and whatever takes long (`_slow`),
//! runs with `cargo xtask test --slow` only: `cargo test .. -- --skip both_306 --skip _slow` leaves it out.

#[cfg(test)]
#[macro_use]
mod pair;

#[cfg(test)]
mod agent_kinds;
#[cfg(test)]
mod agents;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod bound;
#[cfg(test)]
mod capture;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod delay;
#[cfg(test)]
mod disturbed;
#[cfg(test)]
mod failing;
#[cfg(test)]
mod fencing;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod holdings;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod ipfail;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod late;
#[cfg(test)]
mod legacy;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod medium_down;
#[cfg(test)]
mod one_way;
#[cfg(test)]
mod partition;
#[cfg(test)]
mod refusal;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod reload_groups;
#[cfg(test)]
mod reload_nodes;
#[cfg(test)]
mod reload_often;
#[cfg(test)]
mod reload_pings;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod scripts;
#[cfg(test)]
mod single_groups;
#[cfg(test)]
mod standby;
#[cfg(test)]
mod start;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod warnings;
