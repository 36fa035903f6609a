//! When the heart takes which step of the lease, with a kernel that answers as the test says.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use hb_engine::{Action, GroupId};
use hb_resource::lease::Answer;
use hb_sys::alloc_count::{Counting, Counts, measure};

use super::*;
use crate::heart::lease::{State, Steps};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What was asked of the kernel, and what it refuses.
#[derive(Default)]
struct Kernel {
    asked: Mutex<Vec<&'static str>>,
    refuses: Mutex<Vec<&'static str>>,
    acquires_later: AtomicBool,
}

impl Kernel {
    fn ask(&self, step: &'static str) -> Answer {
        self.asked.lock().unwrap().push(step);
        if self.refuses.lock().unwrap().contains(&step) { Answer::Refused } else { Answer::Granted }
    }

    fn asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn refuse(&self, steps: &[&'static str]) {
        *self.refuses.lock().unwrap() = steps.to_vec();
    }
}

impl Steps for Arc<Kernel> {
    fn renew(&self) -> Answer {
        self.ask("renew")
    }

    fn arm(&self) -> Answer {
        self.ask("arm")
    }

    fn acquire(&self) -> Answer {
        self.ask("acquire")
    }

    fn release(&self) -> Answer {
        self.ask("release")
    }

    fn acquires_later(&self) -> bool {
        self.acquires_later.load(Ordering::Relaxed)
    }

    fn set_length(&self, _length: Duration) -> io::Result<()> {
        self.asked.lock().unwrap().push("length");
        Ok(())
    }
}

const GROUP: GroupId = GroupId(0);
const START: JobId = JobId(90);
const STOP: JobId = JobId(91);
/// For the keepalive and dead time of [`config`].
const LENGTH: Duration = Duration::from_millis(130);

/// A heart that has just sent a heartbeat, unless it `is_late`.
fn leased(kernel: &Arc<Kernel>, is_late: bool) -> Bench<impl Fn() -> Vec<(Level, String)>> {
    let mut bench = bench();
    let steps = Box::new(Arc::clone(kernel));
    bench.heart.tenure = Tenure::new(Some(Hands { steps, length: LENGTH, _let_go: None }));
    let now = clock::tick();
    bench.heart.lease_beat(if is_late { Tick::from_nanos(now.as_nanos() - 1_000_000_000) } else { now });
    kernel.asked();
    bench
}

/// The same on time, and a group is here.
fn holding(kernel: &Arc<Kernel>) -> Bench<impl Fn() -> Vec<(Level, String)>> {
    let mut bench = leased(kernel, false);
    bench.heart.lease_job_begins(START, Action::Start(GROUP));
    kernel.asked();
    bench
}

fn is_closed(heart: &Heart<TestPort>) -> bool {
    heart.tenure.counts().is_closed
}

#[test]
fn a_start_takes_both_steps_and_each_heartbeat_renews() {
    let kernel = Arc::new(Kernel::default());
    let mut bench = leased(&kernel, false);
    bench.heart.lease_beat(clock::tick());
    assert_eq!(kernel.asked(), [] as [&str; 0], "nothing is held yet");
    bench.heart.lease_job_begins(START, Action::Start(GROUP));
    assert_eq!((kernel.asked(), is_closed(&bench.heart)), (vec!["arm", "acquire"], false));
    bench.heart.lease_beat(clock::tick());
    assert_eq!(kernel.asked(), ["renew"]);
    bench.heart.lease_job_begins(JobId(92), Action::Start(GroupId(1)));
    assert_eq!(kernel.asked(), [] as [&str; 0], "one lease for all groups");
    bench.heart.lease_job_begins(STOP, Action::Stop(GROUP));
    bench.heart.lease_job_ended(STOP, &Outcome::Ok);
    assert_eq!(kernel.asked(), [] as [&str; 0], "another group is here");
    let failed = Outcome::Failed { reason: String::new(), residue: false };
    bench.heart.lease_job_ended(JobId(92), &failed);
    assert_eq!(kernel.asked(), ["release"]);
}

/// Grants everything and remembers nothing.
struct Granting;

impl Steps for Granting {
    fn renew(&self) -> Answer {
        Answer::Granted
    }

    fn arm(&self) -> Answer {
        Answer::Granted
    }

    fn acquire(&self) -> Answer {
        Answer::Granted
    }

    fn release(&self) -> Answer {
        Answer::Granted
    }

