//! A guard whose heart dies, with scripts and a farewell. Addresses need a network of their own: `hb-lab` has that.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::task::LocalSet;

use super::*;
use crate::guard::farewell::Route;
use crate::guard::protocol::{self, Order, line};
use crate::guard::{GuardError, Tell, serve};
use crate::spec::ResourceSpec;
use crate::test_scripts::Scripts;

/// Two scripts that write down what they are asked; the directory, the other node, and the will.
fn estate() -> (Scripts, UdpSocket, Will) {
    let scripts = Scripts::new();
    for name in ["first", "second"] {
        scripts.write(name, "echo \"$0 $1\" | sed 's|.*/||' >>DIR/log");
    }
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let mut config = ActuatorConfig::new(Vec::new());
    config.agent_dirs = vec![scripts.dir().to_owned()];
    config.environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
    config.working_dir = PathBuf::from("/");
    (config.stop_retries, config.stop_pause) = (Some(1), Duration::from_millis(1));
    let script = |name: &str| ResourceSpec::Script { name: name.to_owned(), arguments: Vec::new() };
    let group = GroupSpec { key: "www".to_owned(), resources: vec![script("first"), script("second")] };
    let route = Route::Datagram { interface: None, destination: other.local_addr().unwrap() };
    let farewell = Farewell { packet: b"farewell".to_vec(), text: Vec::new(), routes: vec![route] };
    let will = Will {
        config: Some(config),
        held: BTreeMap::from([(3, Holding { spec: group, epoch: Some(7) })]),
        left_behind: BTreeSet::new(),
        farewell,
        clients: false,
    };
    (scripts, other, will)
}

/// The heart leaves this will, and dies; what the guard said until it ended.
fn heart_dies_with(will: Will, more: Vec<Bequest>) -> Vec<String> {
    let (told, lines) = std::sync::mpsc::channel();
    let tell = move |_: &str, _, text: &str| told.send(text.to_owned()).unwrap();
    let more: Vec<_> = more.into_iter().map(|bequest| line(&Order::Will(bequest)).unwrap()).collect();
    guard_hears(will, &more.concat(), HeartAfterwards::Dies, Box::new(tell)).unwrap();
    lines.iter().collect()
}

/// What becomes of the heart after its last word.
#[derive(Clone, Copy, PartialEq)]
enum HeartAfterwards {
    Dies,
    Lives,
}

/// The heart leaves this will and says these bytes; how the guard ended.
fn guard_hears(will: Will, bytes: &[u8], heart: HeartAfterwards, tell: Tell) -> Result<(), GuardError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let guard = tokio::task::spawn_local(serve(theirs, None, tell));
        let (readable, writable) = ours.into_split();
        protocol::write(&writable, &line(&Order::Will(Bequest::All(Box::new(will)))).unwrap()).await.unwrap();
        protocol::write(&writable, bytes).await.unwrap();
        let socket = (readable, writable);
        let _open = (heart == HeartAfterwards::Lives).then_some(socket);
        tokio::time::timeout(Duration::from_secs(20), guard).await.expect("the guard ends").unwrap()
    })
}

fn farewell_to(other: &UdpSocket) -> Option<Vec<u8>> {
    let mut packet = [0; 64];
    other.recv(&mut packet).ok().map(|length| packet[..length].to_vec())
}

#[test]
fn what_is_held_is_stopped_in_order_and_then_the_others_are_told() {
    let (scripts, other, will) = estate();
    let lines = heart_dies_with(will, Vec::new());
    assert_eq!(scripts.read("log"), "second stop\nfirst stop\n");
    assert_eq!(farewell_to(&other).as_deref(), Some(&b"farewell"[..]), "{lines:?}");
    assert_eq!(lines[0], "The heart has died: what it held is released now");
}

#[test]
fn after_a_failed_stop_nobody_is_told_that_all_is_released() {
    let (scripts, other, will) = estate();
    scripts.write("second", "[ $1 = status ] && echo running; exit 1");
    let lines = heart_dies_with(will, Vec::new());
    assert_eq!(scripts.read("log"), "first stop\n");
    assert_eq!(farewell_to(&other), None, "{lines:?}");
}

#[test]
fn nothing_is_done_after_an_orderly_end_and_nothing_twice() {
    let (scripts, other, will) = estate();
    assert!(heart_dies_with(will.clone(), vec![Bequest::Nothing]).is_empty());
    assert_eq!((scripts.read("log"), farewell_to(&other)), (String::new(), None));
    heart_dies_with(will, vec![Bequest::Released(3, "www".to_owned())]);
    assert_eq!(scripts.read("log"), "", "it was released before");
    assert_eq!(farewell_to(&other).as_deref(), Some(&b"farewell"[..]), "all the same nothing is left");
}

