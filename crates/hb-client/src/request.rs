//! What can be asked of a node: one JSON object on one line.

use serde::{Deserialize, Serialize};

use crate::set::ResourceSet;

/// A request. On the socket: `{"request":"status"}`, `{"request":"standby","set":"all"}` and so on, ended by LF.
///
/// `Status` is answered to whoever can connect; everything else needs user 0 or the user that the node runs as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// The node's state; answered by [`crate::Response::Status`].
    Status,
    /// An orderly stop: hand everything over, then end. The connection stays open until the node is gone.
    Stop,
    /// Give groups to the peer.
    Standby {
        /// Which, from the asked node's point of view.
        set: ResourceSet,
    },
    /// Ask the peer for groups.
    Takeover {
        /// Which, from the asked node's point of view.
        set: ResourceSet,
    },
    /// Run one group on a node, whoever is at home there. Only between two nodes of ours.
    Move {
        /// Its name: the first resource as spelled in `haresources`.
        group: String,
        /// The name of the node that shall run it.
        to: String,
    },
    /// A dead node that waits for its reset was switched off by hand: what it held is taken.
    Fenced {
        /// Its name.
        node: String,
    },
    /// Add nodes to the cluster, on every node (`hb_addnode`).
    AddNode {
        /// Their names.
        nodes: Vec<String>,
    },
    /// Delete dead nodes from the cluster, on every node (`hb_delnode`).
    DelNode {
        /// Their names.
        nodes: Vec<String>,
    },
    /// Read the configuration again, like SIGHUP; answered when that is done.
    Reload,
}

/// Longest request line in bytes, line end included; a node closes the connection on a longer one.
pub const MAX_REQUEST_LEN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_documented() {
        let cases = [
            (Request::Status, r#"{"request":"status"}"#),
            (Request::Stop, r#"{"request":"stop"}"#),
            (Request::Standby { set: ResourceSet::All }, r#"{"request":"standby","set":"all"}"#),
            (Request::Takeover { set: ResourceSet::Foreign }, r#"{"request":"takeover","set":"foreign"}"#),
            (
                Request::Move { group: "a".into(), to: "b".into() },
                r#"{"request":"move","group":"a","to":"b"}"#,
            ),
            (Request::Fenced { node: "b".into() }, r#"{"request":"fenced","node":"b"}"#),
            (Request::AddNode { nodes: vec!["c".into()] }, r#"{"request":"addnode","nodes":["c"]}"#),
            (Request::Reload, r#"{"request":"reload"}"#),
        ];
        for (request, line) in cases {
            assert_eq!(serde_json::to_string(&request).unwrap(), line);
            assert_eq!(serde_json::from_str::<Request>(line).unwrap(), request);
        }
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for line in
            [r#"{"request":"dance"}"#, r#"{"request":"standby"}"#, r#"{"request":"standby","set":"x"}"#, "{}"]
        {
            assert!(serde_json::from_str::<Request>(line).is_err(), "{line}");
        }
    }
}