    fn set_length(&self, _length: Duration) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_the_heart_does_for_a_renewal_allocates_nothing() {
    let mut bench = bench();
    bench.heart.tenure =
        Tenure::new(Some(Hands { steps: Box::new(Granting), length: LENGTH, _let_go: None }));
    bench.heart.lease_beat(clock::tick());
    bench.heart.lease_job_begins(START, Action::Start(GROUP));
    let ((), counts) = measure(|| bench.heart.lease_beat(clock::tick()));
    assert_eq!(counts, Counts::default());
    assert!(matches!(bench.heart.tenure.state, State::Living(_)));
    assert_ne!(measure(|| vec![0]).1, Counts::default(), "the allocator counts");
}

#[test]
fn who_has_not_sent_a_heartbeat_lately_stays_closed() {
    let kernel = Arc::new(Kernel::default());
    let mut bench = leased(&kernel, true);
    bench.heart.lease_job_begins(START, Action::Start(GROUP));
    assert_eq!((kernel.asked(), is_closed(&bench.heart)), (vec!["arm"], true));
}

#[test]
fn what_may_still_run_is_gated_on() {
    let kernel = Arc::new(Kernel::default());
    let mut bench = holding(&kernel);
    let residue = Outcome::Failed { reason: String::new(), residue: true };
    bench.heart.lease_job_ended(START, &residue);
    assert_eq!(kernel.asked(), [] as [&str; 0]);
}

#[test]
fn a_refusal_long_before_the_end_means_another_table() {
    let kernel = Arc::new(Kernel::default());
    let mut bench = holding(&kernel);
    kernel.refuse(&["renew"]);
    bench.heart.renew_lease();
    assert_eq!((kernel.asked(), is_closed(&bench.heart)), (vec!["renew", "arm", "acquire"], false));
}

#[test]
fn a_lease_that_ran_out_is_not_renewed_and_told() {
    let kernel = Arc::new(Kernel::default());
    let mut bench = holding(&kernel);
    kernel.refuse(&["renew"]);
    bench.heart.tenure.state = State::Living(Tick::from_nanos(clock::tick().as_nanos() - 1_000_000_000));
    bench.heart.lease_beat(clock::tick());
    assert_eq!((kernel.asked(), is_closed(&bench.heart)), (vec!["renew"], true));
    assert_eq!(bench.heart.tenure.counts().lost, 1);
    assert!(bench.texts().iter().any(|text| text.contains("ran out: last renewed 100")));
    bench.heart.lease_beat(clock::tick());
    assert_eq!(kernel.asked(), [] as [&str; 0], "only acquired anew, when the others were heard");
}

/// The other node's heartbeat with this number, and in how many milliseconds it will declare this one dead.
fn hears(seq: u64, left: u64) -> Input {
    let mut message = Message::new("status");
    for (name, value) in [("src", "cc2"), ("hg", "3"), ("ts", "1"), ("st", "active"), ("hb-v", "1")] {
        message.push_text(name, value);
    }
    message.push_hex("seq", seq);
    message.push_text("hb-hears", &format!("7,{left:x}"));
    Input::Message { link: LinkId(0), message }
}

#[test]
fn who_is_not_heard_renews_nothing_until_it_is_heard_again() {
    let kernel = Arc::new(Kernel::default());
    let mut bench = holding(&kernel);
    let deadtime = u64::try_from(KEEPALIVE.as_millis()).unwrap() * 10;
    for (seq, tenths, asked) in [(1, 9, &["renew"][..]), (2, 7, &[]), (3, 10, &["renew"])] {
        bench.heart.engine.handle(clock::now(), hears(seq, deadtime * tenths / 10));
        bench.heart.lease_beat(clock::tick());
        assert_eq!((kernel.asked(), is_closed(&bench.heart)), (asked.to_vec(), false), "{tenths}");
    }
    bench.heart.engine.handle(clock::now(), hears(4, 0));
    bench.heart.tenure.state = State::Living(Tick::from_nanos(clock::tick().as_nanos() - 1_000_000_000));
    bench.heart.lease_beat(clock::tick());
    assert_eq!((kernel.asked(), is_closed(&bench.heart)), (vec![], true), "it has run out");
}

#[test]
fn other_times_make_another_length_or_none() {
    let kernel = Arc::new(Kernel::default());
    let mut bench = holding(&kernel);
    for (deadtime, asked, has_no_room) in
        [(KEEPALIVE * 20, "length", false), (KEEPALIVE * 3, "release", true)]
    {
        bench.change(|change| change.engine.deadtime = deadtime);
        bench.turn();
        bench.heart.lease_beat(clock::tick());
        let steps = kernel.asked();
        assert!(steps.contains(&asked), "{deadtime:?}: {steps:?}");
        assert_eq!(bench.heart.tenure.counts().has_no_room, has_no_room);
    }
    bench.heart.lease_beat(clock::tick());
    assert_eq!(kernel.asked(), [] as [&str; 0], "nothing is gated without room");
}

#[test]
fn who_acquires_later_is_asked_again_soon_and_not_for_ever() {
    let kernel = Arc::new(Kernel::default());
    let mut bench = holding(&kernel);
    bench.heart.tenure.state = State::Lost(clock::tick());
    let soon = |heart: &Heart<TestPort>| heart.tenure.next_deadline().is_some();
    bench.heart.tenure.try_again(clock::tick());
    assert!(!soon(&bench.heart), "a table says at once what it says");
    kernel.acquires_later.store(true, Ordering::Relaxed);
    bench.heart.tenure.try_again(clock::tick());
    assert!(soon(&bench.heart));
    assert!(bench.heart.next_deadline().unwrap().since(clock::tick()) <= Duration::from_millis(5));
    let mut tries = 0;
    while soon(&bench.heart) {
        bench.heart.tenure.try_again(clock::tick());
        tries += 1;
        assert!(tries < 100);
    }
    bench.heart.lease_beat(clock::tick());
    bench.heart.tenure.try_again(clock::tick());
    assert!(soon(&bench.heart), "with each heartbeat anew");
    bench.heart.tenure.state = State::Living(clock::tick());
    assert!(!soon(&bench.heart));
}

/// The kernel's side of another lease, of the length for the times of [`config`], and the end that tells when it is let go.
fn another() -> (Arc<Kernel>, Hands, mpsc::Receiver<()>) {
    let (kernel, (sender, receiver)) = (Arc::new(Kernel::default()), mpsc::channel());
    let hands = Hands { steps: Box::new(Arc::clone(&kernel)), length: LENGTH, _let_go: Some(sender) };
    (kernel, hands, receiver)
}

/// Whether the heart still holds it, after the front has dropped what it was handed back.
fn is_held(bench: &mut Bench<impl Fn() -> Vec<(Level, String)>>, receiver: &mpsc::Receiver<()>) -> bool {
    bench.heart.answers.clear();
    receiver.try_recv() == Err(mpsc::TryRecvError::Empty)
}

#[test]
fn another_lease_is_acquired_before_the_old_one_is_let_go() {
    let (old, old_hands, of_old) = another();
    let mut bench = bench();
    bench.heart.tenure = Tenure::new(Some(old_hands));
    bench.heart.lease_beat(clock::tick());
    bench.heart.lease_job_begins(START, Action::Start(GROUP));
    old.asked();
    let (new, hands, of_new) = another();
    new.refuse(&["acquire"]);
    bench.heart.exchange_lease(LeaseChange::To(hands));
    assert_eq!((new.asked(), old.asked()), (vec![], vec![]), "not before a heartbeat");
    bench.heart.lease_beat(clock::tick());
    assert_eq!((new.asked(), old.asked()), (vec!["arm", "acquire", "release"], vec!["renew"]));
    assert!(bench.heart.tenure.counts().is_changing && is_held(&mut bench, &of_old));
    new.refuse(&[]);
    bench.heart.lease_beat(clock::tick());
    assert_eq!((new.asked(), old.asked()), (vec!["arm", "acquire", "renew"], vec!["release"]));
    assert!(!bench.heart.tenure.counts().is_changing && !is_held(&mut bench, &of_old));
    assert!(matches!(bench.heart.tenure.state, State::Living(_)) && is_held(&mut bench, &of_new));
    bench.heart.exchange_lease(LeaseChange::Ends);
    bench.heart.lease_beat(clock::tick());
    assert_eq!(new.asked(), ["release"]);
    assert!(bench.heart.tenure.state == State::Idle && !is_held(&mut bench, &of_new));
}

#[test]
fn a_lease_that_begins_knows_what_is_held() {
    let mut bench = bench();
    bench.heart.lease_beat(clock::tick());
    bench.heart.lease_job_begins(START, Action::Start(GROUP));
    bench.heart.lease_job_ended(START, &Outcome::Ok);
    assert_eq!(bench.heart.tenure.state, State::Idle, "there is none");
    let (kernel, hands, _of_it) = another();
    bench.heart.exchange_lease(LeaseChange::To(hands));
    bench.heart.lease_beat(clock::tick());
    assert_eq!(kernel.asked(), ["arm", "acquire", "renew"]);
    bench.heart.lease_job_begins(STOP, Action::Stop(GROUP));
    bench.heart.lease_job_ended(STOP, &Outcome::Ok);
    assert_eq!(kernel.asked(), ["release"]);
}

#[test]
fn a_lease_that_ran_out_is_regained_before_it_is_exchanged() {
    let kernel = Arc::new(Kernel::default());
    let mut bench = holding(&kernel);
    bench.heart.tenure.state = State::Lost(clock::tick());
    let (new, hands, _of_new) = another();
    bench.heart.exchange_lease(LeaseChange::To(hands));
    bench.heart.lease_beat(clock::tick());
    bench.heart.exchange_lease(LeaseChange::Ends);
    bench.heart.lease_beat(clock::tick());
    assert_eq!((new.asked(), kernel.asked()), (vec!["release"], vec![]), "replaced, and never asked");
    assert!(is_closed(&bench.heart), "not opened by a change of files");
}

#[test]
fn a_lease_of_another_length_begins_with_that_length() {
    let kernel = Arc::new(Kernel::default());
    let mut bench = holding(&kernel);
    let (new, mut hands, _of_new) = another();
    hands.length *= 2;
    bench.heart.exchange_lease(LeaseChange::To(hands));
    bench.heart.lease_beat(clock::tick());
    assert_eq!((new.asked(), kernel.asked()), (vec!["length"], vec!["renew"]));
    bench.heart.lease_beat(clock::tick());
    assert_eq!((new.asked(), kernel.asked()), (vec!["arm", "acquire", "renew"], vec!["release"]));
}
