//! The host machinery alone: no node, no probe.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails loudly")]

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hb_lab::{Agent, Host, HostSpec, Lab, Signal};

const LIMIT: Duration = Duration::from_secs(10);
const ALPHA: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const BETA: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

fn agent() -> Agent {
    Agent::new(PathBuf::from(env!("CARGO_BIN_EXE_hb-lab-agent")), Vec::new())
}

async fn two_hosts() -> (Lab, Host, Host) {
    let mut lab = Lab::start(agent()).unwrap();
    lab.add_network("front").await.unwrap();
    let alpha = lab.add_host(HostSpec::new("alpha").plug("front", ALPHA)).await.unwrap();
    let beta = lab.add_host(HostSpec::new("beta").plug("front", BETA)).await.unwrap();
    (lab, alpha, beta)
}

async fn shell(host: &Host, script: &str) -> String {
    let output = host.run(&["/bin/sh", "-c", script], LIMIT).await.unwrap();
    assert!(output.succeeded(), "{script}: {output:?}");
    output.stdout.trim().to_owned()
}

#[tokio::test]
async fn a_host_has_its_own_name_processes_and_directories() {
    let (_lab, alpha, beta) = two_hosts().await;
    assert_eq!(shell(&alpha, "cat /proc/sys/kernel/hostname").await, "alpha");
    assert_eq!(shell(&beta, "cat /proc/sys/kernel/hostname").await, "beta");
    // Number 1 is the init, and there is nothing but it and the shell.
    assert_eq!(shell(&alpha, "set -- /proc/[0-9]*; echo $#").await, "2");
    assert_eq!(shell(&alpha, "id -u; ls /sys/class/net | tr '\\n' ' '").await, "0\neth0 lo");
    shell(&alpha, "echo mine > /etc/ha.d/x && echo mine > /var/log/x && echo mine > /var/lib/heartbeat/x")
        .await;
    shell(&alpha, "echo mine > /run/x && test -d /run/heartbeat && test -d /run/resource-agents").await;
    for path in ["/etc/ha.d/x", "/var/log/x", "/var/lib/heartbeat/x", "/run/x"] {
        assert_eq!(alpha.read(path).unwrap(), "mine\n");
        assert!(beta.read(path).is_err() && !std::path::Path::new(path).exists(), "{path}");
    }
    let held = alpha.addresses().await.unwrap();
    assert_eq!(held.iter().map(|entry| entry.address).collect::<Vec<_>>(), [ALPHA]);
    alpha.write("/etc/ha.d/authkeys", "auth 1\n", 0o600).unwrap();
    assert_eq!(shell(&alpha, "stat -c %a:%u /etc/ha.d/authkeys").await, "600:0");
}

#[tokio::test]
async fn programs_are_started_signalled_and_reaped() {
    let (_lab, alpha, _beta) = two_hosts().await;
    let mut process = alpha
        .spawn(&["/bin/sh", "-c", "echo said; exec sleep 100"], &[("A", "b")], "/var/log/out", "/var/log/err")
        .await
        .unwrap();
    process.signal(Signal::STOP).await.unwrap();
    // A stopped process holds up nobody.
    assert_eq!(shell(&alpha, "echo free").await, "free");
    assert!(process.is_running());
    process.signal(Signal::KILL).await.unwrap();
    let exit = process.ended(LIMIT).await.unwrap();
    assert_eq!((exit.code, exit.signal), (None, Some(9)));
    assert!(!process.is_running() && process.signal(Signal::TERM).await.is_err());
    let busy = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exec sleep 100";
    let busy = alpha.spawn(&["/bin/sh", "-c", busy], &[], "/var/log/out", "/var/log/err").await.unwrap();
    let sleep = std::path::Path::new("/bin/sleep");
    let begun = Instant::now();
    while alpha.processes(sleep).await.unwrap() != [busy.pid()] {
        assert!(begun.elapsed() < LIMIT);
    }
    let used = alpha.cpu_time(sleep).await.unwrap();
    assert!(used > Duration::ZERO && used < begun.elapsed() + LIMIT, "{used:?}");
    busy.signal(Signal::KILL).await.unwrap();
    // An orphan comes to the init and leaves no zombie.
    shell(&alpha, "(sleep 0.05 &) ; sleep 0.2; ! grep -l '^State:.*Z' /proc/[0-9]*/status").await;
    let begun = Instant::now();
    let output = alpha.run(&["/bin/sleep", "100"], Duration::from_millis(100)).await.unwrap();
    assert_eq!(output.exit.signal, Some(9));
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(alpha.spawn(&["/nonexistent"], &[], "/var/log/out", "/var/log/err").await.is_err());
}

