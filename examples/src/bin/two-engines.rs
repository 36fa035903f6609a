//! `hb-engine` alone: two nodes in one thread with simulated time. One is switched off, the other takes over.
//!
//! Shows the whole contract between the engine and whatever drives it: every input carries the time, outputs are
//! drained in order after each input, jobs come back as inputs, and the engine says when it wants to be woken.
//! There is no socket and no clock here; a real driver has them, and nothing else changes.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use hb_engine::{
    Action, Config, Engine, Event, Failback, GroupConfig, GroupId, Input, LinkConfig, LinkId, NodeConfig,
    NodeId, Now, Outcome, Output, PingConfig, Tick, WallSeconds,
};
use hb_wire::Message;

fn main() -> io::Result<()> {
    run(&mut io::stdout().lock())
}

/// Starts both, waits until each serves its own group, switches `beta` off and waits for the takeover.
fn run(out: &mut dyn Write) -> io::Result<()> {
    let begin = time(Duration::ZERO);
    let mut nodes = [Node::start(0, begin), Node::start(1, begin)];
    let mut powered = 2;
    let mut clock = Duration::ZERO;
    while clock < Duration::from_secs(6) {
        let now = time(clock);
        // What a node sends in this turn, the other hears in the next one.
        let [alpha, beta] = &mut nodes;
        let from_alpha = alpha.turn(now, out)?;
        let from_beta = if powered == 2 { beta.turn(now, out)? } else { Vec::new() };
        beta.inbox.extend(from_alpha);
        alpha.inbox.extend(from_beta);
        clock += Duration::from_millis(1);
        if clock == Duration::from_secs(3) {
            writeln!(out, "{:>5} ms  beta loses power", clock.as_millis())?;
            powered = 1;
        }
    }
    Ok(())
}

/// What a driver keeps for one engine.
struct Node {
    engine: Engine,
    inbox: Vec<Message>,
    /// What the driver would have on the machine: the groups that run.
    running: BTreeSet<GroupId>,
}

impl Node {
    fn start(place: u16, now: Now) -> Self {
        Self {
            engine: Engine::new(config(place), u64::from(place), now),
            inbox: Vec::new(),
            running: BTreeSet::new(),
        }
    }

    /// Hands over what came, wakes the engine if it is due, and returns what is to be sent.
    fn turn(&mut self, now: Now, out: &mut dyn Write) -> io::Result<Vec<Message>> {
        let mut sent = self.drain(now, out)?;
        for message in std::mem::take(&mut self.inbox) {
            self.engine.handle(now, Input::Message { link: LinkId(0), message });
            sent.extend(self.drain(now, out)?);
        }
        if self.engine.next_deadline().is_some_and(|due| due <= now.tick) {
            self.engine.handle(now, Input::Wake);
            sent.extend(self.drain(now, out)?);
        }
        Ok(sent)
    }

    fn drain(&mut self, now: Now, out: &mut dyn Write) -> io::Result<Vec<Message>> {
        let mut sent = Vec::new();
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Send(message) => sent.push(message),
                Output::Do { job, action } => {
                    // A real driver starts the job and reports its end when it has one; here it is instant.
                    match action {
                        Action::Start(group) => _ = self.running.insert(group),
                        Action::Stop(group) => _ = self.running.remove(&group),
                        Action::Announce(_) => {}
                    }
                    self.engine.handle(now, Input::Done { job, outcome: Outcome::Ok });
                }
                // Nothing is monitored here, and nothing can switch a node off.
                Output::Check { .. } | Output::Fence { .. } => {}
                Output::Report(event) => self.show(now, &event, out)?,
            }
        }
        Ok(sent)
    }

    fn show(&self, now: Now, event: &Event, out: &mut dyn Write) -> io::Result<()> {
        let snapshot = self.engine.snapshot(now);
        let name =
            snapshot.nodes.iter().find(|node| node.node == snapshot.local).map_or("?", |node| &node.name);
        let millis = now.tick.as_nanos() / 1_000_000;
        if let Event::GroupUp { group } = event {
            writeln!(out, "{millis:>5} ms  {name} serves group {}", group.0)?;
        } else if let Event::NodeDead { silence, .. } = event {
            writeln!(out, "{millis:>5} ms  {name} has heard nothing for {} ms", silence.as_millis())?;
        }
        Ok(())
    }
}

/// Two nodes, one link, one group for each of them.
fn config(local: u16) -> Config {
    let group = |key: &str, home| GroupConfig { key: key.to_owned(), home: Some(NodeId(home)) };
    Config {
        nodes: ["alpha", "beta"].map(|name| NodeConfig { name: name.to_owned() }).into(),
        local: NodeId(local),
        uuid: [u8::try_from(local).unwrap_or(0) + 1; 16],
        generation: 1,
        links: vec![LinkConfig { name: "eth0".to_owned() }],
        keepalive: Duration::from_millis(100),
        deadtime: Duration::from_millis(500),
        warntime: Duration::from_millis(250),
        initdead: Duration::from_secs(2),
        max_rexmit_delay: Duration::from_millis(250),
        ttl: 3,
        failback: Failback::Off,
        files_digest: String::new(),
        first_epoch: None,
        pings: PingConfig::default(),
        membership: hb_engine::Membership::default(),
        agents: hb_engine::AgentPolicy::default(),
        groups: vec![group("10.0.0.1", 0), group("10.0.0.2", 1)],
    }
}

fn time(since_start: Duration) -> Now {
    Now {
        tick: Tick::from_nanos(0).plus(since_start),
        wall: WallSeconds(1_800_000_000 + since_start.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_takes_over() {
        let mut out = Vec::new();
        run(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (before, after) = text.split_once("beta loses power").unwrap();
        assert!(before.contains("alpha serves group 0") && before.contains("beta serves group 1"), "{text}");
        assert!(after.contains("alpha has heard nothing for 500 ms"), "{text}");
        assert!(after.contains("alpha serves group 1"), "{text}");
    }
}
