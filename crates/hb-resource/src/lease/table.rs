//! The table in the kernel: what it lets through, and what it takes for a renewal.
//!
//! ```text
//! table netdev hb-lease {
//!   set addresses  { type ipv4_addr }           # the floating addresses
//!   set addresses6 { type ipv6_addr }
//!   set engaged   { type mark }                 # has 1 while this node holds any of them
//!   set lease     { type mark; timeout }        # has 1 while the lease lives
//!   set arm       { type mark; timeout }        # has 1 for 50 ms after the first step of an acquisition
//!   set closed    { type ipv4_addr }            # what is staged here and not held
//!   set closed6   { type ipv6_addr }
//!   chain grant { egress of lo
//!     mark RENEW:   if lease has 1,  put 1 into lease for its length; drop
//!     mark ARM:     put 1 into engaged and, for 50 ms, into arm; drop
//!     mark ACQUIRE: if arm has 1, put 1 into lease for its length; drop
//!     mark RELEASE: take 1 out of engaged and lease; drop
//!     mark OPEN, CLOSE: take the address in the datagram out of closed or closed6, or put it there; drop }
//!   chain in-N, out-N { ingress and egress of interface N: jump to inward or outward }
//!   chain inward, outward {
//!     as below for those in closed and closed6: drop
//!     if lease has 1, or engaged has not: return
//!     packets, ARP to (outward: from) one of the addresses: drop
//!     neighbour solicitation for (outward: advertisement of) one of them: drop } }
//! ```
//! A packet that `grant` drops is told to its sender (`IP_RECVERR`): so the heart knows at once whether it was granted.
//! An announcement of another node (ARP from one of the addresses, an advertisement) passes inward: whoever has lost the
//! address must hear where it is. What asks whether somebody has an IPv6 address (duplicate address detection) is a
//! solicitation: behind a closed gate it is not answered, so that another node can have the address.
//!
//! The table is owned by the socket that made it, where the kernel knows tables that outlive their owner (Linux 6.9): until that
//! is closed nobody else can change or remove it, `nft flush ruleset` passes it by, and after that it stays as it is.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::netfilter::{APPEND, Attributes, CREATE, Kind, Transaction};

/// What the table is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) addresses: BTreeSet<IpAddr>,
    /// How many there will be at least.
    pub(super) room: usize,
    /// Numbers and names of the interfaces that are gated.
    pub(super) interfaces: Vec<(u32, String)>,
    pub(super) length: Duration,
    /// The first of [`MARKS`] marks.
    pub(super) mark: u32,
    /// Whether the addresses are gated from the begin.
    pub(super) is_engaged: bool,
    /// For tests of the tests: a renewal is granted whether the lease lives or not.
    pub(super) is_unconditional: bool,
    /// Whether nobody else may touch the table.
    pub(super) is_owned: bool,
}

/// What a mark asks for; its place behind the first mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Renew = 0,
    Arm = 1,
    Acquire = 2,
    Release = 3,
    OpenFour = 4,
    CloseFour = 5,
    OpenSix = 6,
    CloseSix = 7,
}

impl Step {
    /// Those of the heart.
    pub(super) const TENURE: [Self; 4] = [Self::Renew, Self::Arm, Self::Acquire, Self::Release];
    /// Those for staged addresses, which the datagram names.
    pub(super) const DOORS: [Self; 4] = [Self::OpenFour, Self::CloseFour, Self::OpenSix, Self::CloseSix];
}