#[tokio::test]
async fn a_power_cut_ends_everything_and_a_boot_brings_the_disk_back() {
    let (_lab, alpha, beta) = two_hosts().await;
    shell(&alpha, "echo state > /var/lib/heartbeat/state; echo volatile > /run/volatile").await;
    let process = alpha.spawn(&["/bin/sleep", "100"], &[], "/var/log/out", "/var/log/err").await.unwrap();
    process.signal(Signal::STOP).await.unwrap();
    let mac = alpha.links()[0].mac;
    alpha.crash().await.unwrap();
    assert!(!alpha.is_up() && !process.is_running());
    assert!(alpha.addresses().await.is_err() && alpha.read("/var/lib/heartbeat/state").is_ok());
    alpha.boot().await.unwrap();
    assert_eq!(
        shell(&alpha, "cat /var/lib/heartbeat/state; ls /run").await,
        "state\nheartbeat\nlock\nresource-agents"
    );
    assert_eq!(alpha.links()[0].mac, mac);
    let seen = shell(&alpha, "cat /sys/class/net/eth0/address /sys/class/net/eth0/carrier").await;
    assert_eq!(seen, mac.map(|byte| format!("{byte:02x}")).join(":") + "\n1");
    assert!(beta.is_up());
}

#[tokio::test]
async fn a_cut_cable_loses_its_carrier_and_a_healed_one_has_it_again() {
    let (_lab, alpha, beta) = two_hosts().await;
    for _ in 0..3 {
        alpha.cut("front").await.unwrap();
        assert_eq!(shell(&alpha, "cat /sys/class/net/eth0/carrier").await, "0");
        assert_eq!(shell(&beta, "cat /sys/class/net/eth0/carrier").await, "1");
        alpha.heal("front").await.unwrap();
        assert_eq!(shell(&alpha, "cat /sys/class/net/eth0/carrier").await, "1");
    }
    alpha.pass("front", false).await.unwrap();
    assert_eq!(shell(&alpha, "cat /sys/class/net/eth0/carrier").await, "1");
    assert!(alpha.cut("back").await.is_err());
}

#[tokio::test]
async fn a_broken_switch_passes_nothing_until_it_is_mended() {
    let (_lab, alpha, _beta) = two_hosts().await;
    // Who does not answer to ARP cannot be reached; the kernel asks three times, once a second.
    let ask = "ip neigh flush dev eth0; echo x > /dev/udp/10.77.0.2/9; \
               until ip neigh show 10.77.0.2 | grep -E 'REACHABLE|FAILED'; do sleep 0.01; done";
    for expected in ["REACHABLE", "FAILED", "FAILED", "REACHABLE"] {
        alpha.pass("front", expected == "REACHABLE").await.unwrap();
        let output = alpha.run(&["/bin/bash", "-c", ask], LIMIT).await.unwrap();
        assert!(output.stdout.contains(expected), "{expected}: {output:?}");
    }
}

