//! When the heart kicks and stops the watchdog, with a device that records it.

use std::sync::Mutex;

use super::*;
use crate::heart::watchdog::{Opened, Timer, WatchdogChange, WatchdogState};

/// What was done to the device, and what it refuses.
#[derive(Default)]
struct Device {
    done: Mutex<Vec<&'static str>>,
    refuses: Mutex<bool>,
    /// The longest time-out that the driver can have.
    longest: Mutex<Option<Duration>>,
}

impl Device {
    fn take(&self, what: &'static str) -> io::Result<()> {
        self.done.lock().unwrap().push(what);
        if *self.refuses.lock().unwrap() { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    }

    fn done(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.done.lock().unwrap())
    }
}

struct FakeTimer(Arc<Device>, Duration);

impl Timer for FakeTimer {
    fn name(&self) -> String {
        "/dev/fake (a driver)".to_owned()
    }

    fn timeout(&self) -> Option<Duration> {
        Some(self.1)
    }

    fn remarks(&self) -> Vec<String> {
        vec!["it is odd".to_owned()]
    }

    fn ask(&mut self, deadtime: Duration) -> Vec<String> {
        let longest = self.0.longest.lock().unwrap().unwrap_or(Duration::MAX);
        self.1 = deadtime.min(longest);
        Vec::new()
    }

    fn kick(&self) -> io::Result<()> {
        self.0.take("kick")
    }

    fn disarm(self: Box<Self>) -> io::Result<()> {
        self.0.take("disarm")
    }
}

/// Whatever is not disarmed leaves a trace as well.
impl Drop for FakeTimer {
    fn drop(&mut self) {
        self.0.done.lock().unwrap().push("close");
    }
}

/// A heart that has opened the device.
fn watched(device: &Arc<Device>) -> Bench<impl Fn() -> Vec<(Level, String)>> {
    let mut bench = bench();
    let timer = FakeTimer(Arc::clone(device), Duration::from_secs(11));
    bench.heart.keeping = Keeping::new(Some(Box::new(|| Ok(Box::new(timer)))));
    bench.heart.open_watchdog();
    bench.heart.keeping.kicked = None;
    bench
}

#[test]
fn each_beat_kicks_and_nothing_else_does() {
    let device = Arc::new(Device::default());
    let mut bench = watched(&device);
    bench.heart.kick_watchdog();
    assert_eq!(device.done(), [] as [&str; 0], "opened is not beaten");
    // The first outputs of an engine hold a heartbeat.
    bench.heart.perform_outputs(clock::now());
    assert_eq!(device.done(), [] as [&str; 0], "the turn is not over");
    bench.heart.kick_watchdog();
    assert_eq!(device.done(), ["kick"]);
    bench.heart.keeping.kicked = None;
    bench.heart.kick_watchdog();
    assert_eq!(device.done(), [] as [&str; 0], "a turn without a beat");
    bench.heart.keeping.beat();
    bench.heart.kick_watchdog();
    bench.heart.keeping.beat();
    bench.heart.kick_watchdog();
    assert_eq!(device.done(), ["kick"], "at most ten times a second");
}

#[test]
fn a_device_that_takes_nothing_is_tried_again_at_each_beat() {
    let device = Arc::new(Device::default());
    let mut bench = watched(&device);
    *device.refuses.lock().unwrap() = true;
    for _ in 0..3 {
        bench.heart.keeping.beat();
        bench.heart.kick_watchdog();
    }
    assert_eq!(device.done(), ["kick", "kick", "kick"], "closed it would run on");
    assert!(matches!(bench.heart.keeping.state(), WatchdogState::Failing { .. }));
    let told = bench.texts().iter().filter(|text| text.contains("cannot be kicked")).count();
    assert_eq!(told, 1);
    *device.refuses.lock().unwrap() = false;
    bench.heart.keeping.beat();
    bench.heart.kick_watchdog();
    assert_eq!(device.done(), ["kick"]);
    assert!(matches!(bench.heart.keeping.state(), WatchdogState::Armed { .. }));
}

/// Without it the old time-out would reset a healthy machine between two beats.
#[test]
fn a_reload_with_longer_times_renews_the_time_out() {
    let device = Arc::new(Device::default());
    let mut bench = watched(&device);
    bench.heart.perform_outputs(clock::now());
    bench.heart.kick_watchdog();
    device.done();
    bench.change(|change| {
        change.engine.keepalive = Duration::from_secs(20);
        change.engine.deadtime = Duration::from_secs(60);
    });
    bench.turn();
    assert_eq!(bench.heart.engine.keepalive(), Duration::from_secs(20));
    assert_eq!(device.done(), ["kick"], "at once, so that the new time-out counts");
    let timeout = Some(Duration::from_secs(60));
    assert!(
        matches!(bench.heart.keeping.state(), WatchdogState::Armed { timeout: now, .. } if now == timeout)
    );
}

#[test]
fn beats_stay_as_close_as_a_driver_needs_that_cannot_have_the_time_out() {
    let device = Arc::new(Device::default());
    *device.longest.lock().unwrap() = Some(Duration::from_secs(16));
    let mut bench = watched(&device);
    bench.change(|change| {
        change.engine.keepalive = Duration::from_secs(20);
        change.engine.deadtime = Duration::from_secs(60);
    });
    bench.turn();
    assert_eq!(bench.heart.engine.keepalive(), Duration::from_secs(8));
    assert!(bench.texts().iter().any(|text| text.contains("the heart beats every 8000 ms")));
}

fn opened(device: &Arc<Device>) -> WatchdogChange {
    let timer = FakeTimer(Arc::clone(device), Duration::from_secs(11));
    WatchdogChange::Another(Opened::new(Box::new(timer)))
}

