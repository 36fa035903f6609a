//! What other programs use to talk to a running node: control socket types and client.
//!
//! * `request`, `response`: the two kinds of lines on the control socket, `RUN_DIR/control`: one JSON object a line
//! * `status`: the node's state as `hb-ctl status --json` prints it; a stable format with a number of its own
//! * `client`: a blocking client with time limits
//! * `set`: which resource groups an operator means
//! * [`decode`]: captures of heartbeat traffic to JSON
//!
//! Knows nothing of how a node decides, and depends on none of the crates that do.
//!
//! ```no_run
//! use std::{path::Path, time::Duration};
//! let mut client = hb_client::Client::connect(Path::new("/run/heartbeat"), Duration::from_secs(2))?;
//! let status = client.status()?;
//! println!("{} holds {}", status.node, status.hold);
//! # Ok::<(), hb_client::ClientError>(())
//! ```

mod client;
pub mod decode;
mod request;
mod response;
mod set;
mod status;

pub use client::{CONTROL_SOCKET, Client, ClientError};
pub use request::{MAX_REQUEST_LEN, Request};
pub use response::{MAX_RESPONSE_LEN, RefusalCause, Response};
pub use set::{ResourceSet, UnknownSet};
pub use status::{
    GroupState, GroupStatus, HintStatus, LinkStatus, LogStatus, MediumStatus, MonitorStatus, NodeKind,
    NodeStatus, STATUS_FORMAT, SchedulingStatus, ScriptsStatus, Status,
};
