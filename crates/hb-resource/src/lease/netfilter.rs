//! Transactions of `nf_tables` (`nfnetlink`, the kernel's `nf_tables_api`), written by hand: no program, no library.
//!
//! Knows the form of messages and nothing of what is put into them. A transaction is done as a whole or not at all.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{bind, recv, send, socket_with};

/// Messages that are done together.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    bytes: Vec<u8>,
    /// The number of the last message; the begin has 0.
    last: u32,
}

/// The attributes of one message, or those inside another attribute.
#[derive(Debug)]
pub(super) struct Attributes<'a>(&'a mut Vec<u8>);

/// A way to `nf_tables` of this network namespace.
#[derive(Debug)]
pub(super) struct Netfilter(OwnedFd);

impl Transaction {
    pub(super) fn begin() -> Self {
        let mut begun = Self { bytes: Vec::with_capacity(4096), last: 0 };
        begun.append(BATCH_BEGIN, NLM_F_REQUEST, AF_UNSPEC, NFT_SUBSYSTEM, |_| {});
        begun
    }

    /// Adds a message for the family `netdev`. `flags` beside that of a request.
    pub(super) fn add(&mut self, kind: Kind, flags: u16, content: impl FnOnce(&mut Attributes<'_>)) {
        self.last += 1;
        self.append(kind.number(), NLM_F_REQUEST | NLM_F_ACK | flags, NFPROTO_NETDEV, 0, content);
    }

    fn append(
        &mut self,
        kind: u16,
        flags: u16,
        family: u8,
        resource: u16,
        content: impl FnOnce(&mut Attributes<'_>),
    ) {
        message(&mut self.bytes, kind, flags, self.last, family, resource, content);
    }
}

/// What a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    NewTable,
    DeleteTable,
    NewChain,
    DeleteChain,
    NewRule,
    DeleteRule,
    NewSet,
    NewElement,
    DeleteElement,
}

impl Kind {
    const fn number(self) -> u16 {
        let own = match self {
            Self::NewTable => 0,
            Self::DeleteTable => 2,
            Self::NewChain => 3,
            Self::DeleteChain => 5,
            Self::NewRule => 6,
            Self::DeleteRule => 8,
            Self::NewSet => 9,
            Self::NewElement => 12,
            Self::DeleteElement => 14,
        };
        NFT_SUBSYSTEM << 8 | own
    }
}

impl Attributes<'_> {
    pub(super) fn bytes(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let length = u16::try_from(ATTRIBUTE_HEADER + value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        pad(self.0);
        self
    }

    /// Names end with NUL.
    pub(super) fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        self.bytes(kind, &[value.as_bytes(), &[0]].concat())
    }

    pub(super) fn number(&mut self, kind: u16, value: u32) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub(super) fn long(&mut self, kind: u16, value: u64) -> &mut Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub(super) fn nest(&mut self, kind: u16, content: impl FnOnce(&mut Attributes<'_>)) -> &mut Self {
        let begin = self.0.len();
        self.0.extend_from_slice(&[0; 2]);
        self.0.extend_from_slice(&(kind | NESTED).to_ne_bytes());
        content(&mut Attributes(self.0));
        let length = u16::try_from(self.0.len() - begin).unwrap_or(u16::MAX);
        for (place, byte) in self.0.iter_mut().skip(begin).zip(length.to_ne_bytes()) {
            *place = byte;
        }
        self
    }
}

impl Netfilter {
    /// # Errors
    /// The kernel's answer, where netlink is forbidden or netfilter is not there.
    pub(super) fn open() -> io::Result<Self> {
        let socket = open(SocketFlags::empty(), Some(netlink::NETFILTER), 0)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(LIMIT))?;
        Ok(Self(socket))
    }

