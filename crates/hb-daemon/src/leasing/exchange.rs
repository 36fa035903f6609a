//! Another lease, or none, while the node runs.
//!
//! It is opened beside the one that is in force and handed to the heart, which exchanges them when it can. Only when the heart has
//! let go of the one before, and nothing is staged behind its table, does that table go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use hb_config::{Checked, LeaseBy};
use hb_resource::GroupSpec;
use hb_resource::lease::{Keeper, Stage};

use super::{Leasing, Opened};
use crate::heart::{self, Hands, LeaseChange};

/// A lease that may take the place of the one in force, or the end of that.
#[derive(Debug)]
pub(crate) struct Next {
    opened: Opened,
    change: LeaseChange,
}

/// A lease that is about to go.
#[derive(Debug)]
pub(super) struct Leaving {
    /// Ends when it is gone.
    gone: Mutex<mpsc::Receiver<()>>,
    /// Set when nobody waits for staged addresses any more.
    is_hurried: Arc<AtomicBool>,
}

impl Leasing {
    /// Opens what these settings ask for, if that is another lease than before, or there was no room for one. Takes milliseconds.
    ///
    /// # Errors
    /// While an earlier exchange goes on.
    pub(crate) fn prepare(
        &self,
        before: &Checked,
        checked: &Checked,
        groups: &[GroupSpec],
    ) -> Result<Option<Next>, String> {
        let kind = |checked: &Checked| (checked.lease.enabled, checked.lease.by);
        let now = self.state().now.by;
        let times = |checked: &Checked| (checked.keepalive, checked.deadtime);
        // Lifetimes need more of it than a table.
        let had_no_room = now.is_none() && heart::lifetime(before.keepalive, before.deadtime).is_err();
        let may_have_room = checked.lease.enabled && had_no_room && times(before) != times(checked);
        if kind(before) == kind(checked) && !may_have_room {
            return Ok(None);
        }
        if !self.has_changed(Duration::ZERO) {
            return Err("the lease is being exchanged already".to_owned());
        }
        let (opened, hands) = self.make(checked, groups);
        let change = match hands {
            // There is one of these only, which goes on.
            Some(_) if (now, opened.by) == (LIFETIMES, LIFETIMES) => LeaseChange::Stays,
            Some(hands) => LeaseChange::To(hands),
            None => LeaseChange::Ends,
        };
        Ok(Some(Next { opened, change }))
    }

    /// It takes the place of the one before, as far as it is not the heart's to do that. What is to be told if there shall be a lease
    /// and is none.
    pub(crate) fn exchange(&self, mut next: Next) -> Option<String> {
        let mut state = self.state();
        let opened = std::mem::take(&mut next.opened);
        if (state.now.by, opened.by) == (LIFETIMES, LIFETIMES) {
            state.now.problem = opened.problem;
            return None;
        }
        let Opened { keeper, let_go, .. } = std::mem::replace(&mut state.now, opened);
        let leaving = let_go.and_then(|let_go| Leaving::begin(keeper, let_go, self.stage.clone()));
        state.leaving = leaving.map(Arc::new);
        state.now.missing()
    }

    /// Waits until the lease before is gone, but not longer than `limit`; whether it is.
    pub(crate) fn has_changed(&self, limit: Duration) -> bool {
        // Nobody else waits for this one meanwhile.
        let leaving = self.state().leaving.clone();
        let is_gone = leaving.is_none_or(|leaving| leaving.is_gone(limit));
        if is_gone {
            self.state().leaving = None;
        }
        is_gone
    }
}

impl Next {
    /// For the heart.
    pub(crate) fn change(&mut self) -> LeaseChange {
        std::mem::take(&mut self.change)
    }
}

impl Drop for Next {
    /// What nobody has taken goes again.
    fn drop(&mut self) {
        if let Some(keeper) = self.opened.keeper.take() {
            keeper.finish();
        }
    }
}

