//! The engine itself: dispatches inputs to bus, liveness and failover, keeps the ordered queue of outputs.

use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use hb_wire::Message;

use crate::bus::ring::Ring;
use crate::bus::sender::Sender;
use crate::config::Config;
use crate::event::Event;
use crate::failover::{Failover, Place};
use crate::id::{LinkId, NodeId};
use crate::io::{Command, Input, Output};
use crate::liveness::Local;
use crate::liveness::node::{Node, Number};
use crate::liveness::ping::Ping;
use crate::random::Random;
use crate::snapshot::{FencingSnapshot, GroupSnapshot, LinkSnapshot, NodeSnapshot, Snapshot};
use crate::time::{Now, Tick};

/// Longest text taken for the field `ld`, in bytes.
const LOAD_LIMIT: usize = 100;

/// One node's decisions. See the crate's text for the contract.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) config: Config,
    /// The time of the input at hand.
    pub(crate) now: Now,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) random: Random,
    pub(crate) sender: Sender,
    pub(crate) ring: Ring,
    pub(crate) load: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) pings: Vec<Ping>,
    pub(crate) local: Local,
    pub(crate) failover: Failover,
}

impl Engine {
    /// A node that starts now. `seed` feeds the only randomness (retransmission delays, acknowledgement phase).
    #[must_use]
    pub fn new(config: Config, seed: u64, now: Now) -> Self {
        let mut random = Random::new(seed);
        let nodes = config
            .nodes
            .iter()
            .map(|node| Node::new(&node.name, config.links.len(), now.tick, &mut random))
            .collect();
        let pings = config.pings.names.iter().map(|_| Ping::new(now.tick)).collect();
        let failover = Failover::new(&config, now.tick);
        let mut engine = Self {
            config,
            now,
            outputs: VecDeque::new(),
            random,
            sender: Sender::default(),
            ring: Ring::default(),
            load: "n/a".to_owned(),
            nodes,
            pings,
            local: Local::new(now.tick),
            failover,
        };
        let me = engine.config.local;
        let (uuid, generation) = (engine.config.uuid, engine.config.generation);
        let own = engine.node_mut(me);
        own.heard = true;
        own.speaks_hb = true;
        own.uuid = Some(uuid);
        own.generation = generation;
        if let Some(first) = engine.config.first_epoch {
            // A node alone starts its groups at once.
            engine.count_epochs_from(first);
        }
        engine.recall_members();
        engine.announce_start();
        engine.check_communication();
        engine
    }

