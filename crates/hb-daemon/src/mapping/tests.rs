//! Configuration files in, what each part is told out; the environment of scripts as well.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use hb_engine::LinkId;

use super::*;
use crate::environment;
use crate::test_files;

const HA_CF: &str = "\
logfacility local0
logfile /var/log/ha-log
keepalive 200ms
deadtime 1
warntime 500ms
initdead 10
hopfudge 3
udpport 6940
bcast lo
ucast lo 127.0.0.2
node CC1 cc2
ping 127.0.0.1
auto_failback off
env SITE=north
";
const HARESOURCES: &str = "cc2 10.0.0.1/24/lo:0 www::a::b\ncc1 IPaddr::10.0.0.2\n";

fn checked() -> (Checked, PathBuf) {
    test_files::checked("cc2", HA_CF, HARESOURCES)
}

#[test]
fn the_engine_is_told_numbers_and_names() {
    let (checked, _) = checked();
    let links = ["lo".to_owned(), "lo".to_owned()];
    let config = engine(&checked, &links, [7; 16], 42);
    assert_eq!(config.local, NodeId(1));
    assert_eq!(config.nodes[0].name, "cc1");
    assert_eq!((config.uuid, config.generation), ([7; 16], 42));
    // hopfudge 3, two nodes and a ping node
    assert_eq!(config.ttl, 6);
    assert_eq!((config.keepalive, config.deadtime), (Duration::from_millis(200), Duration::from_secs(1)));
    assert_eq!(config.failback, Failback::Off);
    let homes: Vec<_> = config.groups.iter().map(|group| (group.key.as_str(), group.home)).collect();
    assert_eq!(homes, [("10.0.0.1/24/lo:0", Some(NodeId(1))), ("IPaddr::10.0.0.2", Some(NodeId(0)))]);
    let in_force = InForce::at_start(checked.clone(), media(&checked));
    assert_eq!(names(&in_force).link(LinkId(1)), "lo");
}

#[test]
fn media_and_groups_keep_their_order() {
    let (checked, _) = checked();
    let interface = || "lo".to_owned();
    let peer = Ipv4Addr::new(127, 0, 0, 2);
    assert_eq!(
        media(&checked),
        [
            MediumSpec::Bcast { interface: interface(), port: 6940 },
            MediumSpec::Ucast { interface: interface(), peer, port: 6940 }
        ]
    );
    let groups = groups(&checked);
    let ResourceSpec::Address(address) = &groups[0].resources[0] else { panic!("{groups:?}") };
    assert_eq!((address.address, address.prefix), (Ipv4Addr::new(10, 0, 0, 1).into(), Some(24)));
    assert_eq!(address.interface.as_deref(), Some("lo"));
    let script = ResourceSpec::Script { name: "www".into(), arguments: vec!["a".into(), "b".into()] };
    assert_eq!(groups[0].resources[1], script);
}

#[test]
fn log_lines_go_where_the_files_say() {
    let (checked, _) = checked();
    let targets = log_targets(&checked);
    assert_eq!(targets.logfile, Some(PathBuf::from("/var/log/ha-log")));
    assert_eq!((targets.debugfile, targets.facility), (None, 16));
    assert_eq!(targets.format, FileFormat::Syslog);
}

#[test]
fn scripts_see_the_cluster_and_little_of_who_started_the_daemon() {
    let (checked, dir) = checked();
    let kept = ["PATH", "TZ", "HOME", "USER", "LOGNAME", "SHELL", "HA_BIN", "OCF_RA_TRACE", "HB_X"]
        .map(|name| (name, "/opt/bin"));
    let leaked = ["SECRET_TOKEN", "SSH_AUTH_SOCK", "NOTIFY_SOCKET", "LANG", "LC_TIME", "PATHS", "BASH_ENV"];
    let inherited = kept.into_iter().chain(leaked.map(|name| (name, "leaked")));
    let inherited = inherited.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let variables: BTreeMap<_, _> = environment::of_scripts(&checked, &dir, inherited).into_iter().collect();
    let get = |name: &str| variables.get(&OsString::from(name)).and_then(|value| value.to_str());
    assert_eq!(get("HA_CURHOST"), Some("cc2"));
    assert_eq!(get("HA_SITE"), Some("north"));
    assert_eq!(get("HA_keepalive"), Some("200ms"));
    assert_eq!(get("HA_NICEFAILBACK"), Some("yes"));
    assert_eq!(get("HA_LOGFACILITY"), Some("local0"));
    assert_eq!(get("HA_LOGFILE"), Some("/var/log/ha-log"));
    assert_eq!(get("HA_DEBUGLOG"), Some("/dev/null"));
    assert_eq!(get("HA_DIR"), Some(format!("{}/", dir.display()).as_str()));
    assert_eq!(get("HA_FUNCS"), Some(format!("{}/shellfuncs", dir.display()).as_str()));
    assert_eq!(get("OCF_ROOT"), Some("/usr/lib/ocf"));
    for (name, value) in kept {
        assert!(get(name).is_some_and(|found| found.ends_with(value)), "{name}: {:?}", get(name));
    }
    assert!(variables.values().all(|value| value != "leaked"), "{variables:?}");
    assert_eq!(get("LC_ALL"), Some("C"));
    assert!(get("PATH").unwrap().ends_with(":/sbin:/bin:/opt/bin"), "{:?}", get("PATH"));
}

