//! A serial line: two pseudo-terminals, and between them a cable that has the speed of a line, can damage what passes, and
//! can be pulled out.

use std::env;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hb_lab::{ClusterFiles, Host, Node};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::scene::{DEADTIME, FRONT, KEEPALIVE, LIMIT, Pair, SLACK, Scene, program};

/// What both nodes call their end.
pub(crate) const DEVICE: &str = "/run/ttyHB";
pub(crate) const LINE: &str = "baud 19200\nserial /run/ttyHB\n";

/// The line between alpha and beta; gone when it is dropped.
pub(crate) struct Cable {
    noisy: Arc<AtomicBool>,
    cut: Arc<AtomicBool>,
    pulled: Arc<AtomicBool>,
    relay: Option<JoinHandle<()>>,
}

impl Cable {
    /// Plugs both ends in; a device that was there before is replaced.
    pub(crate) async fn plug(scene: &Scene) -> Self {
        let ends = [(scene.alpha().host(), DEVICE), (scene.beta().host(), DEVICE)];
        Self::between(ends, BYTES_PER_SECOND).await
    }

    /// Plugs in between these hosts, as these devices; so many bytes pass a second in each direction.
    pub(crate) async fn between(ends: [(&Host, &str); 2], speed: u128) -> Self {
        let mut masters = Vec::new();
        for (host, device) in ends {
            let (master, name) = terminal();
            plug_in(host, &name, device).await;
            masters.push(master);
        }
        let masters: [OwnedFd; 2] = masters.try_into().unwrap();
        let [noisy, cut, pulled] = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
        let flags = [&noisy, &cut, &pulled].map(Arc::clone);
        let relay = Some(thread::spawn(move || relay(&masters, speed, &flags)));
        Self { noisy, cut, pulled, relay }
    }

    /// Damages one byte of a hundred, in bursts as lines have them: one by one they would leave one message in twenty whole.
    pub(crate) fn make_noisy(&self, on: bool) {
        self.noisy.store(on, Ordering::Relaxed);
    }

    /// Nothing passes.
    pub(crate) fn cut(&self, on: bool) {
        self.cut.store(on, Ordering::Relaxed);
    }

    /// Cut, the line is told dead in time, and mended it is told up in time.
    pub(crate) async fn cut_is_told(&self, scene: &Scene) {
        self.cut(true);
        let time = scene.link_is(DEVICE, false).await;
        assert!(time < DEADTIME + SLACK, "told dead after {time:?}");
        self.cut(false);
        let time = scene.link_is(DEVICE, true).await;
        // A message that was cut through is lost, and the line takes its time for the next one.
        assert!(time < KEEPALIVE * 4 + SLACK, "told up after {time:?}");
    }

    /// The devices hang up and are gone.
    pub(crate) async fn pull(mut self, scene: &Scene) {
        for node in [scene.alpha(), scene.beta()] {
            // Before anybody else gets a terminal of the same number.
            let output = node.host().run(&["rm", DEVICE], Duration::from_secs(10)).await.unwrap();
            assert!(output.succeeded(), "{output:?}");
        }
        self.end();
    }

    fn end(&mut self) {
        self.pulled.store(true, Ordering::Relaxed);
        if let Some(relay) = self.relay.take() {
            relay.join().unwrap();
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.end();
    }
}

fn terminal() -> (OwnedFd, String) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    fcntl_setfl(&master, OFlags::NONBLOCK).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    (master, name)
}

async fn plug_in(host: &Host, name: &str, device: &str) {
    let output = host.run(&["ln", "-sfn", name, device], Duration::from_secs(10)).await.unwrap();
    assert!(output.succeeded(), "{output:?}");
}

