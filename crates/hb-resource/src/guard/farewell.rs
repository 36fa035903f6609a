//! A message that the heart has left, signed already, and how it is sent after its death: by every medium.
//!
//! Datagrams go at once. A serial line must be opened first, may be slow, and may be held up by whoever does not read at its
//! other end, so each has a thread of its own and a limit: nothing waits for it but the end of the guard. Whether
//! the message is true is the will's business.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hb_transport::{MediumSpec, say_last_word};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::report::{Level, Reporter};

/// A message that is sent by the guard after the heart's death, when nothing of the node runs any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Farewell {
    /// The packet, signed.
    pub packet: Vec<u8>,
    /// The same as classic text, for serial lines; empty if there are none.
    pub text: Vec<u8>,
    /// Where it goes.
    pub routes: Vec<Route>,
}

/// The way to other nodes over one medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Route {
    /// By UDP.
    Datagram {
        /// The interface by which it leaves; `None`: as the routing table says.
        interface: Option<String>,
        /// Address and port; a broadcast address is allowed.
        destination: SocketAddr,
    },
    /// Over this serial line.
    Line(MediumSpec),
}

/// What is being said over serial lines.
pub(crate) struct Lines {
    /// What became of each.
    ends: mpsc::Receiver<(usize, Result<(), String>)>,
    /// Those that have not ended.
    waiting: Vec<(usize, MediumSpec)>,
    until: Instant,
}

impl Farewell {
    /// Sends it by datagrams, then begins to send it over serial lines, side by side.
    pub(crate) fn send(self, report: &Reporter) -> Lines {
        let Self { packet, text, routes } = self;
        let mut specs = Vec::new();
        for route in routes {
            match route {
                Route::Datagram { interface, destination } => {
                    if let Err(error) = send_datagram(interface.as_deref(), destination, &packet) {
                        let text = format!("No farewell to {destination}: {error}");
                        report.note(Level::Warning, text);
                    }
                }
                Route::Line(spec) if text.is_empty() => {
                    let text = format!("No farewell over {spec}: the heart has left no text");
                    report.note(Level::Warning, text);
                }
                Route::Line(spec) => specs.push(spec),
            }
        }
        // One place for each, so that no thread waits to tell its end.
        let (tell, ends) = mpsc::channel(specs.len().max(1));
        let text: Arc<[u8]> = text.into();
        let mut waiting = Vec::new();
        for (number, spec) in specs.into_iter().enumerate() {
            let (tell, text, over) = (tell.clone(), Arc::clone(&text), spec.clone());
            let say = move || {
                let end = say_last_word(&over, &text, LIMIT).map_err(|error| error.to_string());
                let _ = tell.try_send((number, end));
            };
            match thread::Builder::new().name("hb-farewell".to_owned()).spawn(say) {
                Ok(_) => waiting.push((number, spec)),
                Err(error) => report.note(Level::Warning, format!("No farewell over {spec}: {error}")),
            }
        }
        Lines { ends, waiting, until: Instant::now() + LIMIT + SLACK }
    }
}

impl Lines {
    /// Waits until all is said, for a second or so.
    pub(crate) async fn end(mut self, report: &Reporter) {
        while !self.waiting.is_empty() {
            let Ok(Some((number, end))) = tokio::time::timeout_at(self.until, self.ends.recv()).await else {
                break;
            };
            let place = self.waiting.iter().position(|(waiting, _)| *waiting == number);
            let spec = place.map(|place| self.waiting.remove(place).1);
            if let (Some(spec), Err(error)) = (spec, end) {
                report.note(Level::Warning, format!("No farewell over {spec}: {error}"));
            }
        }
        for (_, spec) in &self.waiting {
            report.note(Level::Warning, format!("No farewell over {spec}: the device answers nothing"));
        }
    }
}

fn send_datagram(interface: Option<&str>, destination: SocketAddr, packet: &[u8]) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(destination), Type::DGRAM, None)?;
    socket.set_broadcast(true)?;
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    socket.set_nonblocking(true)?;
    socket.send_to(packet, &destination.into()).map(drop)
}

/// How long a line may take; at 9600 baud the message takes 0.3 s.
const LIMIT: Duration = Duration::from_secs(1);
/// For a thread to tell that its time is up.
const SLACK: Duration = Duration::from_millis(200);
