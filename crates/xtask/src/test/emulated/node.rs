//! The first file system of an emulated machine that runs a node: the programs as they are built for tests, its files, and a
//! shell on the second serial line. What the node shall do there is the test's business.

use std::path::Path;

use super::{Archive, Kernel, SHELL};
use crate::command::{self, minutes};
use crate::test::{Context, Failure};

/// What differs between such machines.
pub(in crate::test) struct NodeFiles<'a> {
    /// Modules of the kernel, in the order in which they are loaded.
    pub(in crate::test) modules: &'a [&'a str],
    pub(in crate::test) ha_cf: &'a str,
    pub(in crate::test) haresources: &'a str,
    /// What the first program does besides, in the language of the shell.
    pub(in crate::test) init: &'a str,
}

impl NodeFiles<'_> {
    /// Builds the programs and packs everything.
    pub(in crate::test) fn pack(&self, context: &Context, kernel: &Kernel) -> Result<Vec<u8>, Failure> {
        let mut build = command::cargo();
        build.args(["build", "-p", "hb-node", "-p", "hb-ctl"]);
        context.demand(&mut build, "emulated-build", minutes(15))?;
        let mut archive = Archive::new();
        for name in FOLDERS {
            archive.folder(name);
        }
        archive.copy(Path::new("/bin/busybox"))?;
        for program in ["hb-node", "hb-ctl"] {
            let path = context.workspace.target.join("debug").join(program);
            archive.program(&path, &format!("usr/bin/{program}"))?;
        }
        kernel.pack(&mut archive, self.modules)?;
        archive.file("etc/ha.d/ha.cf", self.ha_cf.as_bytes());
        archive.file("etc/ha.d/authkeys", b"auth 1\n1 sha1 of-a-test\n");
        archive.file("etc/ha.d/haresources", self.haresources.as_bytes());
        archive.file("init", [BEGIN, self.init, SHELL].concat().as_bytes());
        Ok(archive.finish())
    }
}

const FOLDERS: [&str; 12] =
    ["bin", "proc", "sys", "run", "tmp", "etc", "etc/ha.d", "var", "var/lib", "var/log", "usr", "usr/bin"];
const BEGIN: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin
mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys
for module in /modules/*.ko; do insmod $module; done
chmod 600 /etc/ha.d/authkeys
ifconfig lo 127.0.0.1 up
";
