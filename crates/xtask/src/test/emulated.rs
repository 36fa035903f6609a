//! Emulated machines for tests that need a machine of their own: Debian's kernel, unpacked and not installed, and a first
//! file system that a test packs.

mod archive;
mod emulator;
mod kernel;
mod node;
mod shell;

pub(super) use archive::Archive;
pub(super) use emulator::{Emulator, Machine};
pub(super) use kernel::Kernel;
pub(super) use node::NodeFiles;
use shell::SHELL;
pub(super) use shell::Shell;

use std::time::Duration;

/// How long a machine may take for anything.
const LIMIT: Duration = Duration::from_secs(300);