#[test]
fn a_guard_that_does_not_understand_a_living_heart_takes_nothing_from_it() {
    let (scripts, other, will) = estate();
    let end = guard_hears(will, b"{\"Dance\":1}\n", HeartAfterwards::Lives, Box::new(|_, _, _| {}));
    assert!(end.is_err());
    assert_eq!((scripts.read("log"), farewell_to(&other)), (String::new(), None));
}

#[test]
fn a_heart_that_dies_in_the_middle_of_a_word_has_died() {
    let (scripts, other, will) = estate();
    let end = guard_hears(will, b"{\"Will\":{\"Released\":", HeartAfterwards::Dies, Box::new(|_, _, _| {}));
    end.unwrap();
    assert_eq!(scripts.read("log"), "second stop\nfirst stop\n");
    assert!(farewell_to(&other).is_some());
}

#[test]
fn what_an_earlier_life_left_forbids_the_farewell_until_it_is_stopped() {
    let released = |number, key: &str| Bequest::Released(number, key.to_owned());
    let left = Bequest::LeftBehind(["db".to_owned(), "www".to_owned()].into());
    for (more, may_run) in [
        (vec![left.clone()], &["db"][..]),
        (vec![left.clone(), released(3, "www")], &["db"]),
        (vec![left.clone(), Bequest::Nothing], &["db", "www"]),
        (vec![left, released(4, "db")], &[]),
    ] {
        let (scripts, other, mut will) = estate();
        let lock = scripts.path("lock");
        will.config.as_mut().unwrap().guard_lock = Some(lock.clone());
        let says_nothing = matches!(more.last(), Some(Bequest::Nothing));
        let lines = heart_dies_with(will, more);
        let farewell = farewell_to(&other).is_some();
        assert_eq!(farewell, may_run.is_empty() && !says_nothing, "{lines:?}");
        assert!(crate::guard::left_behind(&lock).iter().eq(may_run), "{lines:?}");
    }
}

#[test]
fn the_first_order_is_recorded() {
    let (scripts, _other, mut will) = estate();
    let lock = scripts.path("lock");
    will.config.as_mut().unwrap().guard_lock = Some(lock.clone());
    scripts.write("second", "[ $1 = status ] && echo running; exit 1");
    heart_dies_with(will.clone(), Vec::new());
    assert_eq!(
        crate::guard::left_behind(&lock),
        BTreeSet::from(["www".to_owned()]),
        "it could not be stopped"
    );
    std::fs::remove_file(&lock).unwrap();
    let end = guard_hears(will, b"{\"Dance\":1}\n", HeartAfterwards::Lives, Box::new(|_, _, _| {}));
    assert!(end.is_err());
    assert_eq!(crate::guard::left_behind(&lock), BTreeSet::from(["www".to_owned()]));
}

#[test]
fn the_newest_farewell_counts() {
    let (_scripts, other, will) = estate();
    let mut newer = will.farewell.clone();
    newer.packet = b"newer".to_vec();
    heart_dies_with(will, vec![Bequest::Farewell(newer)]);
    assert_eq!(farewell_to(&other).as_deref(), Some(&b"newer"[..]));
}

#[test]
fn a_serial_line_is_told_too_and_one_that_cannot_be_is_named() {
    use hb_transport::MediumSpec;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let (_scripts, other, mut will) = estate();
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let device = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let line = |path: &str| Route::Line(MediumSpec::Serial { path: path.into(), baud: 19200 });
    will.farewell.text = b">>>\nt=shutdone\n<<<\n".to_vec();
    will.farewell.routes.splice(0..0, ["/nowhere", &device].map(line));
    let lines = heart_dies_with(will, Vec::new());
    assert!(farewell_to(&other).is_some(), "{lines:?}");
    let mut heard = [0; 64];
    let length = rustix::io::read(&master, &mut heard).unwrap();
    assert_eq!(heard[..length], b"\n<<<\n>>>\nt=shutdone\n<<<\n"[..], "{lines:?}");
    let refused: Vec<_> = lines.iter().filter(|line| line.contains("No farewell")).collect();
    assert!(matches!(refused[..], [one] if one.contains("serial /nowhere at 19200 baud: ")), "{lines:?}");
}

#[test]
fn a_heart_that_dies_before_its_first_farewell_may_have_staged_addresses() {
    let mut will = Will::default();
    let mut config = ActuatorConfig::new(Vec::new());
    will.add(Bequest::Config(Box::new(config.clone())));
    assert!(will.is_empty());
    config.staged = ["10.0.0.1".parse().unwrap()].into();
    will.add(Bequest::Config(Box::new(config)));
    // As the guard hears it.
    let Order::Will(Bequest::All(heard)) =
        serde_json::from_slice(&line(&Order::Will(Bequest::All(Box::new(will)))).unwrap()).unwrap()
    else {
        panic!("another order");
    };
    let mut will = *heard;
    assert!(!will.is_empty());
    will.add(Bequest::Nothing);
    assert!(will.is_empty());
}
