//! Which groups `lease.staged` may name.
//!
//! Whether the kernel can do it is seen at the start only.

use std::net::IpAddr;

use super::HbToml;
use super::named::{NO_GROUP, find};
use crate::checked::{Group, LeaseBy, LeaseSettings, Resource, ResourceKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report, quoted};
use crate::source::Source;

/// Refuses to stage what cannot be: only a table of the kernel's can keep an address mute that is on an interface.
pub(crate) fn check_staged(hb_toml: &HbToml, source: &Source, groups: &[Group], report: &mut Report) {
    for (key, mark) in hb_toml.lease.staged.iter().zip(&hb_toml.staged) {
        let Some((message, hint)) = why_not_staged(&hb_toml.lease, key, groups) else { continue };
        report.error(|| {
            let message = format!("{} cannot be staged: {message}", quoted(key.as_bytes()));
            Diagnostic::error(Code::NotStaged, message).at(source.place(*mark)).hint(hint)
        });
    }
}

/// Why a group cannot be staged, and what to do.
fn why_not_staged(lease: &LeaseSettings, key: &str, groups: &[Group]) -> Option<(String, String)> {
    let why = |message: &str, hint: &str| Some((message.to_owned(), hint.to_owned()));
    if !lease.enabled {
        return why("the lease is switched off", "delete `enabled = false`, or the group from `staged`");
    }
    if lease.by == LeaseBy::Lifetime {
        let hint = "delete `by = \"lifetime\"`, or the group from `staged`";
        return why("a lifetime does not keep an address mute", hint);
    }
    if lease.except.iter().any(|except| except == key) {
        return why("it is excepted from the lease", "delete it from `except` or from `staged`");
    }
    let group = match find(key, groups) {
        Ok(group) => group,
        Err(hint) => return why(NO_GROUP, &hint),
    };
    let mut addresses = group.resources.iter().filter_map(|resource| match &resource.kind {
        ResourceKind::Address(address) => Some(address),
        ResourceKind::Script { .. } | ResourceKind::Ocf(_) | ResourceKind::Unit(_) => None,
    });
    let is_source = |resource: &Resource| matches!(&resource.kind, ResourceKind::Script { name, .. } if name == "IPsrcaddr");
    if groups.iter().flat_map(|group| &group.resources).any(is_source) {
        let hint = "the standby takes no packet from a staged address, heartbeats included";
        return why("the source of packets is a floating address (IPsrcaddr)", hint);
    }
    if addresses.clone().next().is_none() {
        return why("it has no address that hb puts up itself", "delete it from `staged`");
    }
    let is_bound_to_link = addresses.any(|address| {
        let is_of_one_link = matches!(address.address, IpAddr::V6(six) if six.is_unicast_link_local());
        is_of_one_link || address.interface.as_deref() == Some("lo")
    });
    if is_bound_to_link {
        let hint = "a copy of it on the loopback interface is another address";
        return why("it has a link-local address, or one of the loopback interface", hint);
    }
    None
}