/// Passes bytes on in both directions, at the speed of the line.
fn relay(masters: &[OwnedFd; 2], speed: u128, [noisy, cut, pulled]: &[Arc<AtomicBool>; 3]) {
    let mut sources = [Noise::new(1), Noise::new(2)];
    let mut before = Instant::now();
    // Millionths of bytes that may pass.
    let mut credit = 0;
    while !pulled.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(5));
        let now = Instant::now();
        credit += now.duration_since(before).as_micros() * speed;
        before = now;
        let mut room = [0; 256];
        let most = usize::try_from(credit / 1_000_000).unwrap().min(room.len());
        let mut passed = 0;
        for (from, to) in [(0, 1), (1, 0)] {
            // A device that nobody has opened yet is an error; there is nothing to pass on then.
            let Ok(length) = rustix::io::read(&masters[from], &mut room[..most]) else { continue };
            passed = passed.max(length);
            let bytes = &mut room[..length];
            if noisy.load(Ordering::Relaxed) {
                sources[from].damage(bytes);
            }
            if !cut.load(Ordering::Relaxed) {
                // What a full device does not take is lost, as on a line.
                let _ = rustix::io::write(&masters[to], bytes);
            }
        }
        credit -= u128::try_from(passed).unwrap() * 1_000_000;
        // What was not used is not saved for later.
        credit = credit.min(20_000_000);
    }
}

/// Bursts of 20 damaged bytes, on average after 1980 whole ones.
struct Noise {
    random: u64,
    whole: u64,
    damaged: u64,
}

impl Noise {
    fn new(seed: u64) -> Self {
        Self { random: seed, whole: 1000, damaged: 0 }
    }

    /// Good enough for noise (Knuth's constants).
    fn below(&mut self, limit: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % limit
    }

    fn damage(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.whole > 0 {
                self.whole -= 1;
            } else if self.damaged > 0 {
                self.damaged -= 1;
                // The line strips the highest bit, so others must change.
                *byte ^= u8::try_from(1 + self.below(127)).unwrap();
            } else {
                (self.whole, self.damaged) = (self.below(2 * 1980), self.below(2 * 20));
            }
        }
    }
}

const BYTES_PER_SECOND: u128 = 1920;

/// At the usual keepalive of a second, of which a line of this speed carries 1920 bytes.
async fn found_in_time(pair: Pair) {
    let scene = Scene::build_to_meet(pair, [LINE; 2]).await;
    let _cable = Cable::plug(&scene).await;
    for node in [scene.alpha(), scene.beta()] {
        let made = node.host().run(&["mkdir", "-p", "/run/lock"], LIMIT).await.unwrap();
        assert!(made.succeeded(), "{made:?}");
    }
    scene.start(&[DEVICE]).await.is_in_time(&scene);
    is_locked(scene.alpha()).await;
    scene.ends();
}

/// In ten columns the lock has the id of a process that lives. 3.0.6 was seen to leave none for such a device.
async fn is_locked(node: &Node) {
    let text = node.host().read("/run/lock/LCK..ttyHB").unwrap();
    let pid = text.strip_suffix('\n').filter(|line| line.len() == 10).map(str::trim_start);
    let process = format!("/proc/{}/stat", pid.unwrap_or_else(|| panic!("{text:?}")));
    let lives = node.host().run(&["test", "-e", &process], LIMIT).await.unwrap();
    assert!(lives.succeeded(), "{text:?} is no process");
}

#[tokio::test]
async fn found_in_time_both_ours() {
    found_in_time(Pair::Ours).await;
}

#[tokio::test]
async fn found_in_time_with_306() {
    found_in_time(Pair::With306).await;
}

async fn alone(pair: Pair) {
    let (keepalive, deadtime) = (Duration::from_millis(500), Duration::from_secs(8));
    let scene = Scene::build_with(pair, [LINE; 2], keepalive, deadtime).await;
    let cable = Cable::plug(&scene).await;
    scene.start(&[DEVICE]).await;
    cable.make_noisy(true);
    tokio::time::sleep(noisy_time()).await;
    let status = scene.status().await;
    cable.make_noisy(false);
    let medium = &status.media[0];
    let refused: u64 = medium.refused.values().sum();
    println!("{pair:?}: {} received, {refused} damaged: {:?}", medium.received, medium.refused);
    assert!(refused >= 3, "{medium:?}");
    scene
        .until("nothing is missing any more", async |scene| {
            scene.status().await.nodes.iter().all(|node| node.missing == 0) && {
                let log = scene.beta().log();
                let closed = log.rfind("No pkts missing from alpha!");
                pair == Pair::Ours || closed > log.rfind("lost packet(s) for [alpha]")
            }
        })
        .await;
    scene.ends();
}