impl Plan {
    /// The whole table anew, with these addresses closed; what was there under its name goes.
    pub(super) fn build(&self, closed: &BTreeSet<IpAddr>) -> Transaction {
        let mut transaction = Self::remove();
        transaction.add(Kind::NewTable, CREATE, |table| {
            table.text(TABLE_NAME, TABLE);
            if self.is_owned {
                table.number(TABLE_FLAGS, OWNED_AND_PERSISTENT);
            }
        });
        new_set(&mut transaction, ADDRESSES, (IPV4_ADDRESS, 4), 0, None);
        new_set(&mut transaction, ADDRESSES6, (IPV6_ADDRESS, 16), 0, None);
        let room = Some(room_for_closed(self.room.max(self.addresses.len()).max(closed.len())));
        for (name, kind) in [(CLOSED, (IPV4_ADDRESS, 4)), (CLOSED6, (IPV6_ADDRESS, 16))] {
            new_set(&mut transaction, name, kind, SET_DYNAMIC, room);
        }
        for (name, flags) in [(ENGAGED, 0), (LEASE, SET_TIMEOUT), (ARM, SET_TIMEOUT)] {
            new_set(&mut transaction, name, (MARK, 4), SET_DYNAMIC | flags, Some(ELEMENTS));
        }
        change_addresses(&mut transaction, Kind::NewElement, &self.addresses);
        change_sets(&mut transaction, Kind::NewElement, closed, [CLOSED, CLOSED6]);
        if self.is_engaged {
            change_elements(&mut transaction, Kind::NewElement, ENGAGED, &[&ONE[..]]);
        }
        for name in [INWARD, OUTWARD] {
            new_chain(&mut transaction, name, None);
        }
        gate(&mut transaction, INWARD, Way::INWARD);
        gate(&mut transaction, OUTWARD, Way::OUTWARD);
        new_chain(&mut transaction, GRANT, Some((EGRESS, LOOPBACK)));
        self.grant(&mut transaction);
        for interface in &self.interfaces {
            Self::add_interface(&mut transaction, interface);
        }
        transaction
    }

    /// Other rules for what is granted; what lives goes on.
    pub(super) fn change_length(&self) -> Transaction {
        let mut transaction = Transaction::begin();
        transaction.add(Kind::DeleteRule, 0, |rule| {
            rule.text(1, TABLE).text(2, GRANT);
        });
        self.grant(&mut transaction);
        transaction
    }

    /// Gates these addresses instead of those of `self`.
    pub(super) fn exchange_addresses(&self, new: &BTreeSet<IpAddr>) -> Transaction {
        let mut transaction = Transaction::begin();
        let difference = |of: &BTreeSet<_>, less: &BTreeSet<_>| of.difference(less).copied().collect();
        change_addresses(&mut transaction, Kind::NewElement, &difference(new, &self.addresses));
        change_addresses(&mut transaction, Kind::DeleteElement, &difference(&self.addresses, new));
        transaction
    }

    /// Gates one more interface.
    pub(super) fn add_interface(transaction: &mut Transaction, (index, name): &(u32, String)) {
        for (direction, hook, gate) in [("in", INGRESS, INWARD), ("out", EGRESS, OUTWARD)] {
            let chain = format!("{direction}-{index}");
            new_chain(transaction, &chain, Some((hook, name)));
            new_rule(transaction, &chain, |rule| rule.verdict(JUMP, Some(gate)));
        }
    }

    /// Takes the chains of an interface away that is gone.
    pub(super) fn remove_interface(transaction: &mut Transaction, (index, _): &(u32, String)) {
        for direction in ["in", "out"] {
            let chain = format!("{direction}-{index}");
            transaction.add(Kind::DeleteRule, 0, |rule| {
                rule.text(1, TABLE).text(2, &chain);
            });
            transaction.add(Kind::DeleteChain, 0, |attributes| {
                attributes.text(CHAIN_TABLE, TABLE).text(CHAIN_NAME, &chain);
            });
        }
    }

    /// Takes the table away, whether it is there or not.
    pub(super) fn remove() -> Transaction {
        let mut transaction = Transaction::begin();
        for (kind, flags) in [(Kind::NewTable, CREATE), (Kind::DeleteTable, 0)] {
            transaction.add(kind, flags, |table| {
                table.text(TABLE_NAME, TABLE);
            });
        }
        transaction
    }

    /// How many rules the table has.
    pub(super) fn rules(&self) -> usize {
        GRANT_RULES + GATE_RULES * 2 + self.interfaces.len() * 2
    }

