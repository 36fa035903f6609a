//! What is said on the wire, recorded by tcpdump on a host of its own and read by `hb-ctl decode`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::Command;

use hb_lab::{Host, HostSpec, Lab, Process, Signal};
use serde::Deserialize;
use serde_json::Value;

use crate::pair::program;
use crate::scene::{LIMIT, NETWORK};

/// A recording that goes on until it is read.
pub(crate) struct Capture {
    host: Host,
    tcpdump: Process,
    authkeys: String,
}

/// A message.
pub(crate) struct Packet {
    /// Seconds since 1970.
    pub(crate) time: f64,
    pub(crate) kind: String,
    /// The number of the key that signed it.
    pub(crate) key: Option<i64>,
    fields: BTreeMap<String, String>,
}

/// A line of `hb-ctl decode`.
#[derive(Deserialize)]
struct Line {
    time: f64,
    #[serde(rename = "type")]
    kind: Option<String>,
    fields: Vec<(u8, Value, Value)>,
    digest: Option<Digest>,
    cause: Option<String>,
}

#[derive(Deserialize)]
struct Digest {
    index: Option<i64>,
}

impl Capture {
    /// Begins to record; `authkeys` has every key that will be used.
    pub(crate) async fn begin(lab: &mut Lab, authkeys: &str) -> Self {
        let spec = HostSpec::new("watch").plug(NETWORK, Ipv4Addr::new(10, 77, 0, 9));
        let host = lab.add_host(spec).await.unwrap();
        let tcpdump = host.record("udp port 694", WIRE).await.unwrap();
        Self { host, tcpdump, authkeys: authkeys.to_owned() }
    }

    /// Everything so far.
    pub(crate) fn packets(&self) -> Vec<Packet> {
        self.host.write("/etc/ha.d/authkeys", &self.authkeys, 0o600).unwrap();
        let outside = |inside: &str| self.host.outside(inside).unwrap();
        let output = Command::new(program("hb-ctl"))
            .args(["decode", "--authkeys"])
            .args([outside("/etc/ha.d/authkeys"), outside(WIRE)])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        // The end of the file may be half a packet.
        lines.filter(|line| line["cause"] != "file-truncated").map(Packet::new).collect()
    }

    /// Ends the recording.
    pub(crate) async fn end(mut self) -> Vec<Packet> {
        self.tcpdump.signal(Signal::INT).await.unwrap();
        self.tcpdump.ended(LIMIT).await.unwrap();
        self.packets()
    }
}

impl Packet {
    fn new(line: Value) -> Self {
        let line: Line = serde_json::from_value(line).unwrap();
        assert_eq!(line.cause, None, "a packet that a node would refuse");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let fields = line.fields.iter().filter_map(|(_, name, value)| Some((text(name)?, text(value)?)));
        Self {
            time: line.time,
            kind: line.kind.unwrap_or_default(),
            key: line.digest.and_then(|digest| digest.index),
            fields: fields.collect(),
        }
    }

    /// A text field; empty if it has none of this name.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

const WIRE: &str = "/var/log/wire.pcap";
