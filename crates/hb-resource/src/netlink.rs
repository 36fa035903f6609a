//! The kernel's tables of links, addresses and routes, over rtnetlink.
//!
//! Reads and changes; decides nothing. Every change waits for the kernel's answer. Dumps that the kernel calls
//! inconsistent (a table changed meanwhile) are read again.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::StreamExt as _;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressProtocol, AddressScope,
};
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};
use rtnetlink::packet_route::route::{RouteHeader, RouteMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::{AddressMessageBuilder, Handle, LinkUnspec};
use rustix::io::Errno;
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use crate::lease::set_lifetime;
use crate::placement::{Placement, Route};

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's attributes are an open set")]
mod rows;

pub(crate) use rows::{Held, Link};

/// The origin (`IFA_PROTO`, Linux 5.18) that our addresses carry, so that leftovers can be told: `H`. The kernel uses
/// 1 to 3 for its own; older kernels drop the mark.
pub const ADDRESS_MARK: u8 = 0x48;

/// The origin of the copies of staged addresses: `h`.
pub const STAGED_MARK: u8 = 0x68;

/// The kernel refused, or could not be asked.
#[derive(Debug, Error)]
pub(crate) enum NetlinkError {
    #[error("the kernel refused to {what}: {source}")]
    Refused { what: &'static str, source: io::Error },
    #[error("could not {what}: the table changed each time while it was read")]
    Unsteady { what: &'static str },
    #[error("the netlink socket failed while we tried to {what}")]
    Broken { what: &'static str },
}

/// A netlink socket. Its traffic is carried by a task on the current `LocalSet`; when that ended, because the socket
/// failed, the next request opens another.
pub(crate) struct Netlink {
    connection: RefCell<Connection>,
    /// A socket dumps one table at a time; the kernel refuses a second one as busy.
    dump_turn: Mutex<()>,
}

struct Connection {
    handle: Handle,
    traffic: AbortHandle,
}

impl Netlink {
    /// Opens the socket.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self { connection: RefCell::new(Connection::open()?), dump_turn: Mutex::default() })
    }

    /// The interface with this name.
    pub(crate) async fn link_by_name(&self, name: &str) -> Result<Option<Link>, NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        self.link(message).await
    }

    /// The interface with this index.
    pub(crate) async fn link_by_index(&self, index: u32) -> Result<Option<Link>, NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        self.link(message).await
    }

    /// All IPv4 and IPv6 addresses of the machine.
    pub(crate) async fn addresses(&self) -> Result<Vec<Held>, NetlinkError> {
        // Without a family all of them are told.
        let message = AddressMessage::default();
        let rows = self.dump("read the addresses", RouteNetlinkMessage::GetAddress(message)).await?;
        let held = rows.into_iter().filter_map(|row| {
            let RouteNetlinkMessage::NewAddress(message) = row else { return None };
            let family = message.header.family;
            matches!(family, AddressFamily::Inet | AddressFamily::Inet6).then_some(Held { message })
        });
        Ok(held.collect())
    }

    /// The routing table `main` for the family of `address`, in the kernel's order.
    pub(crate) async fn routes(&self, address: IpAddr) -> Result<Vec<Route>, NetlinkError> {
        let mut message = RouteMessage::default();
        message.header.address_family = match address {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        let rows = self.dump("read the routes", RouteNetlinkMessage::GetRoute(message)).await?;
        let routes = rows.iter().filter_map(|row| {
            let RouteNetlinkMessage::NewRoute(message) = row else { return None };
            rows::route(message)
        });
        Ok(routes.collect())
    }

    /// Puts an address up. That it is there already counts as success.
    pub(crate) async fn add(&self, address: AddressMessage) -> Result<(), NetlinkError> {
        let order = RouteNetlinkMessage::NewAddress(address);
        let answer = self.change("add an address", order, NLM_F_CREATE | NLM_F_EXCL).await;
        tolerate(answer, &[Errno::EXIST])
    }

    /// Puts an address up again exactly as it was.
    pub(crate) async fn restore(&self, held: &Held) -> Result<(), NetlinkError> {
        self.add(held.message.clone()).await
    }

    /// Takes an address down. That it, or its interface, is gone already counts as success.
    pub(crate) async fn delete(&self, held: &Held) -> Result<(), NetlinkError> {
        let order = RouteNetlinkMessage::DelAddress(held.message.clone());
        tolerate(self.change("remove an address", order, 0).await, &[Errno::ADDRNOTAVAIL, Errno::NODEV])
    }

    /// Switches an interface on.
    pub(crate) async fn set_up(&self, index: u32) -> Result<(), NetlinkError> {
        let message = LinkUnspec::new_with_index(index).up().build();
        self.change("switch an interface on", RouteNetlinkMessage::NewLink(message), 0).await
    }

    async fn link(&self, message: LinkMessage) -> Result<Option<Link>, NetlinkError> {
        let what = "look an interface up";
        let answer = self.ask(what, RouteNetlinkMessage::GetLink(message), NLM_F_REQUEST).await;
        // A name that cannot exist is refused as out of range or invalid.
        let none = [Errno::NODEV, Errno::RANGE, Errno::INVAL];
        match answer {
            Ok((rows, _)) => Ok(rows.iter().find_map(|row| {
                let RouteNetlinkMessage::NewLink(message) = row else { return None };
                rows::link(message)
            })),
            Err(NetlinkError::Refused { source, .. }) if is_one_of(&source, &none) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn dump(
        &self,
        what: &'static str,
        order: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        let _turn = self.dump_turn.lock().await;
        for _ in 0..DUMP_ATTEMPTS {
            let (rows, steady) = self.ask(what, order.clone(), NLM_F_REQUEST | NLM_F_DUMP).await?;
            if steady {
                return Ok(rows);
            }
        }
        Err(NetlinkError::Unsteady { what })
    }

    async fn change(
        &self,
        what: &'static str,
        order: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), NetlinkError> {
        self.ask(what, order, NLM_F_REQUEST | NLM_F_ACK | flags).await.map(|_| ())
    }

    /// Sends a request and collects its answers; also tells whether they are consistent with each other. On a failed
    /// socket it is sent once more over a new one, which is sound because all requests here may be repeated.
    async fn ask(
        &self,
        what: &'static str,
        order: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(Vec<RouteNetlinkMessage>, bool), NetlinkError> {
        match self.ask_once(what, order.clone(), flags).await {
            Err(NetlinkError::Broken { .. }) => {
                // Another request may have replaced it meanwhile.
                if self.connection.borrow().traffic.is_finished() {
                    let fresh = Connection::open().map_err(|_| NetlinkError::Broken { what })?;
                    self.connection.replace(fresh);
                }
                self.ask_once(what, order, flags).await
            }
            answer => answer,
        }
    }

    async fn ask_once(
        &self,
        what: &'static str,
        order: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(Vec<RouteNetlinkMessage>, bool), NetlinkError> {
        let mut handle = self.connection.borrow().handle.clone();
        let mut request = NetlinkMessage::from(order);
        request.header.flags = flags;
        let mut answers = handle.request(request).map_err(|_| NetlinkError::Broken { what })?;
        // What the kernel says at the end: a row suffices only where nothing else was asked for.
        let one_row_suffices = flags & (NLM_F_DUMP | NLM_F_ACK) == 0;
        let (mut rows, mut steady, mut complete) = (Vec::new(), true, false);
        while let Some(answer) = answers.next().await {
            steady &= answer.header.flags & NLM_F_DUMP_INTR == 0;
            let refusal = match answer.payload {
                NetlinkPayload::InnerMessage(row) => {
                    rows.push(row);
                    complete |= one_row_suffices;
                    continue;
                }
                NetlinkPayload::Error(error) => error.code.map(|_| error.to_io()),
                NetlinkPayload::Done(done) => {
                    (done.code < 0).then(|| io::Error::from_raw_os_error(done.code.saturating_neg()))
                }
                // Lost answers (`NLMSG_OVERRUN`, never sent by Linux) leave the request without an end.
                NetlinkPayload::Noop | NetlinkPayload::Overrun(_) | _ => continue,
            };
            match refusal {
                Some(source) => return Err(NetlinkError::Refused { what, source }),
                None => complete = true,
            }
        }
        // Without the end the socket failed on the way, and nothing is certain.
        if complete { Ok((rows, steady)) } else { Err(NetlinkError::Broken { what }) }
    }
}

impl Connection {
    fn open() -> io::Result<Self> {
        // Strict checking lets the kernel filter dumps (Linux 4.20); without it we filter ourselves as well.
        let (mut connection, handle, _unsolicited) =
            rtnetlink::new_connection_with_strict_check().or_else(|_| rtnetlink::new_connection())?;
        // By default these are kept back, and a socket that failed looks like a request that succeeded.
        connection.set_forward_ack(true);
        connection.set_forward_done(true);
        Ok(Self { handle, traffic: tokio::task::spawn_local(connection).abort_handle() })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.traffic.abort();
    }
}

/// An address to put up, marked as ours, without a lifetime.
///
/// For an IPv6 address the kernel is told not to ask first whether somebody has it: that takes a second or more, and
/// whoever had it before may still answer. It is also told never to choose it as the source of what this machine says
/// by itself, as long as there is another: the heart's packets would come from an address that the lease gates.
pub(crate) fn new_address(address: IpAddr, place: Placement, label: Option<&str>) -> AddressMessage {
    let Placement { interface, prefix, broadcast } = place;
    let mut message = match address {
        IpAddr::V4(address) => {
            AddressMessageBuilder::<Ipv4Addr>::new().index(interface).address(address, prefix).build()
        }
        IpAddr::V6(address) => {
            let builder = AddressMessageBuilder::<Ipv6Addr>::new();
            let mut message = builder.index(interface).address(address, prefix).build();
            message.header.flags |= AddressHeaderFlags::Nodad;
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
            set_lifetime(&mut message, 0);
            message
        }
    };
    // The builder computes a broadcast address of its own.
    message.attributes.retain(|attribute| !matches!(attribute, AddressAttribute::Broadcast(_)));
    message.attributes.extend(broadcast.map(AddressAttribute::Broadcast));
    message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(ADDRESS_MARK)));
    message.attributes.extend(label.map(|label| AddressAttribute::Label(label.to_owned())));
    message
}

/// The copy of a staged address: on the loopback interface, for this machine only, so that no packet is ever sent from it of
/// the kernel's own choice, nothing is asked or told on any network, and no route comes with it.
pub(crate) fn staged_copy(address: IpAddr) -> AddressMessage {
    let prefix = if address.is_ipv4() { 32 } else { 128 };
    let place = Placement { interface: LOOPBACK, prefix, broadcast: None };
    let mut message = new_address(address, place, None);
    message.header.scope = AddressScope::Host;
    message.attributes.retain(|attribute| !matches!(attribute, AddressAttribute::Protocol(_)));
    message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(STAGED_MARK)));
    if address.is_ipv6() {
        message.attributes.retain(|attribute| !matches!(attribute, AddressAttribute::Flags(_)));
        let flags = AddressFlags::Nodad | AddressFlags::Noprefixroute;
        message.attributes.push(AddressAttribute::Flags(flags));
    }
    message
}

/// Index of the loopback interface, the same in every network namespace.
pub(crate) const LOOPBACK: u32 = 1;

fn tolerate(answer: Result<(), NetlinkError>, errors: &[Errno]) -> Result<(), NetlinkError> {
    match answer {
        Err(NetlinkError::Refused { source, .. }) if is_one_of(&source, errors) => Ok(()),
        other => other,
    }
}

fn is_one_of(error: &io::Error, codes: &[Errno]) -> bool {
    Errno::from_io_error(error).is_some_and(|code| codes.contains(&code))
}

const DUMP_ATTEMPTS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::LocalSet;

    // What is read and changed is tested in namespaces: `tests/addresses.rs`.

    fn on_a_thread<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, test)
    }

    #[test]
    fn a_socket_that_failed_is_replaced() {
        on_a_thread(async {
            let netlink = Netlink::open().unwrap();
            assert!(netlink.link_by_index(1).await.unwrap().is_some());
            netlink.connection.borrow().traffic.abort();
            assert!(netlink.link_by_index(1).await.unwrap().is_some());
            netlink.addresses().await.unwrap();
        });
    }

    #[test]
    fn an_interface_that_does_not_exist_is_none() {
        on_a_thread(async {
            let netlink = Netlink::open().unwrap();
            for name in ["hb-nonexistent", "", "longer-than-any-interface-name-may-be"] {
                assert_eq!(netlink.link_by_name(name).await.unwrap(), None, "{name}");
            }
            assert_eq!(netlink.link_by_index(0x7fff_fff0).await.unwrap(), None);
        });
    }

    #[test]
    fn two_tables_can_be_read_side_by_side() {
        on_a_thread(async {
            let netlink = Netlink::open().unwrap();
            let (routes, addresses) =
                tokio::join!(netlink.routes(Ipv4Addr::LOCALHOST.into()), netlink.addresses());
            routes.unwrap();
            addresses.unwrap();
        });
    }
}
