//! The configurations of the two old how-tos, over UDP and over a serial line, as they stand there, their typing errors corrected
//! as `hb-ctl check` says (`config.md` 14): an address, `datadisk` and a web server, with `auto_failback` not given, so legacy.
//! What DRBD, `mount` and the server are asked is recorded by fakes.

use std::net::Ipv4Addr;
use std::time::Duration;

use hb_lab::{ClusterFiles, Host, HostSpec, Lab, Node, NodeProgram};
use tokio::time::{Instant, sleep};

use crate::scene::{Pair, agent, program};
use crate::serial::Cable;

#[tokio::test]
async fn the_howto_by_udp() {
    play(Pair::Ours, UDP).await;
}

#[tokio::test]
async fn the_howto_by_udp_with_306() {
    play(Pair::With306, UDP).await;
}

#[tokio::test]
async fn the_howto_by_serial_line() {
    play(Pair::Ours, SERIAL).await;
}

#[tokio::test]
async fn the_howto_by_serial_line_with_306() {
    play(Pair::With306, SERIAL).await;
}

/// The first of the file serves, dies, and has its group back when it returns.
async fn play(pair: Pair, media: &str) {
    let begun = Instant::now();
    let mut lab = Lab::start(agent()).unwrap();
    for network in ["front", "back"] {
        lab.add_network(network).await.unwrap();
    }
    let ours = NodeProgram::Ours { hb_node: program("hb-node") };
    let other = match pair {
        Pair::Ours => ours.clone(),
        Pair::With306 => NodeProgram::heartbeat().unwrap_or_else(|error| panic!("{error}")),
    };
    let mut nodes = Vec::new();
    for (last, program) in [(51, ours), (52, other)] {
        let spec = HostSpec::new(&format!("ha-{}.example.com.br", last - 50))
            .plug("front", Ipv4Addr::new(192, 168, 1, last))
            .plug("back", Ipv4Addr::new(10, 0, 0, last))
            .private("/etc/init.d");
        let host = lab.add_host(spec).await.unwrap();
        furnish(&host).await;
        nodes.push(Node::new(host, program, &files(media)).unwrap());
    }
    let [one, two] = nodes.as_slice() else { unreachable!("two were made") };
    let ends = [(one.host(), "/dev/ttyS1"), (two.host(), "/dev/ttyS1")];
    let _cable = Cable::between(ends, 1920).await;
    let end = one.host().run(&["readlink", "/dev/ttyS1"], LIMIT).await.unwrap().stdout;
    for node in [one, two] {
        node.start().await.unwrap();
    }
    holds(one, "it holds its group").await;
    assert_eq!(asked(one), STARTED, "{}", one.log());
    assert_eq!(asked(two), "", "{}", two.log());

    one.host().crash().await.unwrap();
    holds(two, "the other takes over").await;
    assert_eq!(asked(two), STARTED, "{}", two.log());

    // It boots: nothing of DRBD or the mounts of before is left.
    one.host().boot().await.unwrap();
    furnish(one.host()).await;
    // The same line as before: 3.0.6 does not open its end again.
    let plug = ["ln", "-s", end.trim(), "/dev/ttyS1"];
    assert!(one.host().run(&plug, LIMIT).await.unwrap().succeeded());
    one.start().await.unwrap();
    holds(one, "it has its group back").await;
    assert_eq!(asked(one), STARTED, "{}", one.log());
    let both = format!("{STARTED}{STOPPED}");
    until("the other has given it", two, || asked(two) == both).await;
    assert!(!two.host().holds(ADDRESS).await);
    println!("{pair:?}: played in {:.1} s", begun.elapsed().as_secs_f64());
}

/// Until the address is there and the last of the group was started.
async fn holds(node: &Node, what: &str) {
    until(what, node, || asked(node).ends_with("www start\n")).await;
    assert!(node.host().holds(ADDRESS).await, "{what}\n{}", node.log());
}

async fn until(what: &str, node: &Node, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "{what}: {}\n{}", asked(node), node.log());
        sleep(Duration::from_millis(50)).await;
    }
}

