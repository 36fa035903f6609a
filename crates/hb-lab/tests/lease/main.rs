//! No probe is ever answered by both nodes, whatever happens to the heart of the one that holds the address: two of ours,
//! real processes, 4 000 probes a second to both MAC addresses.
//!
//! Two mutants must be caught by the same faults: a renewal that is granted after the end of the lease, and one by a thread
//! of its own. `HB_LEASE_RUNS` says how often each fault is made; 1 without it, 200 for `cargo xtask test --slow`. `HB_LEASE_FAMILY=6` plays
//! the faults for IPv6, `HB_LEASE_PEER=heartbeat` with the real 3.0.6 as the node that takes over.
//!
//! It needs root (control groups) and built programs, as the cluster tests: in the directory `HB_BIN_DIR`, else in that of the build
//! profile. Times are measured, so one test runs at a time (`--test-threads=1`).

#[cfg(test)]
mod classic;
#[cfg(test)]
mod epochs;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod ipv6;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod sentinel;
#[cfg(test)]
mod staged;
