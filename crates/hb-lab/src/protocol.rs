//! What the lab's processes say to each other: one JSON object per line, over Unix sockets.
//!
//! Three servers (keeper, a host's init, the probe) and one client (the program that uses the lab). Both ends
//! are the same build of the same program, so the format may change at any time.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A numbered question.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request<Ask> {
    pub(crate) id: u64,
    pub(crate) ask: Ask,
}

/// What a server sends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message<Answer> {
    /// To the question with this number; the error is text for people.
    Answer { id: u64, answer: Result<Answer, String> },
    /// Unasked: a process of the host has ended.
    Exited(Exit),
}

/// How a process ended: exactly one of code and signal is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Process id inside its host.
    pub pid: i32,
    /// Exit code.
    pub code: Option<i32>,
    /// Number of the signal that ended it.
    pub signal: Option<i32>,
}

/// To the keeper, which owns the networks and starts the hosts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum KeeperAsk {
    AddNetwork {
        name: String,
    },
    /// A new host with its links, as process `arguments` of the agent.
    Boot {
        host: String,
        arguments: Vec<String>,
        links: Vec<KeeperLink>,
    },
    /// Silence first, then everything in the host dies at once.
    Crash {
        host: String,
    },
    /// Pull (false) or plug (true) the cable: the host's interface loses its carrier.
    Carrier {
        host: String,
        network: String,
        on: bool,
    },
    /// Let frames of this host through or not; the host itself sees nothing of it.
    Port {
        host: String,
        network: String,
        on: bool,
    },
    /// Let each frame that has this text wait, both ways; nothing but zero ends it.
    Delay {
        host: String,
        network: String,
        incoming: RangeInclusive<Duration>,
        outgoing: RangeInclusive<Duration>,
        only: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeeperLink {
    pub(crate) network: String,
    /// Name inside the host.
    pub(crate) interface: String,
    pub(crate) mac: [u8; 6],
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum KeeperAnswer {
    Done,
}

/// To a host's init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum InitAsk {
    /// Mounts, name, addresses: once, before anything else.
    SetUp {
        name: String,
        binds: Vec<Bind>,
        hidden: PathBuf,
        addresses: Vec<InterfaceAddress>,
    },
    Spawn {
        argv: Vec<String>,
        environment: Vec<(String, String)>,
        stdout: PathBuf,
        stderr: PathBuf,
    },
    Run {
        argv: Vec<String>,
        environment: Vec<(String, String)>,
        stdin: String,
        limit_ms: u64,
    },
    Signal {
        pid: i32,
        signal: i32,
    },
    /// To every process whose executable is this file.
    SignalProgram {
        program: PathBuf,
        signal: i32,
    },
    /// A thread of this name, of this process, stands still for a time.
    HoldThread {
        pid: i32,
        name: String,
        ms: u64,
    },
    /// Which processes execute this file.
    Processes {
        program: PathBuf,
    },
    /// Processor time that the living processes of this file have used.
    CpuTime {
        program: PathBuf,
    },
    Addresses,
    AddAddress(InterfaceAddress),
    RemoveAddress(InterfaceAddress),
    /// Drop what the neighbour table knows about this address.
    ForgetNeighbour {
        address: Ipv4Addr,
    },
}

/// A directory of the machine that takes another's place inside the host.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Bind {
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
}

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceAddress {
    /// Name of the interface, such as `eth0`.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// Length of the network prefix in bits.
    pub prefix: u8,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum InitAnswer {
    Done,
    Spawned { pid: i32 },
    Ran(Output),
    Signalled { processes: u32 },
    Addresses(Vec<InterfaceAddress>),
    Processes(Vec<i32>),
    CpuTime { ns: u64 },
}

/// What a command that ran to its end has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// How it ended; a command that was killed at its time limit has signal 9.
    pub exit: Exit,
    /// Standard output, up to 1 MiB; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

impl Output {
    /// Did it end with exit code 0?
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.exit.code == Some(0)
    }
}

/// To the probe.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ProbeAsk {
    /// Forget everything measured so far and begin anew.
    Begin,
    /// What was seen since the beginning; with the last minute's time line or without.
    Look { beats: bool },
}
