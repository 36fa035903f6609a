//! The option negotiation automaton (RFC 1661, 4): which event leads to which actions and where.
//!
//! Nothing but the table; counters, timers and packets are the business of the layer. `automaton/table.txt` is the same
//! as text, and a test walks each cell of it.

use Action::{
    Ack, CodeReject, Down, EchoReply, Finished, InitialiseCount, Nak, Request, Started, Terminate,
    TerminateAck, Up, ZeroCount,
};
use State::{AckRcvd, AckSent, Closed, Closing, Initial, Opened, ReqSent, Starting, Stopped, Stopping};

/// The states, in the order of the RFC's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Initial,
    Starting,
    Closed,
    Stopped,
    Closing,
    Stopping,
    ReqSent,
    AckRcvd,
    AckSent,
    Opened,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The layer below is up.
    LowerUp,
    LowerDown,
    Open,
    /// Never asked for here: a link that shall end is dropped.
    #[cfg_attr(not(test), expect(dead_code, reason = "a row of the table"))]
    Close,
    /// The timer ran out, and there are attempts left.
    TimeoutAgain,
    TimeoutLast,
    GoodRequest,
    BadRequest,
    AckReceived,
    /// Configure-Nak or Configure-Reject.
    NakReceived,
    TerminateReceived,
    TerminateAckReceived,
    UnknownCode,
    HarmlessReject,
    FatalReject,
    /// Echo-Request, -Reply, Discard-Request: LCP handles them without asking the table, which changes nothing for them.
    #[cfg_attr(not(test), expect(dead_code, reason = "a row of the table"))]
    EchoReceived,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Up,
    Down,
    Started,
    Finished,
    InitialiseCount,
    ZeroCount,
    Request,
    Ack,
    /// Configure-Nak or Configure-Reject.
    Nak,
    Terminate,
    TerminateAck,
    CodeReject,
    EchoReply,
}

/// Where an event leads; nothing where it cannot happen.
pub(crate) fn step(state: State, event: Event) -> Option<(&'static [Action], State)> {
    TABLE.get(event as usize)?.get(state as usize).copied().flatten()
}