    fn grant(&self, transaction: &mut Transaction) {
        for step in Step::TENURE.into_iter().chain(Step::DOORS) {
            let mark = self.mark.wrapping_add(step as u32);
            new_rule(transaction, GRANT, |rule| {
                let rule = rule.meta(META_MARK).is(&mark.to_ne_bytes());
                // The heart's steps say nothing.
                let rule = if Step::TENURE.contains(&step) { rule.load(&ONE) } else { rule };
                match step {
                    Step::Renew if self.is_unconditional => rule.put(LEASE, Some(self.length)),
                    Step::Renew => rule.contains(LEASE).put(LEASE, Some(self.length)),
                    Step::Arm => rule.put(ENGAGED, None).put(ARM, Some(ARMED)),
                    Step::Acquire => rule.contains(ARM).put(LEASE, Some(self.length)),
                    Step::Release => rule.take(LEASE).take(ENGAGED),
                    Step::OpenFour => rule.network(DATAGRAM, 4).take(CLOSED),
                    Step::CloseFour => rule.network(DATAGRAM, 4).put(CLOSED, None),
                    Step::OpenSix => rule.network(DATAGRAM, 16).take(CLOSED6),
                    Step::CloseSix => rule.network(DATAGRAM, 16).put(CLOSED6, None),
                }
                .verdict(DROP, None)
            });
        }
    }
}

/// Where the floating address stands in what passes the gate in one direction.
#[derive(Clone, Copy)]
struct Way {
    /// In an IPv4 header.
    ip: u32,
    /// In an ARP message.
    arp: u32,
    /// In an IPv6 header.
    ipv6: u32,
    /// Kind of the message of neighbour discovery whose target it is.
    discovery: u8,
    /// Whether ARP from one of the addresses passes.
    hears_others: bool,
}

impl Way {
    const INWARD: Self =
        Self { ip: 16, arp: ARP_TARGET, ipv6: 24, discovery: SOLICITATION, hears_others: true };
    const OUTWARD: Self =
        Self { ip: 12, arp: ARP_SENDER, ipv6: 8, discovery: ADVERTISEMENT, hears_others: false };
}

fn gate(transaction: &mut Transaction, chain: &str, way: Way) {
    // What is staged is closed for announcements as well: who has a copy of an address need not hear where it is.
    let staged = Way { hears_others: false, ..way };
    drop_addresses(transaction, chain, staged, [CLOSED, CLOSED6]);
    new_rule(transaction, chain, |rule| rule.load(&ONE).contains(LEASE).verdict(RETURN, None));
    new_rule(transaction, chain, |rule| rule.load(&ONE).lacks(ENGAGED).verdict(RETURN, None));
    drop_addresses(transaction, chain, way, [ADDRESSES, ADDRESSES6]);
}

/// The sets of IPv4 and of IPv6 addresses.
fn drop_addresses(transaction: &mut Transaction, chain: &str, way: Way, [four, six]: [&str; 2]) {
    new_rule(transaction, chain, |rule| {
        rule.meta(META_PROTOCOL)
            .is(&[0x08, 0x00])
            .network(way.ip, 4)
            .contains(four)
            .count()
            .verdict(DROP, None)
    });
    new_rule(transaction, chain, |rule| {
        let rule = rule.meta(META_PROTOCOL).is(&[0x08, 0x06]).network(way.arp, 4).contains(four);
        let rule = if way.hears_others { rule.network(ARP_SENDER, 4).lacks(four) } else { rule };
        rule.count().verdict(DROP, None)
    });
    new_rule(transaction, chain, |rule| {
        let rule = rule.meta(META_PROTOCOL).is(&IPV6).network(way.ipv6, 16).contains(six);
        rule.count().verdict(DROP, None)
    });
    // To a group that is made from the end of the address, so the address of the packet says nothing.
    new_rule(transaction, chain, |rule| {
        let rule = rule.meta(META_PROTOCOL).is(&IPV6).network(NEXT_HEADER, 1).is(&[ICMPV6]);
        let rule = rule.network(ICMPV6_TYPE, 1).is(&[way.discovery]);
        rule.network(DISCOVERY_TARGET, 16).contains(six).count().verdict(DROP, None)
    });
}

/// How many elements a set of closed addresses may have, where there are so many floating addresses: the kernel makes its
/// hash table for all of them at once, and counts what was taken out until it next cleans up, some time within a second.
/// What finds no room is not staged.
fn room_for_closed(addresses: usize) -> u32 {
    u32::try_from(addresses.saturating_mul(4)).unwrap_or(u32::MAX).clamp(ADDRESS_ELEMENTS, MOST_ELEMENTS)
}

