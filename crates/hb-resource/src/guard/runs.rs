//! The runs that the guard has under way, and which of them somebody waits for.
//!
//! Neither the will of a dead heart nor an orderly stop waits for hooks and checks of what runs ([`Awaited::Never`]): they are
//! killed when one of these comes, and none begins after it. Nor do they for the reset of another node ([`Awaited::Last`]), which
//! comes to its end before the guard ends.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::guard::execute::execute;
use crate::guard::protocol::{Answer, Awaited, Run};

/// All runs under way. Dropped: nobody attends to them any more.
pub(super) struct Runs {
    awaited: JoinSet<()>,
    last: JoinSet<()>,
    expendable: JoinSet<()>,
    is_cut: watch::Sender<bool>,
}

impl Runs {
    /// None so far.
    pub(super) fn new() -> Self {
        Self {
            awaited: JoinSet::new(),
            last: JoinSet::new(),
            expendable: JoinSet::new(),
            is_cut: watch::Sender::new(false),
        }
    }

    pub(super) fn begin(&mut self, run: Run, answers: mpsc::Sender<Answer>) {
        let leash = match run.awaited {
            Awaited::First | Awaited::Last => Leash::default(),
            Awaited::Never => Leash(Some(self.is_cut.subscribe())),
        };
        let runs = match run.awaited {
            Awaited::First => &mut self.awaited,
            Awaited::Last => &mut self.last,
            Awaited::Never => &mut self.expendable,
        };
        runs.spawn_local(execute(run, answers, leash));
    }

    /// Forgets those that have ended.
    pub(super) fn sweep(&mut self) {
        while self.awaited.try_join_next().is_some() {}
        while self.last.try_join_next().is_some() {}
        while self.expendable.try_join_next().is_some() {}
    }

    /// Has the expendable ones killed, those that are to begin, too. Does not wait for it.
    pub(super) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    /// Returns when those have ended that somebody waits for.
    pub(super) async fn join(&mut self) {
        while self.awaited.join_next().await.is_some() {}
    }

    /// Returns when all have ended; after [`Self::cut`], a moment later at the latest: what the kernel holds ends some other time.
    pub(super) async fn end(mut self) {
        self.join().await;
        let ended = async { while self.expendable.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(MOMENT, ended).await;
        while self.last.join_next().await.is_some() {}
    }
}

/// By which a run is held: when it is cut, the run is killed. The default is never cut.
#[derive(Clone, Default)]
pub(crate) struct Leash(Option<watch::Receiver<bool>>);

impl Leash {
    pub(crate) fn is_cut(&self) -> bool {
        self.0.as_ref().is_some_and(|leash| *leash.borrow() || leash.has_changed().is_err())
    }

    /// Returns when it is cut.
    pub(crate) async fn cut(&mut self) {
        match &mut self.0 {
            // An error says that nobody attends to the run any more.
            Some(leash) => drop(leash.wait_for(|is_cut| *is_cut).await),
            None => std::future::pending().await,
        }
    }
}

/// How long processes that were killed may take to end.
const MOMENT: Duration = Duration::from_millis(200);
