//! Takes away the floating addresses that an earlier life of the daemon left behind.
//!
//! After a crash of the daemon its addresses stay with the kernel while the other node has taken over. They go before
//! this node speaks to anybody.

use std::io;

use thiserror::Error;
use tokio::task::LocalSet;

use crate::address::{AddressError, Addresses};
use crate::netlink::Netlink;
use crate::spec::GroupSpec;

/// Why leftovers may still be there.
#[derive(Debug, Error)]
pub enum CleanupError {
    /// The kernel's tables could not be opened.
    #[error("cannot open a netlink socket: {0}")]
    Open(#[from] io::Error),
    /// An address could not be removed; the text says why.
    #[error("cannot remove left-over addresses: {0}")]
    Remove(String),
}

impl From<AddressError> for CleanupError {
    fn from(error: AddressError) -> Self {
        Self::Remove(error.to_string())
    }
}

/// Removes every address that carries our mark ([`crate::ADDRESS_MARK`]), whatever configuration it came from, and
/// every address of `groups`, whoever put it there. Blocks for less than a millisecond as a rule, 5 s at most.
///
/// Returns the removed addresses. Scripts are not asked: whether to stop what they started is decided by whoever
/// starts the daemon.
///
/// # Errors
/// See [`CleanupError`].
pub fn cleanup(groups: &[GroupSpec]) -> Result<Vec<std::net::IpAddr>, CleanupError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let specs: Vec<_> = groups.iter().flat_map(GroupSpec::addresses).collect();
        let removed = Addresses::new(Netlink::open()?).clean_up(&specs).await?;
        Ok(removed.into_iter().map(|(address, _)| address).collect())
    })
}
