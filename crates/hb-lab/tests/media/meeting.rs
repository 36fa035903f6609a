//! How long two nodes take to find each other: from the first heartbeat of the one that starts last to when each calls the
//! other active, by their logs.
//!
//! Two of ours take two keepalives at most. A 3.0.6 node reads nothing, or writes nothing, for up to a second after its start;
//! from when each has heard the other it is two keepalives as well.
//!
//! That is a promise in keepalives, while a pause of the machine, which delays the nodes and who reads their logs, is as long
//! with a short one. So it is looked at with a keepalive of a second; nothing is added to the two. By UDP some milliseconds pass of
//! them, on a serial line about one second.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::scene::{LIMIT, Pair, Scene};

/// Times since the second node was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meeting {
    /// It sends its first heartbeat.
    speaks: Duration,
    /// The first node hears it.
    heard: Duration,
    /// It hears the first node.
    hears: Duration,
    /// The first node calls it active.
    seen: Duration,
    /// It calls the first node active.
    sees: Duration,
}

impl Meeting {
    /// Reads along while beta starts; alpha runs already.
    pub(crate) async fn watch(scene: &Scene) -> Self {
        let begun = Instant::now();
        let lines = [
            (scene.beta(), "Local status now set to: 'up'"),
            (scene.alpha(), "Status update for node beta: status "),
            (scene.beta(), "Status update for node alpha: status "),
            (scene.alpha(), "Status update for node beta: status active"),
            (scene.beta(), "Status update for node alpha: status active"),
        ];
        let mut moments = [None; 5];
        loop {
            for (moment, (node, line)) in moments.iter_mut().zip(lines) {
                *moment = moment.or_else(|| node.log().contains(line).then(|| begun.elapsed()));
            }
            if let [Some(speaks), Some(heard), Some(hears), Some(seen), Some(sees)] = moments {
                return Self { speaks, heard, hears, seen, sees };
            }
            assert!(begun.elapsed() < LIMIT, "{:?}: after {LIMIT:?} only {moments:?}", scene.pair);
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Both call each other active two keepalives after the second one is there.
    pub(crate) fn is_in_time(&self, scene: &Scene) {
        let Self { speaks, heard, hears, seen, sees } = *self;
        let begin = match scene.pair {
            Pair::Ours => speaks,
            Pair::With306 => heard.max(hears),
        };
        let time = seen.max(sees).saturating_sub(begin);
        let pair = scene.pair;
        println!("{pair:?}: both active {time:?} after the second was there: {self:?}");
        assert!(time <= scene.keepalive * 2, "{pair:?}: both active only after {time:?}: {self:?}");
    }
}
