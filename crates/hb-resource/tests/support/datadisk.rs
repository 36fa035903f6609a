//! `dist/resource.d/datadisk` with each of the agents that it knows, which are fakes that record what they are asked.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};

use hb_resource::JobAction;

use crate::recorder::Recorder;
use crate::scripts::Scripts;

/// A machine on which DRBD has the resource r0, mounted by `/etc/fstab`.
struct Machine(Scripts);

impl Machine {
    fn new() -> Self {
        let machine = Scripts::new();
        std::fs::create_dir(machine.path("resource.d")).unwrap();
        symlink(DATADISK, machine.path("resource.d/datadisk")).unwrap();
        machine.write_with_mode("fstab", "/dev/drbd0 /srv/www ext4 defaults,noauto 0 0\n", 0o644);
        machine.write("bin/drbdadm", DRBDADM);
        machine.write("bin/mount", "echo mount $* >>DIR/asked; echo /dev/drbd0 $1 ext4 rw 0 0 >>DIR/mounts");
        machine.write("bin/umount", UMOUNT);
        machine.write("bin/fuser", "echo fuser $* >>DIR/asked; rm -f DIR/busy");
        machine.write("bin/sleep", ":");
        machine.write_with_mode("mounts", "", 0o644);
        Self(machine)
    }

    /// Runs it, and returns what changed something.
    fn asks(&self, words: &[&str], code: i32) -> String {
        let _ = std::fs::remove_file(self.0.path("asked"));
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(code), "{words:?} {output:?}");
        // Who cannot tell says nothing: by a word, or another code, it would be stopped or running.
        assert!(code != UNCLEAR || output.stdout.is_empty(), "{words:?} {output:?}");
        self.0.read("asked")
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(self.0.path("resource.d/datadisk"))
            .args(words)
            .env_clear()
            .envs(self.environment())
            .output()
            .unwrap()
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.0.path("bin").display());
        let files = [("OCF_ROOT", "ocf"), ("DATADISK_FSTAB", "fstab"), ("DATADISK_MOUNTS", "mounts")];
        let files = files.map(|(name, file)| (name.into(), self.0.path(file).into_os_string()));
        [("PATH".into(), path.into())].into_iter().chain(files).collect()
    }

    /// Makes the fakes do what a file of this name is for.
    fn shall(&self, name: &str) {
        self.0.write_with_mode(name, "", 0o644);
    }

    fn shall_not(&self, name: &str) {
        std::fs::remove_file(self.0.path(name)).unwrap();
    }

    /// Up, seen, down, seen: what the agent is asked each time.
    fn serves(&self, primary: &str, secondary: &str) {
        assert_eq!(self.asks(&["status"], 3), "");
        assert_eq!(self.asks(&["start"], 0), format!("{primary}mount /srv/www\n"));
        assert_eq!(self.asks(&["status"], 0), "");
        assert_eq!(self.asks(&["r0", "status"], 0), "");
        assert_eq!(self.asks(&["r0", "stop"], 0), format!("umount /srv/www\n{secondary}"));
        assert_eq!(self.asks(&["r0", "status"], 3), "");
    }
}

#[test]
fn by_drbdadm() {
    Machine::new().serves("drbdadm primary r0\n", "drbdadm secondary r0\n");
}

#[test]
fn by_the_ocf_agent() {
    let machine = Machine::new();
    machine.0.write("ocf/resource.d/linbit/drbd", OCF_DRBD);
    machine.serves("drbd r0 monitor\ndrbd r0 start\ndrbd r0 promote\n", "drbd r0 demote\n");
}

#[test]
fn by_drbddisk_before_all_others() {
    let machine = Machine::new();
    machine.0.write("ocf/resource.d/linbit/drbd", OCF_DRBD);
    machine.0.write("resource.d/drbddisk", DRBDDISK);
    machine.serves("drbddisk r0 start\n", "drbddisk r0 stop\n");
}

