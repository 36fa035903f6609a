//! `dist/resource.d/datadisk` with each of the agents that it knows, which are fakes that record what they are asked.

use std::os::unix::fs::symlink;
use std::process::{Command, Output};

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
        machine.write("bin/mount", "echo mount $* >>DIR/asked; echo /dev/drbd0 $1 ext4 rw 0 0 >DIR/mounts");
        machine
            .write("bin/umount", "echo umount $* >>DIR/asked; [ ! -e DIR/busy ] || exit 32; : >DIR/mounts");
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
        self.0.read("asked")
    }

    fn run(&self, words: &[&str]) -> Output {
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.0.path("bin").display());
        Command::new(self.0.path("resource.d/datadisk"))
            .args(words)
            .env_clear()
            .env("PATH", path)
            .env("OCF_ROOT", self.0.path("ocf"))
            .env("DATADISK_FSTAB", self.0.path("fstab"))
            .env("DATADISK_MOUNTS", self.0.path("mounts"))
            .output()
            .unwrap()
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
    machine.0.write("bin/refuses", ":");
    assert_eq!(machine.asks(&["start"], 1), "drbdadm primary r0\n".repeat(6));
    assert_eq!(machine.asks(&["status"], 3), "");
    std::fs::remove_file(machine.0.path("bin/refuses")).unwrap();
    assert_eq!(machine.asks(&["start"], 0), "drbdadm primary r0\nmount /srv/www\n");
    machine.0.write_with_mode("busy", "", 0o644);
    let asked = "umount /srv/www\nfuser -k -m /srv/www\numount /srv/www\ndrbdadm secondary r0\n";
    assert_eq!(machine.asks(&["stop"], 0), asked);
    // Nobody knows its role: then it counts as held.
    machine.0.write_with_mode("role", "Unknown/Unknown\n", 0o644);
    assert_eq!(machine.asks(&["status"], 0), "");
    for words in [&[][..], &["a", "b", "start"], &["restart"]] {
        assert_eq!(machine.asks(words, 2), "", "{words:?}");
    }
}

const DATADISK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dist/resource.d/datadisk");
const DRBDADM: &str = r#"case $1 in
sh-resources) echo r0 ;;
sh-dev) echo /dev/drbd0 ;;
role) if [ -s DIR/role ]; then cat DIR/role; else echo Secondary/Unknown; fi ;;
primary | secondary)
    echo "drbdadm $*" >>DIR/asked
    [ ! -e DIR/bin/refuses ] || exit 11
    if [ $1 = primary ]; then echo Primary/Unknown >DIR/role; else : >DIR/role; fi ;;
esac"#;
const OCF_DRBD: &str = r#"[ "$OCF_RESKEY_CRM_meta_clone_max$OCF_RESKEY_CRM_meta_notify" = 2true ] || exit 6
echo "drbd $OCF_RESKEY_drbd_resource $1" >>DIR/asked
case $1 in
monitor) [ -e DIR/up ] || exit 7; [ ! -s DIR/role ] || exit 8 ;;
start) : >DIR/up ;;
promote) echo Primary/Unknown >DIR/role ;;
demote) : >DIR/role ;;
esac"#;
const DRBDDISK: &str = r#"echo "drbddisk $*" >>DIR/asked
if [ $2 = start ]; then echo Primary/Unknown >DIR/role; else : >DIR/role; fi"#;
