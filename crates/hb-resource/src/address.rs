//! Putting floating addresses up and taking them down, without any other program (failover.md 1.3).
//!
//! Where an address goes is decided by [`crate::placement`]; this file puts reading, deciding and changing together.
//! The state is the kernel's, nothing is remembered here. That an address which somebody else removes comes back
//! belongs here too, once the kernel's notifications are followed.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::Mutex;

use crate::lease::{Lifetimes, set_lifetime};
use crate::netlink::{Held, LOOPBACK, Link, Netlink, NetlinkError, new_address, staged_copy};
use crate::placement::{Placement, PlacementError, Route, free_label, network, place};
use crate::spec::AddressSpec;

/// Why an address could not be put up or taken down.
#[derive(Debug, Error)]
pub(crate) enum AddressError {
    #[error("{0}")]
    Placement(#[from] PlacementError),
    #[error("there is no interface `{0}`")]
    NoInterface(String),
    #[error("{0} is down, and heartbeats go over it: it is not switched on for an address")]
    DownMedium(String),
    #[error("IPv6 is switched off on {0} (net.ipv6.conf.{0}.disable_ipv6)")]
    WithoutIpv6(String),
    #[error("{0}")]
    Netlink(#[from] NetlinkError),
    #[error("the kernel did not answer within {} s", LIMIT.as_secs())]
    Silence,
}

/// An address that is up.
#[derive(Debug)]
pub(crate) struct Up {
    /// The interface it is on.
    pub(crate) link: Link,
    /// Whether it was there before.
    pub(crate) was_there: bool,
}

/// The addresses of this machine.
pub(crate) struct Addresses {
    netlink: Netlink,
    /// Held from reading the tables to the change, so that two groups never pick the same label.
    turn: Mutex<()>,
    lifetimes: Option<Lifetimes>,
    /// Whether copies of staged addresses stay when the addresses go.
    keeps_copies: bool,
}

impl Addresses {
    pub(crate) fn new(netlink: Netlink) -> Self {
        Self { netlink, turn: Mutex::new(()), lifetimes: None, keeps_copies: false }
    }

    /// What is taken down from now on leaves the copy of a staged address where it is: somebody else closes that.
    pub(crate) fn keeping_copies(self) -> Self {
        Self { keeps_copies: true, ..self }
    }

    /// Puts the copy of a staged address up; its gate is closed already.
    pub(crate) async fn stage(&self, address: IpAddr) -> Result<(), AddressError> {
        within_limit(async { Ok(self.netlink.add(staged_copy(address)).await?) }).await
    }

    /// Takes the copies of these staged addresses away; of all without a word which.
    pub(crate) async fn unstage(&self, only: Option<IpAddr>) -> Result<(), AddressError> {
        within_limit(async {
            let held = self.netlink.addresses().await?;
            let is_meant = |held: &Held| only.is_none_or(|only| held.address() == Some(only));
            for copy in held.iter().filter(|held| held.is_staged() && is_meant(held)) {
                self.netlink.delete(copy).await?;
            }
            Ok(())
        })
        .await
    }

    /// Some of what is put up from now on has a lifetime, or gets one later.
    pub(crate) fn with_lifetimes(self, lifetimes: Option<Lifetimes>) -> Self {
        Self { lifetimes, ..self }
    }

    /// Puts the address up. When it is on its interface already, in whatever form, there is nothing to do. `media` are the interfaces
    /// that heartbeats go over: if one of them is down, this node hears nobody by it, and the address may be elsewhere.
    pub(crate) async fn put_up(
        &self,
        spec: &AddressSpec,
        media: &BTreeSet<String>,
    ) -> Result<Up, AddressError> {
        within_limit(async {
            let _turn = self.turn.lock().await;
            let is_complete = spec.interface.is_some() && spec.prefix.is_some();
            let routes = if is_complete { Vec::new() } else { self.netlink.routes(spec.address).await? };
            // Asked side by side, so that both answers come back in one go: this is the way of a takeover.
            let (found, held) = tokio::try_join!(self.find_place(spec, &routes), self.addresses())?;
            let (link, placement) = found;
            if !link.up && media.contains(&link.name) {
                return Err(AddressError::DownMedium(link.name));
            }
            let is_it = |held: &Held| {
                held.address() == Some(spec.address)
                    && held.interface() == placement.interface
                    && !held.is_staged()
            };
            let was_there = held.iter().any(is_it);
            if !was_there {
                let taken: Vec<&str> = held.iter().filter_map(Held::label).collect();
                // The label is for ifconfig's aliases, which IPv6 has not.
                let label = free_label(&link.name, &taken).filter(|_| spec.address.is_ipv4());
                let mut wanted = new_address(spec.address, placement, label.as_deref());
                let lifetimes = self.lifetimes.as_ref();
                let seconds = lifetimes.map_or(0, |lifetimes| lifetimes.of(spec.address));
                if seconds > 0 {
                    set_lifetime(&mut wanted, seconds);
                }
                let added = self.netlink.add(wanted.clone()).await;
                added.map_err(|error| without_ipv6(error, spec, &link))?;
                if let Some(lifetimes) = lifetimes {
                    lifetimes.hold(spec.address, wanted, seconds);
                }
            }
            if !link.up {
                // As ifconfig does when it is given an address.
                self.netlink.set_up(link.index).await?;
            }
            Ok(Up { link, was_there })
        })
        .await
    }

    /// Takes the address down, wherever it is ours to do so: see [`belongs`]. Returns the interfaces' indices; none
    /// when it was not there. On success the kernel confirmed each removal.
    pub(crate) async fn take_down(&self, spec: &AddressSpec) -> Result<Vec<u32>, AddressError> {
        within_limit(async {
            let _turn = self.turn.lock().await;
            if let Some(lifetimes) = &self.lifetimes {
                lifetimes.forget(spec.address);
            }
            let named = self.named_index(spec).await?;
            let held = self.netlink.addresses().await?;
            let mut removed = Vec::new();
            let stays = |held: &Held| self.keeps_copies && held.is_staged();
            for victim in held.iter().filter(|held| belongs(held, spec, named) && !stays(held)) {
                self.delete(victim, &held).await?;
                removed.push(victim.interface());
            }
            Ok(removed)
        })
        .await
    }

    /// The interfaces that the address is on.
    pub(crate) async fn links_with(&self, address: IpAddr) -> Result<Vec<Link>, AddressError> {
        within_limit(async {
            let mut links = Vec::new();
            for held in self.netlink.addresses().await? {
                if held.address() == Some(address) && !held.is_staged() {
                    links.extend(self.netlink.link_by_index(held.interface()).await?);
                }
            }
            Ok(links)
        })
        .await
    }

    /// The first of these that is not on its interface, or on none if it names none. All that the machine holds is read once.
    pub(crate) async fn first_absent<'a>(
        &self,
        specs: impl Iterator<Item = &'a AddressSpec>,
    ) -> Result<Option<&'a AddressSpec>, AddressError> {
        let mut specs = specs.peekable();
        if specs.peek().is_none() {
            return Ok(None);
        }
        within_limit(async {
            let held = self.addresses().await?;
            for spec in specs {
                let named = self.named_index(spec).await?;
                let is_it = |held: &Held| {
                    held.address() == Some(spec.address)
                        && !held.is_staged()
                        && (named == Named::Any || named == Named::Index(held.interface()))
                };
                if !held.iter().any(is_it) {
                    return Ok(Some(spec));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Removes what an earlier life left: addresses with our mark, copies of staged ones, and those that a spec describes. Returns each
    /// address with the index of its interface.
    pub(crate) async fn clean_up(&self, specs: &[&AddressSpec]) -> Result<Vec<(IpAddr, u32)>, AddressError> {
        within_limit(async {
            let _turn = self.turn.lock().await;
            let mut wanted = Vec::new();
            for spec in specs {
                wanted.push((*spec, self.named_index(spec).await?));
            }
            let held = self.netlink.addresses().await?;
            let is_leftover = |held: &&Held| {
                held.is_marked()
                    || held.is_staged()
                    || wanted.iter().any(|(spec, named)| belongs(held, spec, *named))
            };
            let mut removed = Vec::new();
            for victim in held.iter().filter(is_leftover) {
                self.delete(victim, &held).await?;
                removed.extend(victim.address().map(|address| (address, victim.interface())));
            }
            Ok(removed)
        })
        .await
    }

    async fn find_place(
        &self,
        spec: &AddressSpec,
        routes: &[Route],
    ) -> Result<(Link, Placement), AddressError> {
        if let Some(name) = &spec.interface {
            let link = self.netlink.link_by_name(name).await?.ok_or_else(|| no_interface(name))?;
            let placement = place(spec, Some(link.index), routes)?;
            return Ok((link, placement));
        }
        let placement = place(spec, None, routes)?;
        let link = self.netlink.link_by_index(placement.interface).await?;
        Ok((link.ok_or_else(|| no_interface(&placement.interface.to_string()))?, placement))
    }

    async fn addresses(&self) -> Result<Vec<Held>, AddressError> {
        Ok(self.netlink.addresses().await?)
    }

    async fn named_index(&self, spec: &AddressSpec) -> Result<Named, AddressError> {
        Ok(match &spec.interface {
            None => Named::Any,
            Some(name) => {
                self.netlink.link_by_name(name).await?.map_or(Named::Gone, |link| Named::Index(link.index))
            }
        })
    }

    /// Deletes an address, but not others with it: with the primary address of a network the kernel removes the
    /// secondary ones, unless it is told to promote them, or they are put up again.
    async fn delete(&self, victim: &Held, all: &[Held]) -> Result<(), AddressError> {
        let dependents: Vec<&Held> = all.iter().filter(|other| depends(other, victim)).collect();
        if dependents.is_empty() {
            return Ok(self.netlink.delete(victim).await?);
        }
        let promotion = match self.netlink.link_by_index(victim.interface()).await? {
            Some(link) => Promotion::switch_on(&link.name),
            None => None,
        };
        self.netlink.delete(victim).await?;
        if promotion.is_none() {
            for dependent in dependents {
                self.netlink.restore(dependent).await?;
            }
        }
        Ok(())
    }
}

/// The interface that a spec names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    /// None: any interface.
    Any,
    /// One that does not exist (any more).
    Gone,
    Index(u32),
}

/// Whether a held address is the one that a spec means. On the named interface it is, whoever put it there; elsewhere
/// when it carries our mark, unless each interface may have that address for itself; and where no interface is named, on all but loopback, which load balancers use for
/// addresses that others announce. The copy of a staged address is it everywhere.
fn belongs(held: &Held, spec: &AddressSpec, named: Named) -> bool {
    let here = match named {
        Named::Any => held.interface() != LOOPBACK,
        Named::Gone => false,
        Named::Index(index) => held.interface() == index,
    };
    let is_ours =
        held.is_staged() || held.is_marked() && (named == Named::Any || !is_of_one_link(spec.address));
    held.address() == Some(spec.address) && (here || is_ours)
}

/// Whether the address says nothing without its interface: it may be on several, each time another one.
pub(crate) const fn is_of_one_link(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Whether the kernel would remove `other` together with the primary address `victim`.
fn depends(other: &Held, victim: &Held) -> bool {
    let network_of = |held: &Held| held.peer().map(|peer| network(peer, held.prefix()));
    !victim.is_secondary()
        && other.is_secondary()
        && other.interface() == victim.interface()
        && other.prefix() == victim.prefix()
        && network_of(other) == network_of(victim)
}

/// The kernel says `EACCES` where IPv6 is switched off, which nobody would understand.
fn without_ipv6(error: NetlinkError, spec: &AddressSpec, link: &Link) -> AddressError {
    let NetlinkError::Refused { source, .. } = &error else { return error.into() };
    let is_forbidden = source.kind() == io::ErrorKind::PermissionDenied && spec.address.is_ipv6();
    let file = format!("/proc/sys/net/ipv6/conf/{}/disable_ipv6", link.name);
    if is_forbidden && std::fs::read_to_string(file).is_ok_and(|text| text.trim() == "1") {
        return AddressError::WithoutIpv6(link.name.clone());
    }
    error.into()
}

fn no_interface(name: &str) -> AddressError {
    AddressError::NoInterface(name.to_owned())
}

async fn within_limit<T>(work: impl Future<Output = Result<T, AddressError>>) -> Result<T, AddressError> {
    tokio::time::timeout(LIMIT, work).await.unwrap_or(Err(AddressError::Silence))
}

/// The sysctl `promote_secondaries` of one interface, switched on for a moment.
struct Promotion {
    file: PathBuf,
    before: String,
}

impl Promotion {
    /// `None` where it cannot be set.
    fn switch_on(interface: &str) -> Option<Self> {
        let file = PathBuf::from(format!("/proc/sys/net/ipv4/conf/{interface}/promote_secondaries"));
        let before = std::fs::read_to_string(&file).ok()?;
        std::fs::write(&file, "1").ok()?;
        Some(Self { file, before })
    }
}

impl Drop for Promotion {
    fn drop(&mut self) {
        // Left on it would do no harm, so a failure is none.
        let _ = std::fs::write(&self.file, &self.before);
    }
}

/// The kernel answers in microseconds; beyond this the socket is broken.
const LIMIT: Duration = Duration::from_secs(5);