#[test]
fn what_fails_is_tried_again_and_then_told() {
    let machine = Machine::new();
    machine.shall("refuses");
    assert_eq!(machine.asks(&["start"], 1), "drbdadm primary r0\n".repeat(6));
    assert_eq!(machine.asks(&["status"], 3), "");
    machine.shall_not("refuses");
    assert_eq!(machine.asks(&["start"], 0), "drbdadm primary r0\nmount /srv/www\n");
    machine.shall("busy");
    let asked = "umount /srv/www\nfuser -k -M -m /srv/www\numount /srv/www\ndrbdadm secondary r0\n";
    assert_eq!(machine.asks(&["stop"], 0), asked);
    for words in [&[][..], &["a", "b", "start"], &["restart"]] {
        assert_eq!(machine.asks(words, 2), "", "{words:?}");
    }
}

#[test]
fn what_nobody_can_tell_is_neither_running_nor_stopped() {
    let machine = Machine::new();
    let started = "drbdadm primary r0\nmount /srv/www\n";
    // By DRBD 9 a device that is down has no role.
    for role in ["", "Unknown/Unknown\n"] {
        machine.0.write_with_mode("told", role, 0o644);
        assert_eq!(machine.asks(&["status"], UNCLEAR), "", "{role:?}");
    }
    assert_eq!(machine.asks(&["start"], 0), started);
    assert_eq!(machine.asks(&["status"], UNCLEAR), "");
    machine.shall_not("told");
    assert_eq!(machine.asks(&["status"], 0), "");
    // One without the other.
    machine.0.write_with_mode("mounts", "", 0o644);
    assert_eq!(machine.asks(&["status"], UNCLEAR), "");
    assert_eq!(machine.asks(&["start"], 0), started);
    machine.0.write_with_mode("role", "Secondary/Unknown\n", 0o644);
    assert_eq!(machine.asks(&["status"], UNCLEAR), "");
    assert_eq!(machine.asks(&["start"], 0), "drbdadm primary r0\n");
    machine.shall_not("mounts");
    for (words, code) in [("status", UNCLEAR), ("stop", 1)] {
        assert_eq!(machine.asks(&["r0", words], code), "");
    }
    machine.0.write_with_mode("mounts", "/dev/drbd0 /srv/www ext4 rw 0 0\n", 0o644);
    assert_eq!(machine.asks(&["status"], 0), "");
    // One of several.
    machine.0.write_with_mode("resources", "r0\nr1\n", 0o644);
    machine.0.write_with_mode("r1", "Secondary/Unknown\n", 0o644);
    assert_eq!(machine.asks(&["status"], UNCLEAR), "");
    assert_eq!(machine.asks(&["a", "b", "status"], UNCLEAR), "");
    for resources in ["", "\n"] {
        machine.0.write_with_mode("resources", resources, 0o644);
        assert_eq!(machine.asks(&["status"], UNCLEAR), "", "DRBD has no resources");
    }
    for drbdadm in ["exit 20", "case $1 in sh-dev) ;; role) echo Secondary ;; esac"] {
        machine.0.write("bin/drbdadm", drbdadm);
        for words in [&["status"][..], &["r0", "status"]] {
            assert_eq!(machine.asks(words, UNCLEAR), "", "{drbdadm} {words:?}");
        }
    }
    machine.shall_not("bin/drbdadm");
    assert_eq!(machine.asks(&["status"], UNCLEAR), "");
    assert_eq!(machine.asks(&["r0", "status"], UNCLEAR), "");
}

/// The group stays here: the other node would start it, too.
#[test]
fn a_stop_without_a_drbdadm_that_works_is_a_failed_one() {
    let machine = Machine::new();
    symlink(DATADISK, machine.0.path("datadisk")).unwrap();
    let mut config = crate::config(&machine.0, &[&["datadisk::r0"]]);
    config.environment = machine.environment();
    let mut node = Recorder::start(config);
    assert_eq!(node.perform(JobAction::Start(0)), Ok(()), "{}", node.notes());
    machine.0.write("bin/drbdadm", "exit 20");
    let failure = node.perform(JobAction::Stop(0));
    assert!(failure.is_err(), "{}", node.notes());
    machine.0.write("bin/drbdadm", DRBDADM);
    assert_eq!(node.perform(JobAction::Stop(0)), Ok(()), "{}", node.notes());
    node.finish();
    assert!(machine.0.read("asked").ends_with("umount /srv/www\ndrbdadm secondary r0\n"));
}