/// `kind` is its number and its length; `room` is for sets that packets change.
fn new_set(transaction: &mut Transaction, name: &str, kind: (u32, u32), flags: u32, room: Option<u32>) {
    transaction.add(Kind::NewSet, CREATE, |set| {
        set.text(1, TABLE).text(2, name).number(3, flags).number(4, kind.0).number(5, kind.1);
        // Nothing refers to sets by these numbers, but the kernel wants one.
        set.number(10, 1);
        if let Some(elements) = room {
            set.nest(9, |description| {
                description.number(1, elements);
            });
        }
    });
}

fn change_addresses(transaction: &mut Transaction, kind: Kind, addresses: &BTreeSet<IpAddr>) {
    change_sets(transaction, kind, addresses, [ADDRESSES, ADDRESSES6]);
}

fn change_sets(
    transaction: &mut Transaction,
    kind: Kind,
    addresses: &BTreeSet<IpAddr>,
    [set4, set6]: [&str; 2],
) {
    let (mut four, mut six) = (Vec::new(), Vec::new());
    for address in addresses {
        match address {
            IpAddr::V4(address) => four.push(address.octets()),
            IpAddr::V6(address) => six.push(address.octets()),
        }
    }
    change_keys(transaction, kind, set4, &four);
    change_keys(transaction, kind, set6, &six);
}

fn change_keys<const N: usize>(transaction: &mut Transaction, kind: Kind, set: &str, keys: &[[u8; N]]) {
    let keys: Vec<_> = keys.iter().map(|key| &key[..]).collect();
    // An attribute holds 64 KiB.
    for part in keys.chunks(KEYS_IN_MESSAGE) {
        change_elements(transaction, kind, set, part);
    }
}

fn change_elements(transaction: &mut Transaction, kind: Kind, set: &str, keys: &[&[u8]]) {
    transaction.add(kind, CREATE, |list| {
        list.text(1, TABLE).text(2, set).nest(3, |elements| {
            for bytes in keys {
                elements.nest(1, |element| {
                    element.nest(1, |key| {
                        key.bytes(1, bytes);
                    });
                });
            }
        });
    });
}

fn new_chain(transaction: &mut Transaction, name: &str, hook: Option<(u32, &str)>) {
    transaction.add(Kind::NewChain, CREATE, |chain| {
        chain.text(CHAIN_TABLE, TABLE).text(CHAIN_NAME, name);
        if let Some((number, interface)) = hook {
            chain.nest(4, |hook| {
                hook.number(1, number).bytes(2, &PRIORITY.to_be_bytes()).text(3, interface);
            });
            chain.text(7, "filter");
        }
    });
}

fn new_rule(
    transaction: &mut Transaction,
    chain: &str,
    content: impl for<'a, 'b> FnOnce(Rule<'a, 'b>) -> Rule<'a, 'b>,
) {
    transaction.add(Kind::NewRule, CREATE | APPEND, |rule| {
        rule.text(1, TABLE).text(2, chain).nest(4, |list| {
            content(Rule(list));
        });
    });
}

/// The expressions of a rule, one after the other; all values go through register 1.
struct Rule<'a, 'b>(&'a mut Attributes<'b>);

