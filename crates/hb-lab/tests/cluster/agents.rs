//! Resource scripts of a group: which calls, in which order, and what is said on the wire only afterwards.

use std::ops::Range;

use hb_lab::HostSpec;

use crate::capture::{Capture, Packet};
use crate::pair::{Case, Pair, Who};
use crate::scene::{Holds, Scene, files};

stories_off![groups_with_scripts];

async fn groups_with_scripts(case: Case) {
    let mut files = files(case);
    // The second group shows when an address is gone: its script stops after it.
    files.haresources = "alpha 10.77.0.100/24/eth0 told::a::b www\n\
                         alpha told::last 10.77.0.102/24/eth0\n\
                         beta 10.77.0.101/24/eth0\n"
        .to_owned();
    let private = |spec: HostSpec| spec.private("/etc/init.d");
    let mut scene = Scene::build_with(case, &files, private).await;
    for who in Who::BOTH {
        for script in ["/etc/ha.d/resource.d/told", "/etc/init.d/www"] {
            scene.host(who).write(script, SCRIPT, 0o755).unwrap();
        }
    }
    let capture = Capture::begin(&mut scene.lab, &files.authkeys).await;
    scene.start_both().await;
    let mut seen = Seen { read: [0, 0] };
    let started = "told a b status + | told a b start + | www status + | www start + | ";
    let stopped = "www stop + | told a b stop + | ";
    let first = seen.calls(&scene, Who::Alpha);
    assert_eq!(first.shown(GROUP, ADDRESS), started, "{case}: start on alpha");
    assert_eq!(first.shown(LAST, OTHER_ADDRESS), "told last status - | told last start - | ");

    scene.standby(Who::Alpha, "all").await;
    scene.reaches("standby", Holds::Nothing, Holds::All).await;
    let given = seen.calls(&scene, Who::Alpha);
    assert_eq!(given.shown(GROUP, ADDRESS), stopped, "{case}: hand-over by alpha");
    let taken = seen.calls(&scene, Who::Beta);
    assert_eq!(taken.shown(GROUP, ADDRESS), started, "{case}: hand-over to beta");
    assert!(given.end_of("told last stop") < taken.begin_of("told last start"), "{case}: both at once");

    scene.takeover(Who::Alpha, "local").await;
    scene.reaches("takeover", Holds::Local, Holds::Local).await;
    let back = seen.calls(&scene, Who::Alpha);
    assert_eq!(back.shown(GROUP, ADDRESS), started, "{case}: back on alpha");

    scene.stop(Who::Alpha).await;
    scene.reaches("stop", Holds::Off, Holds::All).await;
    let stopping = seen.calls(&scene, Who::Alpha);
    assert_eq!(stopping.shown(GROUP, ADDRESS), stopped, "{case}: stop of alpha");
    let packets = capture.end().await;
    if matches!(case.pair, Pair::BothOurs | Pair::BetaIs306) {
        let between = given.end_of("told last stop")..back.begin_of("told last status");
        said_after_release(&packets, between, stopping.end_of("told last stop"));
    }
    scene.ends().await;
}

/// What alpha, which is ours, says about a release comes after its end (`failover.md` 11.1). It holds nothing
/// `between` its hand-over and its return, and when it has `stopped`.
fn said_after_release(packets: &[Packet], between: Range<f64>, stopped: f64) {
    let first = |kind: &str, info: &str| {
        let is_it = |packet: &&Packet| {
            packet.field("src") == "alpha" && packet.kind == kind && packet.field("info") == info
        };
        packets.iter().find(is_it).unwrap_or_else(|| panic!("alpha never said {kind} {info}")).time
    };
    assert!(between.contains(&first("ask_resources", "done")), "done");
    assert!(first("shutdone", "") > stopped, "shutdone");
    let began = first("ask_resources", "me");
    let of_nothing = |packet: &&Packet| {
        packet.field("src") == "alpha"
            && packet.kind == "resource"
            && packet.field("rsc_hold") == "none"
            && packet.time > began
    };
    for packet in packets.iter().filter(of_nothing) {
        assert!(between.contains(&packet.time) || packet.time > stopped, "{}", packet.time);
    }
}

/// What the scripts of both hosts told, without what was read before.
struct Seen {
    read: [usize; 2],
}

/// Calls of scripts on one host.
struct Calls {
    list: Vec<Call>,
    /// 3.0.6 asks for the status once when it wants a group and once more when it starts it.
    asks_twice: bool,
}

/// A call of a script.
struct Call {
    begun: f64,
    ended: f64,
    /// Name, arguments, operation.
    what: String,
    /// The addresses at its begin.
    addresses: String,
}

impl Seen {
    fn calls(&mut self, scene: &Scene, who: Who) -> Calls {
        let text = scene.host(who).read(CALLS).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let read = std::mem::replace(&mut self.read[who.index()], lines.len());
        let calls = lines[read..].iter().map(|line| {
            let mut parts = line.split('|').map(str::trim);
            let mut next = || parts.next().unwrap().to_owned();
            let (begun, ended, what, addresses) = (next(), next(), next(), next());
            let (begun, ended) = (begun.parse().unwrap(), ended.parse().unwrap());
            Call { begun, ended, what, addresses }
        });
        Calls { list: calls.collect(), asks_twice: scene.case.runs_306(who) }
    }
}

impl Calls {
    /// Those of some scripts in order, each with a sign whether the address was there.
    fn shown(&self, scripts: &[&str], address: &str) -> String {
        let of_scripts = |call: &&Call| scripts.iter().any(|script| call.what.starts_with(script));
        let sign = |call: &Call| if call.addresses.contains(address) { "+" } else { "-" };
        let shown = |call: &Call| format!("{} {} | ", call.what, sign(call));
        let mut shown: Vec<String> = self.list.iter().filter(of_scripts).map(shown).collect();
        if self.asks_twice {
            shown.dedup();
        }
        shown.concat()
    }

    fn begin_of(&self, what: &str) -> f64 {
        self.list.iter().find(|call| call.what == what).unwrap().begun
    }

    fn end_of(&self, what: &str) -> f64 {
        self.list.iter().rfind(|call| call.what == what).unwrap().ended
    }
}

const GROUP: &[&str] = &["told a b", "www"];
const LAST: &[&str] = &["told last"];
const ADDRESS: &str = " 10.77.0.100/";
const OTHER_ADDRESS: &str = " 10.77.0.102/";
const CALLS: &str = "/var/log/calls";

/// Tells when it was called, when it was done, and what addresses there were; does what an agent has to
/// (`failover.md` 2.4). Stopping takes a moment.
const SCRIPT: &str = r#"#!/bin/sh
begun=$(date +%s.%N)
name=$(basename "$0")
addresses=$(ip -4 -o address show dev eth0 | awk '{printf " %s", $4}')
for operation; do :; done
mark=/run/$(echo "$name $*" | tr ' ' '-' | sed 's/-[a-z]*$//')
case $operation in
start) touch "$mark" ;;
stop) sleep 0.2; rm -f "$mark" ;;
status) if [ -e "$mark" ]; then echo running; else echo stopped; code=3; fi ;;
esac
echo "$begun | $(date +%s.%N) | $name $* |$addresses" >> /var/log/calls
exit ${code:-0}
"#;
