//! The rolling replacement of a pair of 3.0.6 by ours, and back, under the eyes of a client: one planned gap for each move
//! of its address, none else.

use std::time::Duration;

use hb_lab::{Cluster, ClusterFiles, Node, NodeProgram, Sight};

use crate::pair::{Who, agent, program};

/// Longest wait for two nodes to settle: 3.0.6 waits ten seconds here and there.
const SETTLE: Duration = Duration::from_secs(60);
/// A pause in the answers of one node that a busy machine alone can cause.
const HICCUP: Duration = Duration::from_millis(300);
/// What a planned move may cost at most: the scripts of 3.0.6, with several hosts on two cores.
const MOVE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_pair_is_replaced_node_by_node_and_back() {
    let real = NodeProgram::heartbeat().unwrap_or_else(|error| panic!("{error}"));
    let ours = NodeProgram::Ours { hb_node: program("hb-node") };
    let files = ClusterFiles::two_node().with("auto_failback", "off");
    let mut cluster = Cluster::build(agent(), [real.clone(), real.clone()], files).await.unwrap();
    cluster.start(SETTLE).await.unwrap();
    cluster.probe.begin().await.unwrap();
    // The one that serves comes last.
    for (who, program) in [(Who::Beta, &ours), (Who::Alpha, &ours), (Who::Alpha, &real), (Who::Beta, &real)] {
        replace(&mut cluster, who, program).await;
    }
    let sight = cluster.served_by("alpha", SETTLE).await.unwrap();
    let gaps = gaps(&sight);
    println!("planned gaps: {gaps:?}, longest delay of the probe itself {} ns", sight.stall_ns);
    let moves: Vec<_> = gaps.iter().map(|(from, to, _)| (*from, *to)).collect();
    assert_eq!(moves, [("alpha", "beta"), ("beta", "alpha")], "{gaps:?}");
    assert!(gaps.iter().all(|(_, _, gap)| *gap < MOVE), "{gaps:?}");
    assert_eq!(sight.both_ns, 0, "two owners: {}", cluster.overlap(&sight));
}

/// Stops a node, whose groups move if it has any, and starts another program in its place.
async fn replace(cluster: &mut Cluster, who: Who, program: &NodeProgram) {
    let node = &cluster.nodes[who.index()];
    node.stop().await.unwrap();
    node.stopped(SETTLE).await.unwrap();
    let heir = who.other().name();
    cluster.served_by(if who == Who::Alpha { "beta" } else { heir }, SETTLE).await.unwrap();
    cluster.nodes[who.index()] = Node::new(node.host().clone(), program.clone(), &cluster.files).unwrap();
    cluster.nodes[who.index()].start().await.unwrap();
    let what = format!("{} replaced", who.name());
    cluster.settled(&what, SETTLE, |node, _| node.host().name() == heir).await.unwrap();
}

/// Every pause between two answers that was longer than a hiccup: from which node to which, and how long.
fn gaps(sight: &Sight) -> Vec<(&str, &str, Duration)> {
    let pairs = sight.spells.iter().zip(sight.spells.iter().skip(1));
    let gap = pairs.map(|(before, after)| {
        let length = Duration::from_nanos(after.time.from_ns.saturating_sub(before.time.to_ns));
        (before.node.as_str(), after.node.as_str(), length)
    });
    gap.filter(|(from, to, length)| from != to || *length > HICCUP).collect()
}
