//! Ten nodes and a network that loses three packets of ten: every message arrives, all agree on who is a node and who is
//! dead, also after kills and restarts. Time is driven, chance comes from a seed.

use std::time::Duration;

use hb_engine::{
    Config, Engine, Failback, Input, LinkConfig, LinkId, Membership, NodeConfig, NodeId, Now, Output,
    PingConfig, Tick, WallSeconds,
};
use hb_wire::Message;

const NODES: usize = 10;
const STEP_MS: u64 = 10;
const KEEPALIVE: Duration = Duration::from_millis(200);
/// Fifteen heartbeats in a row are lost once in sixty million times.
const DEADTIME: Duration = Duration::from_secs(3);

#[cfg(test)]
struct Net {
    engines: Vec<Option<Engine>>,
    generation: u64,
    now_ms: u64,
    dice: u64,
    lost: u64,
    /// Messages on their way: when, to whom.
    under_way: Vec<(u64, usize, Message)>,
}

#[cfg(test)]
impl Net {
    fn new(seed: u64) -> Self {
        let mut net = Self {
            engines: Vec::new(),
            generation: 0,
            now_ms: 0,
            dice: seed,
            lost: 0,
            under_way: Vec::new(),
        };
        net.engines.resize_with(NODES, || None);
        for node in 0..NODES {
            net.start(node);
        }
        net
    }

    fn now(&self) -> Now {
        Now { tick: Tick::from_nanos(self.now_ms * 1_000_000), wall: WallSeconds(1_800_000_000) }
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % 100 < percent
    }

    fn start(&mut self, node: usize) {
        self.generation += 1;
        let config = Config {
            nodes: (0..NODES).map(|number| NodeConfig { name: format!("n{number}") }).collect(),
            local: NodeId(u16::try_from(node).unwrap()),
            uuid: [u8::try_from(node + 1).unwrap(); 16],
            generation: self.generation,
            links: vec![LinkConfig { name: "eth0".to_owned() }],
            keepalive: KEEPALIVE,
            deadtime: DEADTIME,
            warntime: DEADTIME / 2,
            initdead: DEADTIME * 2,
            max_rexmit_delay: Duration::from_millis(250),
            ttl: 11,
            failback: Failback::On,
            groups: Vec::new(),
            files_digest: String::new(),
            first_epoch: None,
            membership: Membership::default(),
            agents: hb_engine::AgentPolicy::default(),
            pings: PingConfig::default(),
        };
        self.engines[node] = Some(Engine::new(config, self.dice ^ self.generation, self.now()));
        self.send(node);
    }

    fn send(&mut self, from: usize) {
        while let Some(output) = self.engines[from].as_mut().and_then(Engine::poll) {
            let Output::Send(message) = output else { continue };
            for to in (0..NODES).filter(|to| *to != from) {
                if self.chance(30) {
                    self.lost += 1;
                } else {
                    let delay = if self.chance(10) { 3 } else { 1 };
                    self.under_way.push((self.now_ms + delay * STEP_MS, to, message.clone()));
                }
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now_ms + u64::try_from(time.as_millis()).unwrap();
        while self.now_ms < end {
            self.now_ms += STEP_MS;
            let now = self.now();
            let (due, later) = self.under_way.drain(..).partition(|(at, ..)| *at <= self.now_ms);
            self.under_way = later;
            let due: Vec<(u64, usize, Message)> = due;
            for (_, to, message) in due {
                if let Some(engine) = &mut self.engines[to] {
                    engine.handle(now, Input::Message { link: LinkId(0), message });
                }
                self.send(to);
            }
            for node in 0..NODES {
                if let Some(engine) = &mut self.engines[node]
                    && engine.next_deadline().is_some_and(|deadline| deadline <= now.tick)
                {
                    engine.handle(now, Input::Wake);
                    self.send(node);
                }
            }
        }
    }

    /// What the living say of all nodes: name and status, in the order of the names.
    fn views(&self) -> Vec<Vec<(String, String)>> {
        let view = |engine: &Engine| {
            let nodes = engine.snapshot(self.now()).nodes;
            let mut view: Vec<_> = nodes.into_iter().map(|node| (node.name, node.status)).collect();
            view.sort();
            view
        };
        self.engines.iter().flatten().map(view).collect()
    }

    /// The one view that all have.
    fn agreed(&self, what: &str) -> Vec<(String, String)> {
        let views = self.views();
        assert!(views.windows(2).all(|pair| pair[0] == pair[1]), "{what}: {views:#?}");
        views[0].clone()
    }
}

#[test]
fn thirty_percent_loss_loses_nothing_and_ten_nodes_agree() {
    for seed in 1..=8 {
        let mut net = Net::new(seed);
        net.run(DEADTIME * 4);
        let view = net.agreed("after the start");
        assert!(view.iter().all(|(_, status)| status == "active"), "{view:?}");

        // Each says something that all others must hear, three times.
        for round in 0..3 {
            for node in 0..NODES {
                let now = net.now();
                let name = format!("x{round}-{node}");
                net.engines[node].as_mut().unwrap().add_nodes(now, &[name]).unwrap();
                net.send(node);
            }
            net.run(Duration::from_millis(500));
        }
        net.run(DEADTIME * 3);
        let view = net.agreed("after the messages");
        assert_eq!(view.len(), NODES + 30);
        let missing =
            |engine: &Engine, now| engine.snapshot(now).nodes.iter().map(|node| node.missing).sum::<u32>();
        assert!(view.iter().all(|(name, status)| name.starts_with('n') == (status == "active")), "{view:?}");

        for dead in [2, 5, 9] {
            net.engines[dead] = None;
        }
        net.run(DEADTIME * 2);
        let view = net.agreed("after the kills");
        let dead: Vec<_> =
            view.iter().filter(|(name, status)| name.starts_with('n') && status == "dead").collect();
        assert_eq!(dead.len(), 3, "{view:?}");
        for dead in [2, 5, 9] {
            net.start(dead);
        }
        net.run(DEADTIME * 5);
        let view = net.agreed("after the restarts");
        assert!(view.iter().all(|(name, status)| name.starts_with('n') == (status == "active")), "{view:?}");
        assert_eq!(view.len(), NODES + 30, "who starts anew hears of all nodes");
        assert!(net.lost > 10_000, "{}", net.lost);
        let most = net.engines.iter().flatten().map(|engine| missing(engine, net.now())).max();
        assert!(most < Some(20), "gaps are closed: {most:?}");
    }
}
