//! What a node answers: one JSON object on one line.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::status::Status;

/// An answer. On the socket: `{"response":"accepted","text":"..."}` and so on, ended by LF.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "response", rename_all = "lowercase")]
pub enum Response {
    /// The answer to [`crate::Request::Status`].
    Status {
        /// The state when the request was read.
        status: Box<Status>,
    },
    /// The request was taken; what comes of it stands in the log and in the status.
    Accepted {
        /// For people: what was done or begun; may have several lines.
        text: String,
    },
    /// The request was not taken, nothing changed.
    Refused {
        /// Why, for programs.
        cause: RefusalCause,
        /// Why, for people; may have several lines.
        text: String,
    },
}

/// Why a node refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalCause {
    /// The line was no request that this version knows.
    UnknownRequest,
    /// Only user 0 and the node's own user may ask for this.
    Permission,
    /// The new configuration has errors; the old one stays in force.
    Configuration,
    /// There is no group or node of that name.
    Unknown,
    /// The node cannot take it now: it stops, or too many requests wait.
    Busy,
}

impl fmt::Display for RefusalCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownRequest => "the node does not know this request",
            Self::Permission => "only root may ask for this",
            Self::Configuration => "the configuration has errors, the old one stays in force",
            Self::Unknown => "there is no such thing in the cluster",
            Self::Busy => "the node cannot do this now",
        })
    }
}

/// Longest answer in bytes, line end included, that a client reads.
pub const MAX_RESPONSE_LEN: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_documented() {
        let accepted = Response::Accepted { text: "going standby".to_owned() };
        assert_eq!(
            serde_json::to_string(&accepted).unwrap(),
            r#"{"response":"accepted","text":"going standby"}"#
        );
        let refused = Response::Refused { cause: RefusalCause::UnknownRequest, text: "no".to_owned() };
        assert_eq!(
            serde_json::to_string(&refused).unwrap(),
            r#"{"response":"refused","cause":"unknown-request","text":"no"}"#
        );
    }
}
