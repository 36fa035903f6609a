//! The command line of 3.0.6 (`failover.md` 9.1, 9.6): its letters, words and exit codes, and its own init script with
//! our program in the place of its.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use hb_lab::{ClusterFiles, Host, HostSpec, Lab};

use crate::pair::{agent, program};
use crate::scene::{LIMIT, NETWORK};

/// Where Debian's package has the daemon.
const HEARTBEAT: &str = "/usr/libexec/heartbeat/heartbeat";

/// A host with files and nothing running.
async fn lone_host(lab: &mut Lab) -> Host {
    lab.add_network(NETWORK).await.unwrap();
    let spec = HostSpec::new("alpha").plug(NETWORK, Ipv4Addr::new(10, 77, 0, 1));
    let host = lab.add_host(spec).await.unwrap();
    ClusterFiles::two_node().with("initdead", "3").install(&host).unwrap();
    host
}

/// Runs a command; its exit code, and what it wrote.
async fn run(host: &Host, argv: &[&str]) -> (Option<i32>, String) {
    let output = host.run(argv, LIMIT).await.unwrap();
    (output.exit.code, output.stdout + &output.stderr)
}

async fn expect(host: &Host, argv: &[&str], code: i32, words: &str) {
    let (found, text) = run(host, argv).await;
    assert!(found == Some(code) && text.contains(words), "{argv:?}: not {code} {words:?}: {found:?}\n{text}");
}

#[tokio::test]
async fn letters_words_and_exit_codes() {
    let mut lab = Lab::start(agent()).unwrap();
    let host = lone_host(&mut lab).await;
    let ours = program("hb-node");
    let ours = ours.to_str().unwrap();
    let stopped = "heartbeat is stopped. No process";
    expect(&host, &[ours, "-s"], 3, stopped).await;
    expect(&host, &[ours, "-k"], 0, "INFO: Heartbeat already stopped.").await;
    expect(&host, &[ours, "-D"], 0, "auto_failback            legacy").await;
    expect(&host, &[ours, "-W"], 0, "||auto_failback||legacy||").await;
    expect(&host, &[ours, "-DW"], 0, "||auto_failback||legacy||").await;
    expect(&host, &[ours, "-V"], 0, "hb-node ").await;
    expect(&host, &[ours, "-M"], 2, "").await;
    expect(&host, &[ours, "-s", "words", "without", "meaning"], 3, stopped).await;
    expect(&host, &[ours, "-C", "all"], 2, "").await;
    expect(&host, &[ours, "-R", "-C", "all"], 6, "heartbeat is not running").await;
    expect(&host, &[ours, "-r", "-R"], 2, "'--reload' cannot be used with '--restart'").await;
    expect(&host, &[ours, "-Q"], 2, "").await;

    // -r starts what does not run.
    expect(&host, &[ours, "-rdv"], 0, "keepalive\t").await;
    expect(&host, &[ours, "-s"], 0, "heartbeat OK [pid ").await;
    let (_, text) = run(&host, &[ours, "-s"]).await;
    assert!(text.ends_with(" et al] is running on alpha [alpha]...\n"), "{text}");
    // Stopping comes before telling, and both before reloading.
    expect(&host, &[ours, "-sr"], 0, "heartbeat OK [pid ").await;
    expect(&host, &[ours], 0, "already running").await;
    expect(&host, &[ours, "-R"], 1, "already running").await;
    expect(&host, &[ours, "-r"], 0, "").await;
    let good = host.read("/etc/ha.d/ha.cf").unwrap();
    host.write("/etc/ha.d/ha.cf", &format!("{good}keepalive never\n"), 0o600).unwrap();
    expect(&host, &[ours, "-r"], 1, "NOT restarted").await;
    host.write("/etc/ha.d/ha.cf", &good, 0o600).unwrap();

    expect(&host, &[ours, "-k"], 0, "").await;
    expect(&host, &[ours, "-s"], 3, stopped).await;
    // Its number in the file is another process's.
    host.write("/run/heartbeat.pid", "         1\n", 0o644).unwrap();
    expect(&host, &[ours, "-s"], 3, stopped).await;
    expect(&host, &[ours, "-k"], 0, "already stopped").await;
}

#[tokio::test]
async fn the_scripts_names() {
    let mut lab = Lab::start(agent()).unwrap();
    let host = lone_host(&mut lab).await;
    let (ours, ctl) = (program("hb-node"), program("hb-ctl"));
    for name in ["/run/hb_standby", "/run/hb_takeover"] {
        expect(&host, &["ln", "-s", ctl.to_str().unwrap(), name], 0, "").await;
        expect(&host, &[name, "everything"], 1, "wrong resources(everything).").await;
        expect(&host, &[name, "all", "local"], 1, "too many arguments").await;
        expect(&host, &[name, "--help"], 1, "[all|foreign|local|failback]").await;
        expect(&host, &[name], 1, "no node is running").await;
    }
    expect(&host, &[ours.to_str().unwrap()], 0, "").await;
    expect(&host, &["/run/hb_standby", "failback"], 0, "Going standby [foreign].").await;
    expect(&host, &["/run/hb_takeover", "local"], 0, "").await;
    expect(&host, &[ours.to_str().unwrap(), "-k"], 0, "").await;
}

/// The service as its init script runs it: it serves, goes on serving while its files are read again, and comes back after a restart.
#[tokio::test]
async fn the_init_script_works() {
    let mut lab = Lab::start(agent()).unwrap();
    let host = lone_host(&mut lab).await;
    let ours = program("hb-node");
    expect(&host, &["mount", "--bind", ours.to_str().unwrap(), HEARTBEAT], 0, "").await;
    let script = async |word: &str, code: i32, words: &str| {
        expect(&host, &["/etc/init.d/heartbeat", word], code, words).await;
    };
    script("status", 3, "heartbeat is stopped").await;
    script("start", 0, "").await;
    script("status", 0, "heartbeat OK").await;
    serves(&host).await;
    let first = daemon(&host);
    for word in ["reload", "force-reload", "start"] {
        script(word, 0, "").await;
        script("status", 0, "heartbeat OK").await;
        assert!(host.holds(ADDRESS).await, "{word}");
        assert_eq!(daemon(&host), first, "{word}");
    }
    script("restart", 0, "").await;
    script("status", 0, "heartbeat OK").await;
    assert_ne!(daemon(&host), first);
    serves(&host).await;
    script("stop", 0, "").await;
    script("status", 3, "heartbeat is stopped").await;
    assert!(!host.holds(ADDRESS).await);
    // What does not run is started by it.
    script("restart", 0, "").await;
    serves(&host).await;
    script("stop", 0, "").await;
    script("stop", 0, "").await;
    script("status", 3, "heartbeat is stopped").await;
}

async fn serves(host: &Host) {
    let begun = Instant::now();
    while !host.holds(ADDRESS).await {
        assert!(begun.elapsed() < LIMIT, "it does not serve");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The number of the daemon.
fn daemon(host: &Host) -> String {
    host.read("/run/heartbeat.pid").unwrap().trim().to_owned()
}

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
