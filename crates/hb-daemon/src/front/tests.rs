//! The front with a heart that answers as a test wants: control socket, reload, stop.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hb_client::{Client, ClientError, RefusalCause, ResourceSet};
use hb_engine::{Command, FencingSnapshot, HoldSet, NodeId, NodeSnapshot, Snapshot};
use hb_sys::sched::Crew;

use super::reload::Exchange;
use super::*;
use crate::configuration;
use crate::heart::{FromHeart, HeartStatus, LeaseCounts, ToHeart, WatchdogState};
use crate::in_force::InForce;
use crate::leasing::Leasing;
use crate::log::{self, Level};
use crate::mailbox::Mailbox;
use crate::mapping;
use crate::options::Options;
use crate::realtime::Scheduling;

mod scripts;

const HA_CF: &str = "logfile /dev/null\nlogfacility none\nuse_logd on\nkeepalive 1\ndeadtime 10\ninitdead 20\nbcast lo\nnode cc1 cc2\nauto_failback on\n";
const AUTHKEYS: &str = "auth 1\n1 sha1 secret\n";

fn directory(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("hb-front-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    write(&dir, "ha.cf", HA_CF);
    write(&dir, "authkeys", AUTHKEYS);
    write(&dir, "haresources", "cc1 10.0.0.1\n");
    dir
}

fn write(dir: &Path, file: &str, content: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(dir.join(file), content).unwrap();
    std::fs::set_permissions(dir.join(file), std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// What a heart was asked for, whose peer is dead and waits for its reset.
fn answer(asked: &ToHeart) -> Option<FromHeart> {
    match asked {
        ToHeart::Status { ticket } => {
            let snapshot = Snapshot {
                fencing: Some(FencingSnapshot { node: NodeId(1), failures: 1 }),
                pings: Vec::new(),
                local: NodeId(0),
                generation: 7,
                seq: 1,
                hold: HoldSet::LOCAL,
                stable: true,
                stopping: false,
                nodes: vec![NodeSnapshot {
                    node: NodeId(1),
                    name: "cc2".to_owned(),
                    status: "dead".to_owned(),
                    silence: None,
                    deadtime: Duration::from_secs(10),
                    hold: None,
                    speaks_hb: true,
                    is_deaf: false,
                    epoch: None,
                    files: None,
                    missing: 0,
                    links: Vec::new(),
                }],
                groups: Vec::new(),
            };
            let report = Box::new(HeartStatus {
                asked: Vec::new(),
                snapshot,
                media: Vec::new(),
                suppressed: 0,
                lease: LeaseCounts::default(),
                watchdog: WatchdogState::NotWanted,
            });
            Some(FromHeart::Status { ticket: *ticket, report })
        }
        ToHeart::Command(Command::Stop) => Some(FromHeart::Ended(Ok(()))),
        ToHeart::Command(_)
        | ToHeart::Change(_)
        | ToHeart::LeaseTable
        | ToHeart::Members(_)
        | ToHeart::Say(_) => None,
    }
}

/// Runs the front on `dir` while `ask` talks to it, then stops it. Returns what the heart was asked for, and the log.
fn with_front(dir: &Path, ask: impl FnOnce(&Path) + Send) -> (Vec<String>, Vec<(Level, String)>) {
    with_actuator(dir, Box::new(|_| Ok(())), ask)
}

/// The same with an actuator that is given another configuration.
fn with_actuator(
    dir: &Path,
    actuator: Exchange,
    ask: impl FnOnce(&Path) + Send,
) -> (Vec<String>, Vec<(Level, String)>) {
    let options = Options {
        config_dir: dir.to_owned(),
        run_dir: dir.to_owned(),
        node_name: Some("cc1".to_owned()),
        ..Options::default()
    };
    let loaded = configuration::load(&options);
    let checked = loaded.config.unwrap();
    let media = mapping::media(&checked);
    let in_force = InForce::at_start(checked, media);
    let (log, lines) = log::for_tests();
    let inbox = Arc::new(Mailbox::new(8).unwrap());
    let outbox = Arc::new(Mailbox::new(8).unwrap());
    let job_ends = Arc::new(Mailbox::new(1).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asked = std::thread::scope(|scope| {
        let (heart_inbox, heart_outbox) = (Arc::clone(&inbox), Arc::clone(&outbox));
        let heart = scope.spawn(move || heart(&heart_inbox, &heart_outbox));
        let inside = runtime.enter();
        let control = ControlSocket::open(dir).unwrap();
        let fifo = ScriptFifo::open(dir, "cc1").unwrap();
        let office = Rc::new(Office {
            desk: Desk::new(inbox, outbox, std::sync::mpsc::channel().0, Box::new(|_| ()), Box::new(|_| ()))
                .unwrap(),
            background: RefCell::new(Background::new(Scheduling::default(), &in_force, Leasing::default())),
            scripts: RefCell::default(),
            reloader: Reloader::new(
                options,
                in_force,
                actuator,
                job_ends,
                (hb_transport::Keeper::start(Arc::new(|_| ()), Crew::default()).unwrap(), Crew::default()),
            ),
            log,
            notify: Notify::default(),
            failfast: Arc::default(),
        });
        drop(inside);
        scope.spawn(move || {
            // A failed check must not leave the front running, and the test waiting for its end.
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ask(dir)));
            Client::connect(dir, LIMIT).unwrap().stop(LIMIT).unwrap();
            if let Err(panic) = result {
                std::panic::resume_unwind(panic);
            }
        });
        let tasks = LocalSet::new();
        let (listener, waiting) = control.serve(Rc::clone(&office));
        tasks.spawn_local(listener);
        tasks.spawn_local(fifo.serve(Rc::clone(&office)));
        tasks.block_on(&runtime, office.desk.serve()).unwrap();
        drop(tasks);
        drop(waiting.take());
        heart.join().unwrap()
    });
    assert!(!dir.join("control").exists(), "the socket goes with the front");
    std::fs::remove_dir_all(dir).unwrap();
    (asked, lines())
}

fn heart(inbox: &Mailbox<ToHeart>, outbox: &Mailbox<FromHeart>) -> Vec<String> {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut asked = Vec::new();
    loop {
        poll(&mut [PollFd::new(inbox, PollFlags::IN)], None).unwrap();
        for message in inbox.take() {
            match &message {
                ToHeart::Status { .. } | ToHeart::LeaseTable => {}
                ToHeart::Change(change) => asked.push(format!("Change({:?})", change.keys)),
                other @ (ToHeart::Command(_) | ToHeart::Members(_)) => asked.push(format!("{other:?}")),
                ToHeart::Say(message) => asked.push(format!("Say {:?}", message.kind())),
            }
            if let Some(answer) = answer(&message) {
                let last = matches!(answer, FromHeart::Ended(_));
                outbox.post(answer).unwrap();
                if last {
                    return asked;
                }
            }
        }
    }
}

fn texts(lines: &[(Level, String)]) -> Vec<&str> {
    lines.iter().map(|(_, text)| text.as_str()).collect()
}

#[test]
fn requests_reach_the_heart_and_answers_come_back() {
    let dir = directory("requests");
    let (asked, _) = with_front(&dir, |dir| {
        let mut client = Client::connect(dir, LIMIT).unwrap();
        let status = client.status().unwrap();
        assert_eq!((status.generation, status.hold), (7, ResourceSet::Local));
        assert_eq!(status.pid, std::process::id());
        client.standby(ResourceSet::Foreign).unwrap();
        client.takeover(ResourceSet::All).unwrap();
    });
    assert_eq!(asked, ["Command(Standby(HoldSet(2)))", "Command(Takeover(HoldSet(3)))", "Command(Stop)"]);
}

#[test]
fn what_is_no_request_is_refused_and_the_connection_lives() {
    let dir = directory("nonsense");
    with_front(&dir, |dir| {
        let mut stream = UnixStream::connect(dir.join("control")).unwrap();
        stream.write_all(b"nonsense\n{\"request\":\"dance\"}\n{\"request\":\"status\"}\n").unwrap();
        let mut text = String::new();
        let mut chunk = [0; 4096];
        while text.lines().count() < 3 || !text.ends_with('\n') {
            let count = stream.read(&mut chunk).unwrap();
            assert!(count > 0, "{text}");
            text.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
        }
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].contains(r#""cause":"unknown-request""#), "{text}");
        assert!(lines[1].contains(r#""cause":"unknown-request""#), "{text}");
        assert!(lines[2].starts_with(r#"{"response":"status""#), "{text}");
    });
}

#[test]
fn an_endless_request_ends_the_connection() {
    let dir = directory("endless");
    with_front(&dir, |dir| {
        let mut stream = UnixStream::connect(dir.join("control")).unwrap();
        let block = [b'x'; 1024];
        while stream.write_all(&block).is_ok() {}
    });
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let dir = directory("many");
    with_front(&dir, |dir| {
        let mut clients: Vec<_> = (0..8).map(|_| Client::connect(dir, LIMIT).unwrap()).collect();
        for client in &mut clients {
            client.status().unwrap();
        }
        let error = Client::connect(dir, LIMIT).unwrap().status().unwrap_err();
        assert!(matches!(error, ClientError::Refused { cause: RefusalCause::Busy, .. }), "{error}");
        // The front sees the end of a connection a moment after it was closed here.
        drop(clients);
        let end = std::time::Instant::now() + LIMIT;
        while Client::connect(dir, LIMIT).unwrap().status().is_err() {
            assert!(std::time::Instant::now() < end);
        }
    });
}

#[test]
fn a_reload_tells_and_hands_over_what_changed() {
    let dir = directory("reload");
    let (asked, lines) = with_front(&dir, |dir| {
        let mut client = Client::connect(dir, LIMIT).unwrap();
        assert_eq!(client.reload().unwrap(), "Configuration unchanged.");
        write(dir, "authkeys", "auth 2\n2 md5 other\n");
        assert_eq!(client.reload().unwrap(), "Rereading authentication file.");
        write(dir, "ha.cf", &HA_CF.replace("keepalive 1", "keepalive 2"));
        assert_eq!(client.reload().unwrap(), "keepalive is 2s from now on, was 1s");
        assert_eq!(client.reload().unwrap(), "Configuration unchanged.");
        write(
            dir,
            "ha.cf",
            &HA_CF
                .replace("node cc1", "uuidfrom nodename\nnode cc1")
                .replace("bcast lo", "udpport 7001\nbcast lo"),
        );
        // The heart of this test hears nobody, so no medium has to stay.
        let told =
            "uuidfrom needs a restart; until then file stays in force\nkeepalive is 1s from now on, was 2s\n";
        let told = format!("{told}medium bcast lo port 694 closed\nmedium bcast lo port 7001 opened");
        assert_eq!(client.reload().unwrap(), told);
        let told = "uuidfrom needs a restart; until then file stays in force";
        assert_eq!(client.reload().unwrap(), told);
        assert_eq!(client.status().unwrap().not_in_force.last().unwrap(), told);
        write(dir, "ha.cf", HA_CF);
        client.reload().unwrap();
        assert_ne!(client.status().unwrap().not_in_force.last().unwrap(), told);
    });
    let keys = "Change(KeyRing { active: 2, lines: [(2, Md5)] })";
    assert_eq!(asked, [keys, keys, keys, keys, keys, "Command(Stop)"]);
    assert!(texts(&lines).contains(&"Rereading authentication file."));
}

#[test]
fn who_says_that_a_node_is_off_is_told_what_is_known() {
    let dir = directory("confirm");
    let (asked, _) = with_front(&dir, |dir| {
        let mut client = Client::connect(dir, LIMIT).unwrap();
        let told = "told that cc2 is switched off, which counts if it still waits for its reset; what comes of it is in the \
                    log and in the status";
        assert_eq!(client.fenced("cc2".to_owned()).unwrap(), told);
        let error = client.fenced("cc1".to_owned()).unwrap_err();
        assert!(matches!(error, ClientError::Refused { cause: RefusalCause::Unknown, .. }), "{error}");
    });
    assert_eq!(asked, ["Command(ConfirmFenced(NodeId(1)))", "Command(Stop)"]);
}

/// What resets nodes, as the actuator is told it.
type Resets = Arc<std::sync::Mutex<Vec<Option<String>>>>;

#[test]
fn another_password_of_the_fencing_device_is_in_force_after_a_reload() {
    const PARAMETERS: &str = "parameters of the fencing device changed: in force from the next reset on";
    let dir = directory("password");
    let device = |password: &str| format!("{HA_CF}stonith_host cc1 apcmaster 10.0.0.9 admin {password}\n");
    write(&dir, "ha.cf", &device("first"));
    let (resets, seen) = {
        let resets = Resets::default();
        (Arc::clone(&resets), resets)
    };
    let actuator: Exchange = Box::new(move |change| {
        resets.lock().unwrap().push(change.config.fence.map(|spec| spec.input));
        Ok(())
    });
    let (asked, lines) = with_actuator(&dir, actuator, |dir| {
        let mut client = Client::connect(dir, LIMIT).unwrap();
        assert_eq!(client.reload().unwrap(), "Configuration unchanged.");
        write(dir, "ha.cf", &device("second"));
        assert_eq!(client.reload().unwrap(), PARAMETERS);
        assert_eq!(client.reload().unwrap(), "Configuration unchanged.");
        write(dir, "hb.toml", "[fencing]\nagent = \"sh\"\noptions = [\"password=third\"]\n");
        assert!(client.reload().unwrap().starts_with("fencing is sh after "));
        write(dir, "hb.toml", "[fencing]\nagent = \"sh\"\noptions = [\"password=fourth\"]\n");
        assert_eq!(client.reload().unwrap(), PARAMETERS);
        // Refused, and the old one stays.
        write(dir, "hb.toml", "[fencing]\nagent = \"sh\"\noptions = \"password=fifth\"\n");
        let refused = client.reload().unwrap_err().to_string();
        assert!(!refused.contains("fifth"), "{refused}");
        std::fs::remove_file(dir.join("hb.toml")).unwrap();
        write(dir, "ha.cf", HA_CF);
        let told = client.reload().unwrap();
        assert!(told.contains("fencing is none from now on") && told.contains("cc2 still waits"), "{told}");
    });
    let device = |input: &str| Some(input.to_owned());
    let expected = [
        device("10.0.0.9 admin second\n"),
        device("action=reboot\npassword=third\n"),
        device("action=reboot\npassword=fourth\n"),
        None,
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(asked.len(), expected.len() + 1, "{asked:?}");
    let log = texts(&lines).join("\n");
    for password in ["first", "second", "third", "fourth", "fifth"] {
        assert!(!log.contains(password), "{log}");
    }
}

#[test]
fn a_medium_that_cannot_be_opened_refuses_the_whole_reload() {
    let dir = directory("medium");
    let (asked, lines) = with_front(&dir, |dir| {
        // Taken by somebody who shares it with nobody.
        let taken = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let mut client = Client::connect(dir, LIMIT).unwrap();
        write(
            dir,
            "ha.cf",
            &HA_CF.replace("keepalive 1\n", &format!("keepalive 2\nudpport {port}\nucast lo 127.0.0.1\n")),
        );
        let ClientError::Refused { cause, text } = client.reload().unwrap_err() else {
            panic!("not refused")
        };
        assert_eq!(cause, RefusalCause::Configuration);
        assert!(text.contains(&format!("port {port}")), "{text}");
    });
    assert_eq!(asked, ["Command(Stop)"]);
    assert!(texts(&lines).contains(&"Config errors: the old configuration stays in force."));
}

#[test]
fn a_refused_reload_changes_nothing_and_names_every_place() {
    let dir = directory("refused");
    let (asked, lines) = with_front(&dir, |dir| {
        let mut client = Client::connect(dir, LIMIT).unwrap();
        write(dir, "authkeys", "auth 2\n2 md5 other\n");
        write(dir, "ha.cf", &format!("{HA_CF}logacility local0\n"));
        let ClientError::Refused { cause, text } = client.reload().unwrap_err() else {
            panic!("not refused")
        };
        assert_eq!(cause, RefusalCause::Configuration);
        assert!(text.contains("logacility"), "{text}");
    });
    assert_eq!(asked, ["Command(Stop)"]);
    let texts = texts(&lines);
    assert!(texts.iter().any(|text| text.starts_with("ha.cf:10:1: ")), "{texts:#?}");
    assert!(texts.contains(&"Config errors: the old configuration stays in force."), "{texts:#?}");
}

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);
