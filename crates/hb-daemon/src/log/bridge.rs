//! What libraries say through `tracing`, as lines of the log: events only, spans are of no use here.
//!
//! The text is the event's message, then its fields as `name=value`. Rates are not limited here: libraries of ours
//! only speak about what a script or a file causes, never about what a packet can.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Level, Log};

/// Hands every event of this process to the log.
pub(crate) struct Bridge {
    log: Log,
}

impl Bridge {
    pub(crate) const fn new(log: Log) -> Self {
        Self { log }
    }

    /// Makes this the process's subscriber. A second one is refused, which only tests can see.
    pub(crate) fn install(self) {
        let _ = tracing::subscriber::set_global_default(self);
    }
}

impl Subscriber for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries of others trace each of their steps.
        metadata.is_event()
            && (*metadata.level() <= tracing::Level::WARN || metadata.target().starts_with("hb_"))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.log.line(level_of(*event.metadata().level()), &text.whole());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn level_of(level: tracing::Level) -> Level {
    if level == tracing::Level::ERROR {
        Level::Error
    } else if level == tracing::Level::WARN {
        Level::Warn
    } else if level == tracing::Level::INFO {
        Level::Info
    } else {
        Level::Debug
    }
}

/// Message and fields of an event.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn whole(mut self) -> String {
        self.message.push_str(&self.fields);
        self.message
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_ours_become_lines() {
        let (log, lines) = crate::log::for_tests();
        tracing::subscriber::with_default(Bridge::new(log), || {
            tracing::warn!(target: "hb_resource::guard", pid = 7, "script started");
            tracing::info!(target: "netlink_proto", "polling");
            tracing::error!(target: "netlink_proto", "socket closed");
        });
        let expected = [(Level::Warn, "script started pid=7"), (Level::Error, "socket closed")];
        assert_eq!(lines(), expected.map(|(level, text)| (level, text.to_owned())));
    }
}