impl Leaving {
    /// Without a thread for it the table stays to the end of this process: nothing is gated by it.
    fn begin(keeper: Option<Keeper>, let_go: mpsc::Receiver<()>, stage: Stage) -> Option<Self> {
        let (sender, gone) = mpsc::channel();
        let is_hurried = Arc::new(AtomicBool::new(false));
        let hurried = Arc::clone(&is_hurried);
        let end = move || {
            // It ends, as nobody ever sends.
            let _ = let_go.recv();
            if let Some(keeper) = keeper {
                while !stage.take_leave() && !hurried.load(Ordering::Relaxed) {
                    thread::sleep(LOOK_AGAIN);
                }
                keeper.finish();
            }
            drop(sender);
        };
        thread::Builder::new().name("hb-lease-end".to_owned()).spawn(end).ok()?;
        Some(Self { gone: Mutex::new(gone), is_hurried })
    }

    fn is_gone(&self, limit: Duration) -> bool {
        // Nobody ever sends.
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected)
    }

    /// At the end of the node.
    pub(super) fn hurry(&self) {
        self.is_hurried.store(true, Ordering::Relaxed);
        // A table that stays is removed by the next start.
        let _ = self.is_gone(LAST_WAIT);
    }
}

impl Hands {
    /// With the end that tells when the heart has let go.
    pub(super) fn watched(self) -> (Self, mpsc::Receiver<()>) {
        let (sender, receiver) = mpsc::channel();
        (Self { _let_go: Some(sender), ..self }, receiver)
    }
}

const LIFETIMES: Option<LeaseBy> = Some(LeaseBy::Lifetime);
/// Between two looks whether anything is staged.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// For the kernel to remove a table.
const LAST_WAIT: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use hb_resource::lease::Lifetimes;

    use super::*;
    use crate::test_files;

    /// Without a table, for want of a log to tell what becomes of it.
    fn leasing() -> Leasing {
        Leasing { lifetimes: Lifetimes::new(hb_config::RENEWED_WITHIN).ok(), ..Leasing::default() }
    }

    fn checked(change: impl Fn(&mut Checked)) -> Checked {
        let ha_cf = "keepalive 200ms\ndeadtime 5\nbcast lo\nnode cc1 cc2\n";
        let (mut checked, _) = test_files::checked("cc1", ha_cf, "cc1 10.0.0.1\n");
        change(&mut checked);
        checked
    }

    fn exchanged(leasing: &Leasing, before: &Checked, after: &Checked) -> (LeaseChange, Option<String>) {
        let mut next = leasing.prepare(before, after, &[]).unwrap().expect("another lease");
        let change = next.change();
        (change, leasing.exchange(next))
    }

    #[test]
    fn lifetimes_take_no_place_of_lifetimes() {
        let leasing = leasing();
        let off = checked(|checked| checked.lease.enabled = false);
        let lifetimes = checked(|checked| checked.lease.by = LeaseBy::Lifetime);
        let table = checked(|_| {});
        assert!(leasing.prepare(&off, &off, &[]).unwrap().is_none(), "nothing differs");
        let (LeaseChange::To(hands), None) = exchanged(&leasing, &off, &lifetimes) else { panic!() };
        // The table cannot be had, and is not worth the end of what there is.
        let (LeaseChange::Stays, None) = exchanged(&leasing, &lifetimes, &table) else { panic!() };
        let reason = leasing.state().now.problem.clone().unwrap();
        assert!(!reason.contains("asks for lifetimes"), "{reason}");
        let (LeaseChange::Ends, None) = exchanged(&leasing, &table, &off) else { panic!() };
        leasing.prepare(&off, &lifetimes, &[]).expect_err("the heart has not let go yet");
        drop(hands);
        assert!(leasing.has_changed(Duration::from_secs(10)));
        assert!(leasing.prepare(&off, &lifetimes, &[]).is_ok());
    }

    #[test]
    fn a_lease_without_room_begins_when_there_is_room() {
        let leasing = leasing();
        let off = checked(|checked| checked.lease.enabled = false);
        let short = checked(|checked| {
            checked.lease.by = LeaseBy::Lifetime;
            checked.deadtime = checked.keepalive * 5;
        });
        let (LeaseChange::Ends, Some(problem)) = exchanged(&leasing, &off, &short) else { panic!() };
        assert!(problem.contains("leave no room for a lease"), "{problem}");
        assert!(leasing.prepare(&short, &short, &[]).unwrap().is_none());
        let long = checked(|checked| checked.lease.by = LeaseBy::Lifetime);
        let (LeaseChange::To(_), None) = exchanged(&leasing, &short, &long) else { panic!() };
    }
}