    /// One that does nothing, for tests of what follows from that.
    #[cfg(test)]
    pub(super) const fn unconnected(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Has the kernel do it, and waits until it is done.
    ///
    /// # Errors
    /// The kernel's first refusal; nothing of the transaction was done then.
    pub(super) fn perform(&self, mut transaction: Transaction) -> io::Result<()> {
        let last = transaction.last;
        transaction.append(BATCH_END, NLM_F_REQUEST, AF_UNSPEC, NFT_SUBSYSTEM, |_| {});
        send(&self.0, &transaction.bytes, SendFlags::empty())?;
        let mut refusal = None;
        let mut buffer = vec![0; BUFFER];
        loop {
            let (length, _) = match recv(&self.0, &mut buffer[..], RecvFlags::empty()) {
                // After a refusal nothing says which answer is the last.
                Err(Errno::AGAIN) if refusal.is_some() => (0, 0),
                other => other?,
            };
            let answers = buffer.get(..length).unwrap_or_default();
            let mut is_done = length == 0;
            for answer in messages(answers).filter(|answer| answer.kind == NLMSG_ERROR) {
                if let Some(error) = answer.error() {
                    refusal.get_or_insert(error);
                    set_socket_timeout(&self.0, Timeout::Recv, Some(AFTER_REFUSAL))?;
                }
                is_done |= answer.sequence == last;
            }
            if is_done {
                set_socket_timeout(&self.0, Timeout::Recv, Some(LIMIT))?;
                return refusal.map_or(Ok(()), Err);
            }
        }
    }

    /// How many rules the table has; 0 where there is none.
    ///
    /// # Errors
    /// That the kernel cannot be asked.
    pub(super) fn count_rules(&self, table: &str) -> io::Result<usize> {
        let mut request = Vec::new();
        let kind = NFT_SUBSYSTEM << 8 | GET_RULE;
        message(&mut request, kind, NLM_F_REQUEST | NLM_F_DUMP, 0, NFPROTO_NETDEV, 0, |attributes| {
            attributes.text(RULE_TABLE, table);
        });
        send(&self.0, &request, SendFlags::empty())?;
        let mut count = 0;
        let mut buffer = vec![0; BUFFER];
        loop {
            let (length, _) = recv(&self.0, &mut buffer[..], RecvFlags::empty())?;
            for answer in messages(buffer.get(..length).unwrap_or_default()) {
                match answer.kind {
                    NLMSG_DONE => return Ok(count),
                    NLMSG_ERROR => return answer.error().map_or(Ok(count), Err),
                    _ => count += 1,
                }
            }
        }
    }
}

/// A descriptor that is readable when somebody has changed rules in this network namespace.
pub(super) fn watch_rules() -> io::Result<OwnedFd> {
    open(SocketFlags::NONBLOCK, Some(netlink::NETFILTER), GROUP_NFTABLES)
}

/// A descriptor that is readable when interfaces have come or gone.
pub(super) fn watch_interfaces() -> io::Result<OwnedFd> {
    open(SocketFlags::NONBLOCK, None, GROUP_LINK)
}

/// A way to the tables of interfaces and addresses of this network namespace; answers are waited for for some seconds.
pub(super) fn route_socket() -> io::Result<OwnedFd> {
    let socket = open(SocketFlags::empty(), None, 0)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(LIMIT))?;
    Ok(socket)
}

/// Reads everything that waits in a descriptor of those above; never waits.
pub(super) fn drain(watch: &OwnedFd) {
    let mut buffer = [0; 4096];
    // An overrun is word of a change like any other.
    while matches!(recv(watch, &mut buffer[..], RecvFlags::DONTWAIT), Ok(_) | Err(Errno::NOBUFS)) {}
}

/// Without a protocol it is that of interfaces (`NETLINK_ROUTE`).
fn open(flags: SocketFlags, protocol: Option<Protocol>, groups: u32) -> io::Result<OwnedFd> {
    let flags = flags | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
    bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

fn message(
    bytes: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    sequence: u32,
    family: u8,
    resource: u16,
    content: impl FnOnce(&mut Attributes<'_>),
) {
    let begin = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&sequence.to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&[family, 0]);
    bytes.extend_from_slice(&resource.to_be_bytes());
    content(&mut Attributes(bytes));
    let length = u32::try_from(bytes.len() - begin).unwrap_or(u32::MAX);
    for (place, byte) in bytes.iter_mut().skip(begin).zip(length.to_ne_bytes()) {
        *place = byte;
    }
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
}

/// One message of the kernel's.
struct Answer<'a> {
    kind: u16,
    sequence: u32,
    body: &'a [u8],
}

impl Answer<'_> {
    /// What an `nlmsgerr` says; none for an acknowledgement.
    fn error(&self) -> Option<io::Error> {
        let code = i32::from_ne_bytes(self.body.get(..4)?.try_into().ok()?);
        (code != 0).then(|| io::Error::from_raw_os_error(code.saturating_neg()))
    }
}

fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Answer<'_>> {
    std::iter::from_fn(move || {
        let number =
            |range| Some(u32::from_ne_bytes(bytes.get::<std::ops::Range<usize>>(range)?.try_into().ok()?));
        let length = usize::try_from(number(0..4)?).ok()?;
        let whole = bytes.get(..length)?;
        let answer = Answer {
            kind: u16::from_ne_bytes(whole.get(4..6)?.try_into().ok()?),
            sequence: number(8..12)?,
            body: whole.get(HEADER..)?,
        };
        bytes = bytes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(answer)
    })
}

/// Makes what is not there (`NLM_F_CREATE`).
pub(super) const CREATE: u16 = 0x400;
/// Behind what is there (`NLM_F_APPEND`).
pub(super) const APPEND: u16 = 0x800;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NFT_SUBSYSTEM: u16 = 10;
const GET_RULE: u16 = 7;
const RULE_TABLE: u16 = 1;
const AF_UNSPEC: u8 = 0;
const NFPROTO_NETDEV: u8 = 5;
const NESTED: u16 = 0x8000;
const ATTRIBUTE_HEADER: usize = 4;
const HEADER: usize = 16;
const ALIGNMENT: usize = 4;
/// `NFNLGRP_NFTABLES` and `RTNLGRP_LINK` as bits.
const GROUP_NFTABLES: u32 = 1 << 6;
const GROUP_LINK: u32 = 1;
const BUFFER: usize = 32 * 1024;
/// The kernel answers in microseconds, but waits for what somebody else is changing.
const LIMIT: Duration = Duration::from_secs(5);
/// All answers are there when the first one is.
const AFTER_REFUSAL: Duration = Duration::from_millis(20);