    /// Takes in one thing that happened; never blocks. Work is bounded by the size of the input.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.advance(now);
        match input {
            Input::Message { link, message } => self.receive(link, &message),
            Input::Echo { link } => self.refresh_link(self.config.local, link),
            Input::Ping { ping } => self.ping_answered(ping),
            Input::Done { job, outcome } => self.job_done(job, outcome),
            Input::Command(command) => self.obey(command),
            Input::Load(load) => {
                self.load = load.chars().filter(|c| !c.is_control()).take(LOAD_LIMIT).collect();
            }
            Input::Wake => self.wake(),
        }
        self.weigh_reach();
    }

    /// The time of what follows.
    pub(crate) fn advance(&mut self, now: Now) {
        // A clock that steps back is a driver's fault; time then stands still instead of running backwards.
        self.now = Now { tick: now.tick.max(self.now.tick), wall: now.wall };
        self.doubt_ourselves();
    }

    /// The next thing to do; drain to `None` after every [`Engine::handle`] (and after [`Engine::new`]).
    #[must_use]
    pub fn poll(&mut self) -> Option<Output> {
        self.poll_urgent().or_else(|| self.poll_repeat())
    }

    /// As [`Engine::poll`], without the lost messages that are sent again: whoever drains this one asks
    /// [`Engine::poll_repeat`] when there is time.
    #[must_use]
    pub fn poll_urgent(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next message to be sent again because a peer lost it (`wire.md` 6.5). One peer can ask for 500 of them
    /// at once: a driver that sends them between heartbeats is on time whatever is asked.
    #[must_use]
    pub fn poll_repeat(&mut self) -> Option<Output> {
        self.sender.next_repeat().map(Output::Send)
    }

    /// Whether [`Engine::poll_repeat`] has something.
    #[must_use]
    pub fn has_repeats(&self) -> bool {
        self.sender.has_repeats()
    }

    /// The single earliest time at which the engine wants [`Input::Wake`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Tick> {
        [
            Some(self.local.next_heartbeat),
            self.local.ask_again,
            self.strangers_until(),
            self.next_verdict(),
            self.next_request(),
            self.failover.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Time from one `status` to the next.
    #[must_use]
    pub const fn keepalive(&self) -> Duration {
        self.config.keepalive
    }

    /// The present state as plain data; `now` dates the silences.
    #[must_use]
    pub fn snapshot(&self, now: Now) -> Snapshot {
        Snapshot {
            local: self.config.local,
            generation: self.config.generation,
            seq: self.sender.seq(),
            hold: self.failover.hold,
            stable: self.failover.is_stable(),
            stopping: self.failover.is_stopping(),
            nodes: self.node_ids().map(|id| self.node_snapshot(id, now)).collect(),
            fencing: self
                .failover
                .fencing
                .victim()
                .map(|(node, failures)| FencingSnapshot { node, failures }),
            pings: self.ping_snapshots(now),
            groups: self.group_snapshots(),
        }
    }

    fn node_snapshot(&self, id: NodeId, now: Now) -> NodeSnapshot {
        let node = self.node(id);
        let own = id == self.config.local;
        let links = self.config.links.iter().zip(&node.links).zip(0..);
        let partner_hold = self.failover.partner.hold.filter(|_| self.failover.partner_id == Some(id));
        NodeSnapshot {
            node: id,
            name: node.name.clone(),
            status: if own { self.local.status.to_owned() } else { node.status.clone() },
            silence: node.last_status.map(|last| now.tick.since(last)),
            deadtime: if own { self.config.deadtime } else { self.deadtime_of(id) },
            hold: if own { Some(self.failover.hold) } else { partner_hold },
            speaks_hb: node.speaks_hb,
            is_deaf: self.is_unheard() && self.failover.partner_id == Some(id),
            epoch: if own { self.local.epoch } else { node.epoch },
            files: if own { Some(self.config.files_digest.clone()) } else { node.files.said.clone() },
            missing: u32::try_from(node.receiver.missing()).unwrap_or(u32::MAX),
            links: links
                .map(|((link, heard), number)| LinkSnapshot {
                    link: LinkId(number),
                    name: link.name.clone(),
                    up: heard.is_some(),
                })
                .collect(),
        }
    }

    fn group_snapshots(&self) -> Vec<GroupSnapshot> {
        let groups = &self.failover.groups;
        let groups = self.config.groups.iter().zip(groups.states()).zip(groups.all_views());
        groups
            .map(|((config, (group, state)), view)| GroupSnapshot {
                group,
                key: config.key.clone(),
                home: config.home,
                state,
                lent: view.place == Place::Lent && view.there,
                epoch: self.failover.groups.epoch_of(group),
                monitor: self.failover.groups.monitor_of(group),
            })
            .collect()
    }

    /// Everything that time alone brings about.
    fn wake(&mut self) {
        self.beat();
        self.judge();
        self.request_missing();
        self.repeat_question();
        self.check_communication();
        self.standby_wait_over();
        self.local_wait_over();
        self.conflict_wait_over();
        self.scripts_wait_over();
        self.say_again();
        self.ask_what_was_too_much();
        self.start_again();
        self.orphans_wait_over();
        self.end_what_is_unended();
        self.offer_what_failed();
        self.watch_rules();
        if self.failover.failback_retry.is_some_and(|due| due <= self.now.tick) {
            self.try_failback();
        }
        self.ipfail_wait_over();
        self.drive_fencing();
        self.drive_groups();
        self.begin_checks();
        self.linger_over();
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Stop => self.want_stop(),
            Command::Standby(set) => self.begin_standby(set),
            Command::Takeover(set) => self.ask_takeover(set),
            Command::ConfirmFenced(node) => self.confirm_fenced(node),
            Command::Move { group, here } => {
                self.failover.groups.forget_refusal(group);
                self.move_group(group, here);
            }
        }
    }

    /// A message of a peer that is new and for us.
    pub(crate) fn act(&mut self, node: NodeId, kind: &str, seq: u64, message: &Message) {
        match kind {
            "status" => {
                self.receive_status(node, seq, message);
                if self.note_borrowed(node, seq, message) {
                    self.note_homes(node, message);
                }
                self.follow_offers(node, seq, message);
            }
            // It asks each second: only the newest question needs an answer.
            "reqnodes" if self.node(node).receiver.last() == Some(seq) => self.answer_node_lists(node),
            "repnodes" => {
                self.receive_lists(message);
                self.node_lists_known();
            }
            "addnode" | "delnode" | "setweight" | "setsite" => self.receive_members(kind, message),
            "starting" => self.receive_starting(node, seq),
            "resource" => {
                self.note_borrowed(node, seq, message);
                self.receive_resource(node, seq, message);
                self.follow_offers(node, seq, message);
            }
            "ask_resources" => self.receive_ask_resources(node, seq, message),
            "hb_takeover" => self.receive_takeover(node, seq, message),
            "ip-request" => self.receive_ip_request(node, message),
            "ip-request-resp" => self.receive_ip_answer(node, seq, message),
            "shutdone" => self.receive_shutdone(node),
            "hbapi-clstat" | "num_ping_nodes" | "you_are_dead" | "abort_giveup" => {
                self.receive_ipfail(node, kind, seq, message);
            }
            // Clients' messages, and reports that ask for nothing.
            _ => self.report(Event::OtherMessage),
        }
    }

    pub(crate) fn report(&mut self, event: Event) {
        self.outputs.push_back(Output::Report(event));
    }

    pub(crate) fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<'_> {
        self.nodes.iter().zip(0..).filter(|(node, _)| node.number == Number::InUse).map(|(_, id)| NodeId(id))
    }

    pub(crate) fn node_by_name(&self, name: &str) -> Option<NodeId> {
        self.node_ids().find(|id| self.node(*id).name == name)
    }

    #[expect(clippy::indexing_slicing, reason = "node numbers are only made from the length of this list")]
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[usize::from(id.0)]
    }

    #[expect(clippy::indexing_slicing, reason = "node numbers are only made from the length of this list")]
    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[usize::from(id.0)]
    }
}