fn files(media: &str) -> ClusterFiles {
    ClusterFiles {
        ha_cf: format!("{media}{HA_CF}"),
        haresources: HARESOURCES.to_owned(),
        authkeys: "auth 1\n1 crc\n".to_owned(),
        hb_toml: String::new(),
    }
}

/// Scripts and fakes, nothing asked so far.
async fn furnish(host: &Host) {
    let output = host.run(&["sh", "-c", OWN_DEVICES], LIMIT).await.unwrap();
    assert!(output.succeeded(), "{output:?}");
    let write = |path: &str, text: &str| host.write(path, text, 0o755).unwrap();
    write("/etc/ha.d/datadisk", DATADISK);
    write("/etc/ha.d/resource.d/datadisk", WRAPPER);
    write("/etc/init.d/www", WWW);
    write("/etc/ha.d/fakes/drbdadm", DRBDADM);
    write("/etc/ha.d/fakes/mount", MOUNT);
    write("/etc/ha.d/fakes/umount", UMOUNT);
    write("/etc/ha.d/fstab", "/dev/drbd0 /srv/www ext4 noauto 0 0\n");
    for file in ["mounts", "asked", "role", "www"] {
        write(&format!("/var/log/{file}"), "");
    }
}

/// What changes something.
fn asked(node: &Node) -> String {
    node.host().read("/var/log/asked").unwrap_or_default()
}

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 53);
const STARTED: &str = "drbdadm primary r0\nmount /srv/www\nwww start\n";
const STOPPED: &str = "www stop\numount /srv/www\ndrbdadm secondary r0\n";
const LIMIT: Duration = Duration::from_secs(60);

const HARESOURCES: &str = "ha-1.example.com.br 192.168.1.53 datadisk www\n";
const UDP: &str = "\
udpport 694 # porta usada pelo protocolo udp.
bcast eth1 # placa de rede usada pelo heartbeat.
";
const SERIAL: &str = "\
baud 19200 # taxa de transferência da porta serial
serial /dev/ttyS1 # porta serial usada pelo heartbeat.
";
const HA_CF: &str = "\
debugfile /var/log/ha-debug
logfile /var/log/ha-log # arquivo de log
logfacility local0
keepalive 2 # define o tempo entre os heartbeat
deadtime 10 # o nó será declarado como indisponível depois de 10 segundos
node ha-1.example.com.br
node ha-2.example.com.br
";

/// A directory for fakes, and a `/dev` of its own, with the devices of the machine and room for others.
const OWN_DEVICES: &str =
    "mkdir -p /etc/ha.d/fakes /run/devices && mount --rbind /dev /run/devices && mount -t tmpfs tmpfs /dev
for file in /run/devices/*; do ln -s $file /dev/ || exit 1; done; rm -f /dev/ttyS1";

const DATADISK: &str = include_str!("../../../../dist/resource.d/datadisk");
const WRAPPER: &str = "#!/bin/sh
export PATH=/etc/ha.d/fakes:$PATH DATADISK_FSTAB=/etc/ha.d/fstab DATADISK_MOUNTS=/var/log/mounts
exec /etc/ha.d/datadisk \"$@\"
";
const DRBDADM: &str = r#"#!/bin/sh
case $1 in
sh-resources) echo r0 ;;
sh-dev) echo /dev/drbd0 ;;
role) if [ -s /var/log/role ]; then cat /var/log/role; else echo Secondary/Unknown; fi ;;
primary) echo "drbdadm $*" >>/var/log/asked; echo Primary/Unknown >/var/log/role ;;
secondary) echo "drbdadm $*" >>/var/log/asked; : >/var/log/role ;;
esac
"#;
const MOUNT: &str = "#!/bin/sh
echo \"mount $*\" >>/var/log/asked
echo \"/dev/drbd0 $1 ext4 rw 0 0\" >/var/log/mounts
";
const UMOUNT: &str = "#!/bin/sh
echo \"umount $*\" >>/var/log/asked
: >/var/log/mounts
";
const WWW: &str = r#"#!/bin/sh
case $1 in
start) echo "www start" >>/var/log/asked; echo up >/var/log/www ;;
stop) echo "www stop" >>/var/log/asked; : >/var/log/www ;;
status) if [ -s /var/log/www ]; then echo running; else echo stopped; exit 3; fi ;;
esac
"#;