#[test]
fn what_fstab_says_is_found() {
    let machine = Machine::new();
    let fstab = |text: &str| machine.0.write_with_mode("fstab", text, 0o644);
    let www = "drbdadm primary r0\nmount /srv/www\n";
    let is_served = |started: &str, stopped: &str| {
        assert_eq!(machine.asks(&["start"], 0), started);
        assert_eq!(machine.asks(&["start"], 0), "drbdadm primary r0\n", "it is mounted");
        assert_eq!(machine.asks(&["status"], 0), "");
        assert_eq!(machine.asks(&["stop"], 0), stopped);
        assert_eq!(machine.asks(&["status"], 3), "");
    };
    for line in ["/dev/drbd0 /srv/www/", "/dev/drbd/by-res/r0 /srv/www", "/dev/drbd/by-res/r0/0\t/srv/www//"]
    {
        // Neither a comment nor what is mounted at the boot, and no end of the last line.
        fstab(&format!("# /dev/drbd0 /a ext4 noauto\n/dev/drbd0 /b ext4 defaults 0 0\n{line} ext4 noauto"));
        is_served(www, "umount /srv/www\ndrbdadm secondary r0\n");
    }
    machine.0.write_with_mode("devices", "/dev/drbd0\n/dev/drbd1\n", 0o644);
    fstab("/dev/drbd1 /srv/www ext4 noauto 0 0\n/dev/drbd0 /srv/www/db ext4 rw,noauto 0 0\n");
    is_served(
        &format!("{www}mount /srv/www/db\n"),
        "umount /srv/www/db\numount /srv/www\ndrbdadm secondary r0\n",
    );
    // By a name that says nothing of DRBD: nothing would be mounted, which is no start.
    machine.0.write("bin/blkid", "[ \"$2 $5\" != 'UUID /dev/drbd1' ] || echo 4711");
    fstab("UUID=4711 /srv/www ext4 noauto 0 0\n");
    assert_eq!(machine.asks(&["start"], 1), "drbdadm primary r0\n");
    fstab("UUID=4712 /mnt/backup ext4 noauto 0 0\n");
    is_served("drbdadm primary r0\n", "drbdadm secondary r0\n");
}

#[test]
fn programs_are_ended_only_on_what_is_mounted() {
    let machine = Machine::new();
    machine.asks(&["start"], 0);
    machine.shall("gone");
    assert_eq!(machine.asks(&["stop"], 0), "umount /srv/www\ndrbdadm secondary r0\n");
}

/// LSB: the status is not known.
const UNCLEAR: i32 = 4;
const DATADISK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dist/resource.d/datadisk");
const DRBDADM: &str = r#"case $1 in
sh-resources) if [ -e DIR/resources ]; then cat DIR/resources; else echo r0; fi ;;
sh-dev) if [ -e DIR/devices ]; then cat DIR/devices; else echo /dev/drbd0; fi ;;
role)
    for file in told "$2" role; do
        [ ! -e DIR/$file ] || exec cat DIR/$file
    done
    echo Secondary/Unknown ;;
primary | secondary)
    echo "drbdadm $*" >>DIR/asked
    [ ! -e DIR/refuses ] || exit 11
    if [ $1 = primary ]; then echo Primary/Unknown >DIR/role; else rm -f DIR/role; fi ;;
esac"#;
/// Busy: until `fuser` was asked. Gone: unmounted, and yet it fails.
const UMOUNT: &str = r#"echo "umount $*" >>DIR/asked
[ ! -e DIR/busy ] || exit 32
grep -v " $1 " DIR/mounts >DIR/left
cat DIR/left >DIR/mounts
[ ! -e DIR/gone ]"#;
const OCF_DRBD: &str = r#"[ "$OCF_RESKEY_CRM_meta_clone_max$OCF_RESKEY_CRM_meta_notify" = 2true ] || exit 6
echo "drbd $OCF_RESKEY_drbd_resource $1" >>DIR/asked
case $1 in
monitor) [ -e DIR/up ] || exit 7; [ ! -e DIR/role ] || exit 8 ;;
start) : >DIR/up ;;
promote) echo Primary/Unknown >DIR/role ;;
demote) rm -f DIR/role ;;
esac"#;
const DRBDDISK: &str = r#"echo "drbddisk $*" >>DIR/asked
if [ $2 = start ]; then echo Primary/Unknown >DIR/role; else rm -f DIR/role; fi"#;
