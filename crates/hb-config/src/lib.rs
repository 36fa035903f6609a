//! ha.cf, haresources, authkeys and hb.toml: text to checked configuration, with diagnostics that name the place.
//!
//! - [`load()`]: the files of a directory, read and checked on a [`Host`], to [`Loaded`]
//! - [`load_keys`]: one file with keys, for tools that look at packets
//! - [`Checked`]: the configuration; what is wrong cannot be expressed in it
//! - [`Diagnostic`], [`Code`]: what is wrong, where, and what to write instead; [`Loaded::render`], [`Loaded::json`],
//!   [`Code::explain`]
//! - [`convert()`]: old spellings of ha.cf to present ones
//! - [`hb_toml_example`], [`hb_toml_page`]: documents about hb.toml, made from its table of keys
//! - [`datadisk()`]: which agent of DRBD this machine has for the resource of that name
//! - [`SCRIPT_PATH`]: where programs are looked for
//! - [`protection()`]: what keeps a node that hangs from answering beside the other one, [`fencing_in_words()`]: and two
//!   nodes from owning one group; in words
//!
//! A file goes through three forms: bytes, cut into lines and words with their places as 3.0.6 cuts them; a draft of
//! single values; the checked configuration. All problems of all files are found in one run. The verdict is that of
//! Heartbeat 3.0.6 (`config.md`), with the exceptions of `docs/differences.md`.
//!
//! Nothing is opened, bound or started here, and only [`Conversion::write`] changes a file: a check may run beside a
//! living node.

mod authkeys;
mod checked;
mod code;
mod convert;
mod datadisk;
mod diagnostic;
mod explain;
mod fencing;
mod ha_cf;
mod haresources;
mod hb_toml;
mod host;
mod json;
mod line;
mod load;
mod pattern;
mod protection;
mod render;
mod source;
mod suggest;
mod value;
mod wrap;

pub use checked::{
    AddressSpec, AgentLimits, Autojoin, Checked, Client, Compression, Facility, Failback, FenceDevice,
    FenceSettings, GenerationMethod, Group, LeaseBy, LeaseSettings, LogConfig, Medium, MonitorSettings,
    Notice, OcfAgent, PingKind, Resource, ResourceKind, StopFailed, UuidFrom,
};
pub use code::{Code, Example};
pub use convert::{Conversion, ConvertError, convert};
pub use datadisk::datadisk;
pub use diagnostic::{Counts, Diagnostic, Severity};
pub use fencing::SCRIPT_PATH;
pub use ha_cf::defaults;
pub use hb_toml::{example as hb_toml_example, manual_page as hb_toml_page};
pub use host::{Host, InterfaceState, PathFacts, PathKind, RealHost, Route};
pub use load::{LoadOptions, Loaded, load, load_keys, load_with, node_name};
pub use protection::{
    RENEWED_WITHIN, STAGED, fencing_in_words, hangs_after, lease_covers, length_of_life, protection,
    services_in_words, unleased,
};
pub use source::{FileKind, Place, Source};