#[tokio::test]
async fn noise_kills_nobody_both_ours() {
    alone(Pair::Ours).await;
}

#[tokio::test]
async fn noise_kills_nobody_with_306() {
    alone(Pair::With306).await;
}

/// A list of nodes takes the line longer than the dead time allows, so nobody becomes active; a reload with a longer one
/// counts for the open line.
#[tokio::test]
async fn a_reload_has_patience_for_longer_messages() {
    let with_deadtime = |deadtime| {
        let long = "with-a-name-so-long-that-the-list-of-all-of-them-takes-a-second-and-a-half";
        let mut files = ClusterFiles::two_node().with_timing(Duration::from_millis(500), deadtime);
        let absent: Vec<_> = (0..30).map(|absent| format!("absent{absent}-{long}")).collect();
        files.ha_cf = files.ha_cf.replace("bcast eth0\n", LINE) + &format!("node {}\n", absent.join(" "));
        files.haresources = String::new();
        files.with("initdead", &format!("{}ms", deadtime.as_millis()))
    };
    let short = with_deadtime(Duration::from_secs(3));
    let scene = Scene::build_of(Pair::Ours, &[short.clone(), short]).await;
    let _cable = Cable::plug(&scene).await;
    for node in [scene.alpha(), scene.beta()] {
        node.start().await.unwrap();
    }
    let told = |node: &Node| node.log().contains("messages not sent, they are too long");
    scene.until("a list was not sent", async |scene| told(scene.alpha()) || told(scene.beta())).await;

    for node in [scene.alpha(), scene.beta()] {
        with_deadtime(Duration::from_secs(9)).install(node.host()).unwrap();
        let (hb_ctl, run_dir) = (program("hb-ctl"), "/var/run/heartbeat");
        let argv = [hb_ctl.to_str().unwrap(), "reload", "--run-dir", run_dir];
        let output = node.host().run(&argv, LIMIT).await.unwrap();
        assert!(output.succeeded(), "{}", output.stderr);
    }
    scene.see_each_other(&[DEVICE]).await;
    scene.ends_but_for_the_absent();
}

/// A line beside a broadcast: cut and pulled out it is told dead, the broadcast carries on, and it comes back.
#[tokio::test]
async fn cut_and_pulled_out() {
    let lines = format!("bcast eth0\n{LINE}");
    let scene = Scene::build(Pair::Ours, [&lines, &lines]).await;
    let cable = Cable::plug(&scene).await;
    scene.start(&["eth0", DEVICE]).await;
    cable.cut_is_told(&scene).await;

    cable.pull(&scene).await;
    scene.link_is(DEVICE, false).await;
    let lost = |scene: &Scene| scene.alpha().log().matches("it is used again as soon as").count();
    let limit = std::time::Instant::now() + DEADTIME * 2;
    while lost(&scene) == 0 && std::time::Instant::now() < limit {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(lost(&scene), 1);
    let _cable = Cable::plug(&scene).await;
    scene.link_is(DEVICE, true).await;
    assert!(scene.alpha().log().contains("serial /run/ttyHB at 19200 baud: open again"));

    // The line beside it does not mind that the network goes.
    scene.alpha().host().cut(FRONT).await.unwrap();
    scene.link_is("eth0", false).await;
    scene.alpha().host().heal(FRONT).await.unwrap();
    scene.see_each_other(&["eth0", DEVICE]).await;
    scene.ends();
}

/// A minute, or `HB_NOISY_SECONDS`.
pub(crate) fn noisy_time() -> Duration {
    let seconds = env::var("HB_NOISY_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(60))
}