#[test]
fn interfaces_of_media_are_not_switched_on_for_addresses() {
    let (checked, _) = checked();
    let media = media(&checked);
    assert_eq!(Vec::from_iter(scripts(&Options::default(), &checked, media.iter()).media), ["lo"]);
}

#[test]
fn what_protects_from_two_owners_is_said() {
    let (mut checked, _) = checked();
    let first = |checked: &Checked| protection(checked, &["lo".to_owned(), "lo".to_owned()]).remove(0);
    assert!(first(&checked).starts_with("no fencing device and no vote: "), "{}", first(&checked));
    checked.fencing.device = Some(hb_config::FenceDevice {
        kind: "external/ipmi".to_owned(),
        parameters: "cc1 10.0.0.9 admin secret".to_owned(),
    });
    let device = first(&checked);
    assert!(device.starts_with("fencing by external/ipmi: ") && device.contains("no vote"), "{device}");
    assert!(!device.contains("secret"), "{device}");
    checked.fencing.agent = Some("fence_x".to_owned());
    assert!(first(&checked).starts_with("fencing by fence_x: "));
    checked.nodes.pop();
    assert!(!first(&checked).contains("fencing"));
}

#[test]
fn a_list_that_names_every_group_watches_all() {
    let (mut checked, _) = checked();
    let mut words = |groups: Option<&[&str]>| {
        checked.monitor = groups.map(|groups| hb_config::MonitorSettings {
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(20),
            failures: 1,
            restarts: 3,
            within: Duration::from_secs(600),
            moves: true,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        });
        let words = protection(&checked, &["lo".to_owned(), "lo".to_owned()]);
        words.into_iter().find_map(|words| words.split_once(" not monitored").map(|(who, _)| who.to_owned()))
    };
    assert_eq!(words(None).as_deref(), Some("resources are"));
    assert_eq!(words(Some(&["10.0.0.1/24/lo:0"])).as_deref(), Some("some groups are"));
    assert_eq!(words(Some(&["IPaddr::10.0.0.2", "10.0.0.1/24/lo:0"])), None);
    assert_eq!(words(Some(&[])), None);
}

#[test]
fn a_node_resets_itself_only_if_it_shall_and_with_options_for_that() {
    let (mut checked, _) = checked();
    checked.fencing.agent = Some("fence_x".to_owned());
    checked.fencing.options = vec!["ip=2".to_owned()];
    let input = |spec: Option<FenceSpec>| spec.map(|spec| spec.input);
    assert_eq!(input(fence_spec(&checked)).as_deref(), Some("action=reboot\nip=2\n"));
    checked.agents.stop_failed = StopFailed::Fence;
    assert_eq!(input(own_fence_spec(&checked)), None);
    checked.fencing.own_options = Some(vec!["ip=1".to_owned(), "x=y".to_owned()]);
    assert_eq!(input(own_fence_spec(&checked)).as_deref(), Some("action=reboot\nip=1\nx=y\n"));
    checked.agents.stop_failed = StopFailed::Reboot;
    assert_eq!(input(own_fence_spec(&checked)), None);
}

/// The defaults of the configuration are those of the actuators.
#[test]
fn scripts_are_limited_as_configured() {
    let (mut checked, _) = checked();
    let default = ActuatorConfig::new(Vec::new());
    let mut config = ActuatorConfig::new(Vec::new());
    limit_agents(&mut config, &checked);
    assert!(config.hangs_after.take().is_some_and(|after| after < checked.deadtime));
    assert_eq!(format!("{config:?}"), format!("{default:?}"));
    checked.watchdog = Some("/dev/watchdog".into());
    limit_agents(&mut config, &checked);
    assert_eq!(config.hangs_after, None, "that resets the machine");
    checked.watchdog = None;
    let seconds = Duration::from_secs;
    checked.agents = hb_config::AgentLimits {
        start_timeout: seconds(2),
        stop_timeout: seconds(3),
        status_timeout: seconds(4),
        kill_grace: seconds(6),
        stop_retries: None,
        stop_pause: seconds(7),
        stop_failed: StopFailed::Reboot,
        stop_failed_command: vec!["/bin/fence".into()],
        end_hung_heart: false,
    };
    limit_agents(&mut config, &checked);
    assert_eq!(config.hangs_after, None);
    let times = [config.start_timeout, config.stop_timeout, config.status_timeout, config.kill_grace];
    assert_eq!(times, [2, 3, 4, 6].map(seconds));
    assert_eq!((config.stop_retries, config.stop_pause), (None, seconds(7)));
    assert_eq!(config.stop_failed, ["/bin/fence"]);
    checked.agents.stop_failed_command.clear();
    limit_agents(&mut config, &checked);
    assert_eq!(config.stop_failed, ["/sbin/reboot", "-nf"]);
    checked.agents.stop_failed = StopFailed::Keep;
    limit_agents(&mut config, &checked);
    assert_eq!((config.stop_failed, agent_policy(&checked).failed_stop), (vec![], FailedStop::Keep));
}
