//! Every medium by real processes: two of ours, and ours with the real Heartbeat 3.0.6.
//!
//! On each medium both nodes see each other active; a medium that is cut is told dead within its dead time while the
//! others carry on and no node dies; when it is healed it is told up again. What a cluster does with that is judged in
//! `tests/cluster`.
//!
//! Needs what `tests/cluster` needs, and Debian's package iproute2. Stories mostly wait: `--test-threads=6` suits two
//! cores.

#[cfg(test)]
mod compression;
#[cfg(test)]
mod farewell;
#[cfg(test)]
mod fragments;
#[cfg(test)]
mod healing;
#[cfg(test)]
mod hints;
#[cfg(test)]
mod howto;
#[cfg(test)]
mod meeting;
#[cfg(test)]
mod membership;
#[cfg(test)]
mod ping;
#[cfg(test)]
mod ppp;
#[cfg(test)]
mod ring;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod serial;
#[cfg(test)]
mod ten;
#[cfg(test)]
mod udp;