#[tokio::test]
async fn directories_of_its_own_need_not_exist_on_the_machine() {
    let mut lab = Lab::start(agent()).unwrap();
    let private = ["/etc/init.d", "/etc/hb-lab-nowhere/deep", "/var/lib/hb-lab-nowhere"];
    let spec = private.into_iter().fold(HostSpec::new("alpha"), HostSpec::private);
    let alpha = lab.add_host(spec).await.unwrap();
    for directory in private {
        assert_eq!(shell(&alpha, &format!("ls -A {directory}; touch {directory}/mine")).await, "");
        assert_eq!(alpha.read(&format!("{directory}/mine")).unwrap(), "");
    }
    assert!(!std::path::Path::new(private[1]).exists() && !std::path::Path::new(private[2]).exists());
    // What was beside them is still there, and can be executed.
    assert_eq!(shell(&alpha, "wc -l < /etc/passwd; ls -A /etc | LC_ALL=C sort").await, {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap().lines().count();
        let mut names: Vec<_> = std::fs::read_dir("/etc")
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .chain(["hb-lab-nowhere".to_owned()])
            .collect();
        names.sort();
        format!("{passwd}\n{}", names.join("\n"))
    });
    alpha.write("/etc/init.d/www", "#!/bin/sh\necho ran $1\n", 0o755).unwrap();
    assert_eq!(shell(&alpha, "/etc/init.d/www start").await, "ran start");
}

#[tokio::test]
async fn without_rights_it_works_as_well() {
    let mut lab = Lab::start_unprivileged(agent()).unwrap();
    lab.add_network("front").await.unwrap();
    let alpha = lab.add_host(HostSpec::new("alpha").plug("front", ALPHA)).await.unwrap();
    assert_eq!(shell(&alpha, "id -u; cat /proc/self/uid_map | tr -s ' '").await.lines().next(), Some("0"));
    // Root only inside: what needs the machine's root is refused.
    let refused = alpha.run(&["/bin/sh", "-c", "mknod /run/null c 1 3"], LIMIT).await.unwrap();
    assert!(!refused.succeeded(), "{refused:?}");
    alpha.crash().await.unwrap();
    alpha.boot().await.unwrap();
    assert!(alpha.holds(ALPHA).await);
}

/// Processes whose command line has one of these texts.
fn processes(texts: &[&str]) -> usize {
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| {
            let line = String::from_utf8_lossy(line);
            texts.iter().any(|text| line.contains(text))
        })
        .count()
}

/// Their number once it is `expected`, or after the limit: the kernel shows a new command line a moment late.
fn soon(texts: &[&str], expected: usize) -> usize {
    let begun = Instant::now();
    while processes(texts) != expected && begun.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(5));
    }
    processes(texts)
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let (lab, alpha, _beta) = two_hosts().await;
    let base = lab.directory().to_path_buf();
    let texts = ["4711.25", &*base.to_string_lossy()];
    alpha.spawn(&["/bin/sleep", "4711.25"], &[], "/var/log/out", "/var/log/err").await.unwrap();
    // Keeper, two inits, the sleeper.
    assert_eq!(soon(&texts, 4), 4);
    drop(lab);
    assert_eq!(processes(&texts), 0);
    assert!(!base.exists());
}

/// Not a test by itself: with the variable set it holds a lab until it is killed.
#[tokio::test]
async fn holds_a_lab_to_be_killed() {
    if std::env::var_os("HB_LAB_HOLD").is_none() {
        return;
    }
    let (lab, alpha, _beta) = two_hosts().await;
    alpha.spawn(&["/bin/sleep", "4712.25"], &[], "/var/log/out", "/var/log/err").await.unwrap();
    println!("\nbase {}", lab.directory().display());
    tokio::time::sleep(Duration::from_secs(60)).await;
    panic!("nobody killed this process");
}

#[test]
fn nothing_is_left_behind_by_a_killed_lab() {
    use std::io::{BufRead, BufReader};
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holds_a_lab_to_be_killed", "--nocapture"])
        .env("HB_LAB_HOLD", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let base = lines.find_map(|line| line.strip_prefix("base ").map(PathBuf::from)).unwrap();
    let texts = ["4712.25", &*base.to_string_lossy()];
    assert_eq!(soon(&texts, 4), 4);
    child.kill().unwrap();
    child.wait().unwrap();
    let begun = Instant::now();
    while processes(&texts) > 0 || base.exists() {
        assert!(begun.elapsed() < LIMIT, "{} processes left, {base:?}", processes(&texts));
        std::thread::sleep(Duration::from_millis(5));
    }
}
