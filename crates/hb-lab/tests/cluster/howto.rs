//! The configuration of the old how-to over UDP as it stands there, its typing errors corrected as `hb-ctl check` says
//! (`config.md` 14): an address, `datadisk` and a web server, with `auto_failback` not given, so legacy. What DRBD, `mount`
//! and the server are asked is recorded by fakes.

use std::net::Ipv4Addr;
use std::time::Duration;

use hb_lab::{ClusterFiles, Host, HostSpec, Lab, Node, NodeProgram};
use tokio::time::{Instant, sleep};

use crate::pair::{agent, program};

#[tokio::test]
async fn the_howto_by_udp() {
    let mut lab = Lab::start(agent()).unwrap();
    for network in ["front", "back"] {
        lab.add_network(network).await.unwrap();
    }
    let mut nodes = Vec::new();
    for last in [51, 52] {
        let spec = HostSpec::new(&format!("ha-{}.example.com.br", last - 50))
            .plug("front", Ipv4Addr::new(192, 168, 1, last))
            .plug("back", Ipv4Addr::new(10, 0, 0, last))
            .private("/etc/init.d")
            // The first directory of the scripts' path.
            .private("/usr/libexec/heartbeat");
        let host = lab.add_host(spec).await.unwrap();
        furnish(&host);
        let program = NodeProgram::Ours { hb_node: program("hb-node") };
        nodes.push(Node::new(host, program, &files()).unwrap());
    }
    let [one, two] = nodes.as_slice() else { unreachable!("two were made") };
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
    furnish(one.host());
    one.start().await.unwrap();
    holds(one, "it has its group back").await;
    assert_eq!(asked(one), STARTED, "{}", one.log());
    let both = format!("{STARTED}{STOPPED}");
    until("the other has given it", two, || asked(two) == both).await;
    assert!(!two.host().holds(ADDRESS).await);
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

fn files() -> ClusterFiles {
    ClusterFiles {
        ha_cf: HA_CF.to_owned(),
        haresources: HARESOURCES.to_owned(),
        authkeys: "auth 1\n1 crc\n".to_owned(),
    }
}

/// Scripts and fakes, nothing asked so far.
fn furnish(host: &Host) {
    let write = |path: &str, text: &str| host.write(path, text, 0o755).unwrap();
    write("/etc/ha.d/datadisk", DATADISK);
    write("/etc/ha.d/resource.d/datadisk", WRAPPER);
    write("/etc/init.d/www", WWW);
    write("/usr/libexec/heartbeat/drbdadm", DRBDADM);
    write("/usr/libexec/heartbeat/mount", MOUNT);
    write("/usr/libexec/heartbeat/umount", UMOUNT);
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
const HA_CF: &str = "\
udpport 694 # porta usada pelo protocolo udp.
bcast eth1 # placa de rede usada pelo heartbeat.
debugfile /var/log/ha-debug
logfile /var/log/ha-log # arquivo de log
logfacility local0
keepalive 2 # define o tempo entre os heartbeat
deadtime 10 # o nó será declarado como indisponível depois de 10 segundos
node ha-1.example.com.br
node ha-2.example.com.br
";

const DATADISK: &str = include_str!("../../../../dist/resource.d/datadisk");
const WRAPPER: &str = "#!/bin/sh
export DATADISK_FSTAB=/etc/ha.d/fstab DATADISK_MOUNTS=/var/log/mounts
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
