//! Which floating addresses are leased from the heart, and by what, as `hb.toml` says it. Whether the kernel can do that is
//! found out at the start.

/// Which floating addresses the kernel answers for only while the heart renews a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseSettings {
    /// Whether any are. Default yes.
    pub enabled: bool,
    /// What holds them.
    pub by: LeaseBy,
    /// Groups whose addresses are not, each by its first resource as `haresources` spells it. Default none.
    pub except: Vec<String>,
    /// Groups whose addresses are on the standby as well, closed, so that services can bind them there; named likewise.
    /// Default none.
    pub staged: Vec<String>,
}

/// What ends a lease that nobody renews.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseBy {
    /// A table of `nf_tables`; where the kernel can have none, lifetimes.
    Nftables,
    /// The lifetime of each address.
    Lifetime,
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self { enabled: true, by: LeaseBy::Nftables, except: Vec::new(), staged: Vec::new() }
    }
}
