//! The live lab without a terminal: a line a second for twenty seconds.

use std::io::Write;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::cluster::Cluster;
use crate::live::picture::{NodePicture, Painter};
use crate::options::LabOptions;
use crate::probe::runner::now_ns;
use crate::{Agent, LabError};

/// Starts the cluster and tells what becomes of it.
pub(crate) async fn plain(options: &LabOptions, agent: Agent, out: &mut impl Write) -> Result<(), LabError> {
    let cluster = Cluster::build(agent, options.programs()?, options.files()?).await?;
    for node in &cluster.nodes {
        node.start().await?;
    }
    let mut painter = Painter::new(&cluster, now_ns());
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for second in 0..=SECONDS {
        seconds.tick().await;
        let [alpha, beta] = &cluster.nodes;
        let (alpha, beta) = tokio::join!(NodePicture::of(alpha), NodePicture::of(beta));
        painter.sight(cluster.probe.look().await?);
        painter.logs(now_ns());
        for event in std::mem::take(&mut painter.picture.events) {
            writeln!(out, "       {:<6} {}", event.who, event.text).map_err(LabError::Output)?;
        }
        let sight = &painter.picture.sight;
        let served = match sight.last_node() {
            Some(node) if sight.silence_ns() < 1_000_000_000 => format!("served by {node}"),
            _ => "not served".to_owned(),
        };
        writeln!(
            out,
            "{second:>3} s  {}; {}; client {served}, lost {}",
            tell(&alpha),
            tell(&beta),
            sight.lost
        )
        .map_err(LabError::Output)?;
        out.flush().map_err(LabError::Output)?;
    }
    Ok(())
}

fn tell(node: &NodePicture) -> String {
    let holds: Vec<_> = node.holds.iter().map(ToString::to_string).collect();
    let holds = if holds.is_empty() { "no address".to_owned() } else { holds.join(" ") };
    format!("{}: {}, has {holds}", node.name, node.state)
}

const SECONDS: u32 = 20;