impl Rule<'_, '_> {
    fn expression(self, name: &str, content: impl FnOnce(&mut Attributes<'_>)) -> Self {
        self.0.nest(1, |expression| {
            expression.text(1, name).nest(2, content);
        });
        self
    }

    fn meta(self, key: u32) -> Self {
        self.expression("meta", |meta| {
            meta.number(1, REGISTER).number(2, key);
        })
    }

    /// Goes on if the register holds these bytes.
    fn is(self, bytes: &[u8]) -> Self {
        self.expression("cmp", |compare| {
            compare.number(1, REGISTER).number(2, 0).nest(3, |data| {
                data.bytes(1, bytes);
            });
        })
    }

    fn load(self, bytes: &[u8]) -> Self {
        self.expression("immediate", |immediate| {
            immediate.number(1, REGISTER).nest(2, |data| {
                data.bytes(1, bytes);
            });
        })
    }

    /// Bytes of the network header.
    fn network(self, offset: u32, length: u32) -> Self {
        self.expression("payload", |payload| {
            payload.number(1, REGISTER).number(2, 1).number(3, offset).number(4, length);
        })
    }

    /// Goes on if the set has what the register holds.
    fn contains(self, set: &str) -> Self {
        self.expression("lookup", |lookup| {
            lookup.text(1, set).number(2, REGISTER);
        })
    }

    /// Goes on if the set has it not.
    fn lacks(self, set: &str) -> Self {
        self.expression("lookup", |lookup| {
            lookup.text(1, set).number(2, REGISTER).number(5, INVERTED);
        })
    }

    /// Puts what the register holds into the set; with a time, for so long from now on.
    fn put(self, set: &str, time: Option<Duration>) -> Self {
        self.expression("dynset", |dynset| {
            dynset.text(1, set).number(3, u32::from(time.is_some())).number(4, REGISTER);
            if let Some(time) = time {
                dynset.long(6, u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
            }
        })
    }

    fn take(self, set: &str) -> Self {
        self.expression("dynset", |dynset| {
            dynset.text(1, set).number(3, DYNSET_DELETE).number(4, REGISTER);
        })
    }

    fn count(self) -> Self {
        self.expression("counter", |_| {})
    }

    fn verdict(self, code: i32, chain: Option<&str>) -> Self {
        self.expression("immediate", |immediate| {
            immediate.number(1, 0).nest(2, |data| {
                data.nest(2, |verdict| {
                    verdict.bytes(1, &code.to_be_bytes());
                    if let Some(chain) = chain {
                        verdict.text(2, chain);
                    }
                });
            });
        })
    }
}

/// The name of our table; no other is touched.
pub(super) const TABLE: &str = "hb-lease";
/// How many marks there are.
pub(super) const MARKS: u32 = 8;
/// How long after the first step of an acquisition the second one is granted.
pub(super) const ARMED: Duration = Duration::from_millis(50);

const ADDRESSES: &str = "addresses";
const ADDRESSES6: &str = "addresses6";
const ENGAGED: &str = "engaged";
const LEASE: &str = "lease";
const ARM: &str = "arm";
const CLOSED: &str = "closed";
const CLOSED6: &str = "closed6";
const GRANT: &str = "grant";
const INWARD: &str = "inward";
const OUTWARD: &str = "outward";
const LOOPBACK: &str = "lo";

/// The only element of the three small sets.
const ONE: [u8; 4] = 1_u32.to_ne_bytes();
/// Room in them; one would do.
const ELEMENTS: u32 = 16;
/// Room in the sets of closed addresses, at least and at most.
const ADDRESS_ELEMENTS: u32 = 1024;
const MOST_ELEMENTS: u32 = 0xffff;
const KEYS_IN_MESSAGE: usize = 1000;
/// Before all others.
const PRIORITY: i32 = -500;
const GRANT_RULES: usize = Step::TENURE.len() + Step::DOORS.len();
const GATE_RULES: usize = 10;
/// Offsets of the protocol addresses of sender and target in an ARP message for IPv4 over Ethernet.
const ARP_SENDER: u32 = 14;
const ARP_TARGET: u32 = 24;
/// Offset of the content of a UDP datagram in an IPv4 packet without options.
const DATAGRAM: u32 = 28;
/// The Ethernet type of IPv6.
const IPV6: [u8; 2] = [0x86, 0xdd];
/// Offsets in an IPv6 packet; messages of neighbour discovery follow its header at once (RFC 4861 section 4).
const NEXT_HEADER: u32 = 6;
const ICMPV6_TYPE: u32 = 40;
const DISCOVERY_TARGET: u32 = 48;
const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

// Numbers of the kernel (`linux/netfilter/nf_tables.h`).
const TABLE_NAME: u16 = 1;
const TABLE_FLAGS: u16 = 2;
const OWNED_AND_PERSISTENT: u32 = 2 | 4;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const SET_TIMEOUT: u32 = 0x10;
const SET_DYNAMIC: u32 = 0x20;
/// Names of the types of keys, for the program `nft` only.
const IPV4_ADDRESS: u32 = 7;
const IPV6_ADDRESS: u32 = 8;
const MARK: u32 = 19;
const INGRESS: u32 = 0;
const EGRESS: u32 = 1;
const REGISTER: u32 = 1;
const META_PROTOCOL: u32 = 1;
const META_MARK: u32 = 3;
const INVERTED: u32 = 1;
const DYNSET_DELETE: u32 = 2;
const DROP: i32 = 0;
const RETURN: i32 = -5;
const JUMP: i32 = -3;
