//! How long a take-over needs inside of this crate: job submitted, address up, first frame seen by the neighbour
//! (`cargo bench -p hb-resource`).
//!
//! That depends on machine and load, so it is shown beside what a thread needs at the same time for the two requests that
//! are the least anybody can do: look the interface up, add the address.
//! Seen: two and a half to three times their median, and under 0.6 ms.
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
#[path = "../tests/support/recorder.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod recorder;

use std::time::{Duration, Instant};

use hb_resource::{ActuatorConfig, GroupSpec, JobAction, ResourceSpec};
use network::Network;
use recorder::Recorder;

const RUNS: usize = 200;

fn main() {
    network::alone_in_own_network(measure);
}

fn group(address: &str) -> GroupSpec {
    let resource = ResourceSpec::Address(address.parse().unwrap());
    GroupSpec { key: address.into(), resources: vec![resource] }
}

fn measure(network: &Network) {
    network.veth("e0", "p0");
    network.add_address("e0", "10.79.0.1/24");
    let listener = network.listen("p0");
    let mut config = ActuatorConfig::new(vec![group("10.79.0.100/24/e0"), group("10.79.0.101")]);
    // Refused in a user namespace; with `unshare --net` alone, as root, this measures what the daemon does.
    config.crew = hb_sys::sched::Crew::new(Some(1));
    let mut node = Recorder::start(config);
    for (group, form) in [(0, "interface given"), (1, "interface found by route")] {
        let (mut bare, mut announced, mut done) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let begun = Instant::now();
            network.add_address("e0", "10.79.0.200/24");
            bare.push(begun.elapsed());
            network.remove_address("10.79.0.200");
            let begun = Instant::now();
            node.submit(JobAction::Start(group));
            let (_, at) = listener.next(Duration::from_secs(10)).expect("an announcement");
            announced.push(at - begun);
            node.next_done().1.unwrap();
            done.push(begun.elapsed());
            node.perform(JobAction::Stop(group)).unwrap();
            while listener.next(Duration::ZERO).is_some() {}
        }
        println!("{form}, best decile, median and 99th percentile of {RUNS}:");
        for (what, times) in [("first frame", announced), ("job done", done), ("bare requests", bare)] {
            println!("    {what:13} {}", deciles(times));
        }
    }
    node.finish();
}

fn deciles(mut times: Vec<Duration>) -> String {
    times.sort();
    [10, 50, 99].map(|percent| format!("{:9.1?}", times[RUNS * percent / 100 - 1])).join(" ")
}
