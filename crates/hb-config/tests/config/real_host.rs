//! The same on this machine: files in a directory, with their modes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use hb_config::{Host, Medium, RealHost, load};

/// A directory that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hb-config-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &str, mode: u32) {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn files(scratch: &Scratch, ha_cf: &str) {
    scratch.write("ha.cf", ha_cf, 0o644);
    scratch.write("authkeys", "auth 1\n1 sha1 secret\n", 0o600);
    scratch.write("haresources", "", 0o644);
}

#[test]
fn the_loopback_interface_is_enough() {
    let scratch = Scratch::new("loopback");
    let name = RealHost.node_name();
    files(
        &scratch,
        &format!("logfile /dev/null\nlogfacility daemon\nbcast lo\nauto_failback on\nnode {name} other\n"),
    );
    let loaded = load(&scratch.0, &RealHost);
    let text = loaded.render(false);
    let config = loaded.config.expect(&text);
    assert_eq!(config.node_name, name.to_ascii_lowercase());
    assert!(matches!(&config.media[..], [Medium::Bcast { interface, .. }] if interface == "lo"));

    scratch.write("nodeinfo", "Other\nx\n", 0o644);
    assert_eq!(load(&scratch.0, &RealHost).config.unwrap().node_name, "other");

    scratch.write("authkeys", "auth 1\n1 sha1 secret\n", 0o640);
    let loaded = load(&scratch.0, &RealHost);
    assert_eq!(loaded.diagnostics.iter().map(|found| found.code.id()).collect::<Vec<_>>(), ["HB002"]);
}

#[test]
fn a_pipe_is_not_waited_for_and_an_endless_file_ends() {
    let scratch = Scratch::new("odd");
    files(&scratch, "");
    fs::remove_file(scratch.0.join("haresources")).unwrap();
    fs::remove_file(scratch.0.join("ha.cf")).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(scratch.0.join("haresources")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", scratch.0.join("ha.cf")).unwrap();
    let loaded = load(&scratch.0, &RealHost);
    let codes: Vec<&str> = loaded.diagnostics.iter().map(|found| found.code.id()).collect();
    assert_eq!(codes, ["HB004", "HB003"]);
}

#[test]
fn a_conversion_replaces_the_file_and_keeps_the_old_one() {
    let scratch = Scratch::new("convert");
    files(&scratch, "udp lo\nnode alpha\nlogfile /dev/null\n");
    scratch.write("nodeinfo", "alpha\n", 0o644);
    fs::rename(scratch.0.join("ha.cf"), scratch.0.join("real")).unwrap();
    fs::set_permissions(scratch.0.join("real"), Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real", scratch.0.join("ha.cf")).unwrap();

    let convert = || hb_config::convert(&scratch.0, &RealHost, &hb_config::LoadOptions::default()).unwrap();
    let conversion = convert();
    let backup = conversion.write().unwrap();
    assert_eq!(backup, fs::canonicalize(&scratch.0).unwrap().join("real.before-convert"));
    assert!(fs::read_to_string(&backup).unwrap().starts_with("udp lo\n"));
    assert!(fs::read_to_string(scratch.0.join("ha.cf")).unwrap().starts_with("bcast lo\n"));
    assert!(fs::symlink_metadata(scratch.0.join("ha.cf")).unwrap().is_symlink());
    assert_eq!(fs::metadata(scratch.0.join("real")).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(convert().is_empty());

    // What was read is not there any more.
    assert!(matches!(conversion.write(), Err(hb_config::ConvertError::Changed { .. })));
    files(&scratch, "crm off\nbcast lo\nnode alpha\n");
    assert!(convert().write().unwrap().ends_with("real.before-convert-2"));
    let mut names: Vec<_> =
        fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let expected = [
        "authkeys",
        "ha.cf",
        "haresources",
        "nodeinfo",
        "real",
        "real.before-convert",
        "real.before-convert-2",
    ];
    assert_eq!(names, expected);
}

#[test]
fn questions_to_the_machine_are_cheap() {
    let scratch = Scratch::new("questions");
    let count = if cfg!(debug_assertions) { 2000 } else { 60_000 };
    for line in [
        "udpport N",
        "bcast ifN",
        "apiauth xN uid=uN",
        "respawn root /binN",
        "serial /dev/ttyN",
        "logfile /q/N",
    ] {
        let text: String = (1..=count).map(|number| line.replace('N', &number.to_string()) + "\n").collect();
        files(&scratch, &text);
        let started = processor_time();
        let _ = load(&scratch.0, &RealHost).render(false);
        let took = processor_time().saturating_sub(started);
        if std::env::var_os("SHOW_TIMES").is_some() {
            println!("{took:8.1?} {line}");
        }
        assert!(took < Duration::from_secs(1), "{line}: {took:?}");
    }
}

/// What this thread has used: the time on the wall also depends on what else the machine does.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanos.unwrap())
}