#[test]
fn a_reload_can_open_a_device_and_close_it() {
    let device = Arc::new(Device::default());
    let mut bench = bench();
    bench.heart.keeping = Keeping::new(None);
    bench.change(|change| change.watchdog = opened(&device));
    bench.turn();
    bench.heart.keeping.beat();
    bench.heart.kick_watchdog();
    assert!(device.done().contains(&"kick"), "the heart's own from now on");
    assert!(matches!(bench.heart.keeping.state(), WatchdogState::Armed { .. }));
    bench.change(|_| {});
    bench.turn();
    assert!(!device.done().contains(&"disarm"), "the same file changes nothing");
    bench.change(|change| change.watchdog = WatchdogChange::Gone);
    bench.turn();
    assert!(device.done().ends_with(&["disarm", "close"]), "dropped alone it would run on");
    assert_eq!(bench.heart.keeping.state(), WatchdogState::NotWanted);
    let line = "Watchdog /dev/fake (a driver) is disarmed: ha.cf names none any more.".to_owned();
    assert!(bench.texts().contains(&line));
    bench.heart.keeping.beat();
    bench.heart.kick_watchdog();
    assert_eq!(device.done(), [] as [&str; 0]);
}

/// The machine is never without one in between.
#[test]
fn another_device_is_armed_before_the_old_one_is_stopped() {
    let (old, new) = (Arc::new(Device::default()), Arc::new(Device::default()));
    let mut bench = watched(&old);
    old.done();
    bench.change(|change| change.watchdog = opened(&new));
    bench.turn();
    assert!(old.done().ends_with(&["disarm", "close"]));
    assert!(!new.done().contains(&"disarm"));
    let texts = bench.texts();
    let last = |start: &str| texts.iter().rposition(|text| text.contains(start)).unwrap();
    assert!(last("is armed") < last("is disarmed: ha.cf names another one."), "{texts:#?}");
}

#[test]
fn a_timer_that_the_heart_does_not_get_is_stopped() {
    let device = Arc::new(Device::default());
    drop(opened(&device));
    assert_eq!(device.done(), ["disarm", "close"]);
    let mut bench = bench();
    bench.change(|change| {
        change.watchdog = opened(&device);
        // Does not fit: a medium without its socket.
        change.engine.links.iter_mut().for_each(|link| link.before = None);
    });
    bench.turn();
    assert_eq!(device.done(), ["disarm", "close"]);
}

#[test]
fn a_device_that_cannot_be_opened_is_told_and_the_node_lives_on() {
    let mut bench = bench();
    bench.heart.keeping = Keeping::new(Some(Box::new(|| Err("/dev/fake is in use".to_owned()))));
    bench.heart.open_watchdog();
    assert!(bench.texts().contains(&"Cannot open watchdog device: /dev/fake is in use".to_owned()));
    bench.turn();
    bench.heart.retire_watchdog();
    let report = bench.heart.report(clock::now());
    assert_eq!(report.watchdog, WatchdogState::Off("/dev/fake is in use".to_owned()));
}

#[test]
fn it_is_disarmed_after_the_release_and_not_before() {
    let device = Arc::new(Device::default());
    let bench = watched(&device);
    let Bench { heart, network, inbox, outbox: _outbox, job_ends, jobs, left: _left, lines } = bench;
    let beating = std::thread::spawn(move || heart.run());
    std::thread::spawn(move || while network.recv(&mut [0; 2048]).is_ok() {});
    let limit = Duration::from_secs(20);
    let (job, _start) = jobs.recv_timeout(limit).unwrap();
    job_ends.post(JobEnd { job, outcome: Outcome::Ok }).unwrap();
    inbox.post(ToHeart::Command(Command::Stop)).unwrap();
    let stop = loop {
        match jobs.recv_timeout(limit).unwrap() {
            (job, Action::Stop(_)) => break job,
            (job, _) => job_ends.post(JobEnd { job, outcome: Outcome::Ok }).unwrap(),
        }
    };
    device.done();
    // The stop hangs: the node beats on and is watched.
    let kicks = || device.done.lock().unwrap().iter().filter(|what| **what == "kick").count();
    let end = clock::tick().plus(limit);
    while kicks() < 2 && clock::tick() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    let done = device.done();
    assert!(done.len() >= 2 && done.iter().all(|what| *what == "kick"), "{done:?}");
    job_ends.post(JobEnd { job: stop, outcome: Outcome::Ok }).unwrap();
    beating.join().unwrap().unwrap();
    let done = device.done();
    assert!(done.ends_with(&["disarm", "close"]), "{done:?}");
    let texts: Vec<String> = lines().into_iter().map(|(_, text)| text).collect();
    let position = |start: &str| texts.iter().position(|text| text.starts_with(start));
    let released = position("Resource group www down").unwrap();
    let disarmed = position("Watchdog /dev/fake (a driver) is disarmed").unwrap();
    assert!(released < disarmed, "{texts:#?}");
}

#[test]
fn what_is_not_released_keeps_it_armed() {
    let device = Arc::new(Device::default());
    let mut bench = watched(&device);
    let end = clock::tick().plus(Duration::from_secs(20));
    while bench.jobs.try_recv().is_err() && clock::tick() < end {
        bench.heart.waiter.wait(bench.heart.next_deadline()).unwrap();
        bench.heart.turn();
    }
    device.done();
    bench.heart.retire_watchdog();
    assert_eq!(device.done(), ["close"]);
    let line =
        "Watchdog /dev/fake (a driver) stays armed, for www is not released: the machine resets in 11 s";
    assert!(bench.texts().contains(&line.to_owned()));
}
