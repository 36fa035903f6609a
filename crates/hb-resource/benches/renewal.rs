//! What a renewal of the lease costs, with one address and with 500 (`cargo bench -p hb-resource --bench renewal`).
//!
//! It is one system call, in which the kernel also answers. That it allocates nothing is a test (`tests/gate.rs`).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement that cannot go on fails loudly, and its numbers go to the terminal"
)]

#[path = "../tests/support/network.rs"]
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's attributes are an open set")]
#[expect(dead_code, reason = "shared with the tests")]
mod network;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use hb_resource::lease::{Answer, Lease, Ownership, Renewal};
use network::Network;

const RUNS: usize = 20_000;
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 100);

fn main() {
    network::each_in_own_network(&["1", "500"], |network, count| measure(network, count.parse().unwrap()));
}

fn measure(network: &Network, count: u32) {
    network.veth("e0", "p0");
    network.add_address("e0", "10.79.0.100/24");
    let addresses = (0..count).map(|number| Ipv4Addr::from_bits(FIRST.to_bits() + number).into());
    let length = Duration::from_secs(1);
    let tell = Box::new(|_| {});
    let lease =
        Lease::open(addresses.collect(), length, Renewal::WhileItLives, Ownership::Wanted, tell).unwrap();
    assert_eq!((lease.latch.arm(), lease.latch.acquire()), (Answer::Granted, Answer::Granted));
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(lease.latch.renew(), Answer::Granted);
            begun.elapsed()
        })
        .collect();
    times.sort();
    let [best, median, worst] = [10, 50, 99].map(|percent| times[RUNS * percent / 100 - 1]);
    println!("{count:3} addresses: best decile {best:.1?}, median {median:.1?}, 99th percentile {worst:.1?}");
}
