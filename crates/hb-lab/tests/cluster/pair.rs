//! Who plays a story: which daemon on which host, and with which `auto_failback`. One test for each.

use std::cell::Cell;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Instant;

use futures_util::FutureExt;
use hb_lab::{Agent, NodeProgram};

/// Which daemons, alpha's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pair {
    BothOurs,
    BetaIs306,
    AlphaIs306,
    /// For comparison only.
    Both306,
}

/// `auto_failback`, the same on both nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failback {
    On,
    Off,
    /// As before release 1.2.
    Legacy,
}

/// One of the two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Alpha,
    Beta,
}

/// A story with its cast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) story: &'static str,
    pub(crate) pair: Pair,
    pub(crate) failback: Failback,
}

impl Case {
    pub(crate) fn new(story: &'static str, pair: Pair, failback: Failback) -> Self {
        Self { story, pair, failback }
    }

    pub(crate) fn programs(self) -> [NodeProgram; 2] {
        let ours = || NodeProgram::Ours { hb_node: program("hb-node") };
        let real = || NodeProgram::heartbeat().unwrap_or_else(|error| panic!("{error}"));
        match self.pair {
            Pair::BothOurs => [ours(), ours()],
            Pair::BetaIs306 => [ours(), real()],
            Pair::AlphaIs306 => [real(), ours()],
            Pair::Both306 => [real(), real()],
        }
    }

    /// One of ours: alpha if both are.
    pub(crate) fn ours(self) -> Who {
        match self.pair {
            Pair::BothOurs | Pair::BetaIs306 | Pair::Both306 => Who::Alpha,
            Pair::AlphaIs306 => Who::Beta,
        }
    }

    pub(crate) fn runs_306(self, who: Who) -> bool {
        match self.pair {
            Pair::BothOurs => false,
            Pair::BetaIs306 => who == Who::Beta,
            Pair::AlphaIs306 => who == Who::Alpha,
            Pair::Both306 => true,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{:?}-{:?}", self.story, self.pair, self.failback)
    }
}

impl Failback {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Legacy => "legacy",
        }
    }
}

impl Who {
    pub(crate) const BOTH: [Self; 2] = [Self::Alpha, Self::Beta];

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Alpha => 0,
            Self::Beta => 1,
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Alpha => Self::Beta,
            Self::Beta => Self::Alpha,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Alpha => "alpha",
            Self::Beta => "beta",
        }
    }
}

/// Plays a story; once more if 3.0.6 lost a message of its own scripts, which it then never acts upon. That is a
/// defect of its FIFO that two real ones show as well (`failover.md` 11.14), and says nothing about ours. Between two real ones
/// a hand-over that stays open for an hour is an end as well (11.13).
pub(crate) async fn play(case: Case, story: impl AsyncFn(Case)) {
    for _ in 0..2 {
        lost_by_306(|lost| lost.set(false));
        open_for_an_hour(|open| open.set(false));
        let begun = Instant::now();
        match AssertUnwindSafe(story(case)).catch_unwind().await {
            Ok(()) => {
                println!("{case}: played in {:.1} s", begun.elapsed().as_secs_f64());
                return;
            }
            Err(_) if case.pair == Pair::Both306 && open_for_an_hour(Cell::get) => {
                println!("{case}: as 3.0.6 does it, a hand-over stays open for an hour");
                return;
            }
            Err(_) if lost_by_306(Cell::get) => {
                println!("{case}: 3.0.6 lost a message of its own; once more");
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    story(case).await;
}

/// Whether the log of 3.0.6 told so in the story at hand; each test has its own thread.
pub(crate) fn lost_by_306<T>(with: impl FnOnce(&Cell<bool>) -> T) -> T {
    thread_local! {
        static LOST: Cell<bool> = const { Cell::new(false) };
    }
    LOST.with(with)
}

/// Whether one of two real ones waits for a step of a hand-over that was late or lost, in the story at hand.
pub(crate) fn open_for_an_hour<T>(with: impl FnOnce(&Cell<bool>) -> T) -> T {
    thread_local! {
        static OPEN: Cell<bool> = const { Cell::new(false) };
    }
    OPEN.with(with)
}

/// A program of ours.
pub(crate) fn program(name: &str) -> PathBuf {
    hb_lab::built_program(name).unwrap_or_else(|error| panic!("{error}"))
}

/// The lab's helper program of this build.
pub(crate) fn agent() -> Agent {
    Agent::new(PathBuf::from(env!("CARGO_BIN_EXE_hb-lab-agent")), Vec::new())
}

/// For each story a module with one test for each pair and each `auto_failback`. What `both_306` plays, for
/// comparison, runs only with `cargo xtask test --slow`, as everything whose name ends with `_slow`.
macro_rules! stories {
    ($($story:ident),+ $(,)?) => { $(
        mod $story {
            stories! { @test $story
                both_306_on: Both306 On, both_306_off: Both306 Off,
                both_ours_on: BothOurs On, both_ours_off: BothOurs Off,
                beta_is_306_on: BetaIs306 On, beta_is_306_off: BetaIs306 Off,
                alpha_is_306_on: AlphaIs306 On, alpha_is_306_off: AlphaIs306 Off,
            }
        }
    )+ };
    (@test $story:ident $($test:ident: $pair:ident $failback:ident,)+) => { $(
        #[tokio::test]
        async fn $test() {
            use crate::pair::{Case, Failback, Pair, play};
            play(Case::new(stringify!($story), Pair::$pair, Failback::$failback), super::$story).await;
        }
    )+ };
}

/// As `stories`, without two real ones: what only hb does.
macro_rules! stories_of_ours {
    ($($story:ident),+ $(,)?) => { $(
        mod $story {
            stories! { @test $story
                both_ours_on: BothOurs On, both_ours_off: BothOurs Off,
                beta_is_306_on: BetaIs306 On, beta_is_306_off: BetaIs306 Off,
                alpha_is_306_on: AlphaIs306 On, alpha_is_306_off: AlphaIs306 Off,
            }
        }
    )+ };
}

/// As `stories`, where `auto_failback` makes no difference: one test for each pair.
macro_rules! stories_off {
    ($($story:ident),+ $(,)?) => { $(
        mod $story {
            stories! { @test $story
                both_306: Both306 Off,
                both_ours: BothOurs Off, beta_is_306: BetaIs306 Off, alpha_is_306: AlphaIs306 Off,
            }
        }
    )+ };
}

/// As `stories_off`, without two real ones.
macro_rules! stories_of_ours_off {
    ($($story:ident),+ $(,)?) => { $(
        mod $story {
            stories! { @test $story
                both_ours: BothOurs Off, beta_is_306: BetaIs306 Off, alpha_is_306: AlphaIs306 Off,
            }
        }
    )+ };
}

/// As `stories`, with `auto_failback legacy`: one test for each pair.
macro_rules! stories_legacy {
    ($($story:ident),+ $(,)?) => { $(
        mod $story {
            stories! { @test $story
                both_306: Both306 Legacy,
                both_ours: BothOurs Legacy, beta_is_306: BetaIs306 Legacy, alpha_is_306: AlphaIs306 Legacy,
            }
        }
    )+ };
}