type Cell = Option<(&'static [Action], State)>;

const NONE: Cell = None;

/// A row for each event, a column for each state, both in their order.
static TABLE: [[Cell; 10]; 16] = [
    // LowerUp
    [
        Some((&[], Closed)),
        Some((&[InitialiseCount, Request], ReqSent)),
        NONE,
        NONE,
        NONE,
        NONE,
        NONE,
        NONE,
        NONE,
        NONE,
    ],
    // LowerDown
    [
        NONE,
        NONE,
        Some((&[], Initial)),
        Some((&[Started], Starting)),
        Some((&[], Initial)),
        Some((&[], Starting)),
        Some((&[], Starting)),
        Some((&[], Starting)),
        Some((&[], Starting)),
        Some((&[Down], Starting)),
    ],
    // Open
    [
        Some((&[Started], Starting)),
        Some((&[], Starting)),
        Some((&[InitialiseCount, Request], ReqSent)),
        Some((&[], Stopped)),
        Some((&[], Stopping)),
        Some((&[], Stopping)),
        Some((&[], ReqSent)),
        Some((&[], AckRcvd)),
        Some((&[], AckSent)),
        Some((&[], Opened)),
    ],
    // Close
    [
        Some((&[], Initial)),
        Some((&[Finished], Initial)),
        Some((&[], Closed)),
        Some((&[], Closed)),
        Some((&[], Closing)),
        Some((&[], Closing)),
        Some((&[InitialiseCount, Terminate], Closing)),
        Some((&[InitialiseCount, Terminate], Closing)),
        Some((&[InitialiseCount, Terminate], Closing)),
        Some((&[Down, InitialiseCount, Terminate], Closing)),
    ],
    // TimeoutAgain
    [
        NONE,
        NONE,
        NONE,
        NONE,
        Some((&[Terminate], Closing)),
        Some((&[Terminate], Stopping)),
        Some((&[Request], ReqSent)),
        Some((&[Request], ReqSent)),
        Some((&[Request], AckSent)),
        NONE,
    ],
    // TimeoutLast
    [
        NONE,
        NONE,
        NONE,
        NONE,
        Some((&[Finished], Closed)),
        Some((&[Finished], Stopped)),
        Some((&[Finished], Stopped)),
        Some((&[Finished], Stopped)),
        Some((&[Finished], Stopped)),
        NONE,
    ],
    // GoodRequest
    [
        NONE,
        NONE,
        Some((&[TerminateAck], Closed)),
        Some((&[InitialiseCount, Request, Ack], AckSent)),
        Some((&[], Closing)),
        Some((&[], Stopping)),
        Some((&[Ack], AckSent)),
        Some((&[Ack, Up], Opened)),
        Some((&[Ack], AckSent)),
        Some((&[Down, Request, Ack], AckSent)),
    ],
    // BadRequest
    [
        NONE,
        NONE,
        Some((&[TerminateAck], Closed)),
        Some((&[InitialiseCount, Request, Nak], ReqSent)),
        Some((&[], Closing)),
        Some((&[], Stopping)),
        Some((&[Nak], ReqSent)),
        Some((&[Nak], AckRcvd)),
        Some((&[Nak], ReqSent)),
        Some((&[Down, Request, Nak], ReqSent)),
    ],
    // AckReceived
    [
        NONE,
        NONE,
        Some((&[TerminateAck], Closed)),
        Some((&[TerminateAck], Stopped)),
        Some((&[], Closing)),
        Some((&[], Stopping)),
        Some((&[InitialiseCount], AckRcvd)),
        Some((&[Request], ReqSent)),
        Some((&[InitialiseCount, Up], Opened)),
        Some((&[Down, Request], ReqSent)),
    ],
    // NakReceived
    [
        NONE,
        NONE,
        Some((&[TerminateAck], Closed)),
        Some((&[TerminateAck], Stopped)),
        Some((&[], Closing)),
        Some((&[], Stopping)),
        Some((&[InitialiseCount, Request], ReqSent)),
        Some((&[Request], ReqSent)),
        Some((&[InitialiseCount, Request], AckSent)),
        Some((&[Down, Request], ReqSent)),
    ],
    // TerminateReceived
    [
        NONE,
        NONE,
        Some((&[TerminateAck], Closed)),
        Some((&[TerminateAck], Stopped)),
        Some((&[TerminateAck], Closing)),
        Some((&[TerminateAck], Stopping)),
        Some((&[TerminateAck], ReqSent)),
        Some((&[TerminateAck], ReqSent)),
        Some((&[TerminateAck], ReqSent)),
        Some((&[Down, ZeroCount, TerminateAck], Stopping)),
    ],
    // TerminateAckReceived
    [
        NONE,
        NONE,
        Some((&[], Closed)),
        Some((&[], Stopped)),
        Some((&[Finished], Closed)),
        Some((&[Finished], Stopped)),
        Some((&[], ReqSent)),
        Some((&[], ReqSent)),
        Some((&[], AckSent)),
        Some((&[Down, Request], ReqSent)),
    ],
    // UnknownCode
    [
        NONE,
        NONE,
        Some((&[CodeReject], Closed)),
        Some((&[CodeReject], Stopped)),
        Some((&[CodeReject], Closing)),
        Some((&[CodeReject], Stopping)),
        Some((&[CodeReject], ReqSent)),
        Some((&[CodeReject], AckRcvd)),
        Some((&[CodeReject], AckSent)),
        Some((&[CodeReject], Opened)),
    ],
    // HarmlessReject
    [
        NONE,
        NONE,
        Some((&[], Closed)),
        Some((&[], Stopped)),
        Some((&[], Closing)),
        Some((&[], Stopping)),
        Some((&[], ReqSent)),
        Some((&[], ReqSent)),
        Some((&[], AckSent)),
        Some((&[], Opened)),
    ],
    // FatalReject
    [
        NONE,
        NONE,
        Some((&[Finished], Closed)),
        Some((&[Finished], Stopped)),
        Some((&[Finished], Closed)),
        Some((&[Finished], Stopped)),
        Some((&[Finished], Stopped)),
        Some((&[Finished], Stopped)),
        Some((&[Finished], Stopped)),
        Some((&[Down, InitialiseCount, Terminate], Stopping)),
    ],
    // EchoReceived
    [
        NONE,
        NONE,
        Some((&[], Closed)),
        Some((&[], Stopped)),
        Some((&[], Closing)),
        Some((&[], Stopping)),
        Some((&[], ReqSent)),
        Some((&[], AckRcvd)),
        Some((&[], AckSent)),
        Some((&[EchoReply], Opened)),
    ],
];

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;

    const TABLE: &str = include_str!("automaton/table.txt");
    const STATES: [State; 10] = [
        State::Initial,
        State::Starting,
        State::Closed,
        State::Stopped,
        State::Closing,
        State::Stopping,
        State::ReqSent,
        State::AckRcvd,
        State::AckSent,
        State::Opened,
    ];
    const EVENTS: [(&str, Event); 16] = [
        ("Up", Event::LowerUp),
        ("Down", Event::LowerDown),
        ("Open", Event::Open),
        ("Close", Event::Close),
        ("TO+", Event::TimeoutAgain),
        ("TO-", Event::TimeoutLast),
        ("RCR+", Event::GoodRequest),
        ("RCR-", Event::BadRequest),
        ("RCA", Event::AckReceived),
        ("RCN", Event::NakReceived),
        ("RTR", Event::TerminateReceived),
        ("RTA", Event::TerminateAckReceived),
        ("RUC", Event::UnknownCode),
        ("RXJ+", Event::HarmlessReject),
        ("RXJ-", Event::FatalReject),
        ("RXR", Event::EchoReceived),
    ];

    fn name(action: Action) -> &'static str {
        match action {
            Up => "tlu",
            Down => "tld",
            Started => "tls",
            Finished => "tlf",
            InitialiseCount => "irc",
            ZeroCount => "zrc",
            Request => "scr",
            Ack => "sca",
            Nak => "scn",
            Terminate => "str",
            TerminateAck => "sta",
            CodeReject => "scj",
            EchoReply => "ser",
        }
    }

    fn cell(state: State, event: Event) -> String {
        let Some((actions, next)) = step(state, event) else { return "-".into() };
        let number = STATES.iter().position(|known| *known == next).unwrap();
        let names: Vec<&str> = actions.iter().copied().map(name).collect();
        if names.is_empty() { format!("{number}") } else { format!("{}/{number}", names.join(",")) }
    }

    #[test]
    fn each_cell_is_that_of_the_table() {
        let rows: Vec<Vec<&str>> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows.len(), EVENTS.len());
        for (row, (event_name, event)) in rows.iter().zip(EVENTS) {
            assert_eq!((row[0], row.len()), (event_name, 11));
            for (expected, state) in row[1..].iter().zip(STATES) {
                assert_eq!(cell(state, event), *expected, "{state:?} {event_name}");
            }
        }
    }
}
