//! The first file system of the emulated machine: pppd and an echo.

use std::path::Path;

use crate::test::Failure;
use crate::test::emulated::{Archive, Kernel};

/// Packs it.
pub(super) fn pack(kernel: &Kernel) -> Result<Vec<u8>, Failure> {
    let mut archive = Archive::new();
    for name in
        ["bin", "proc", "sys", "run", "tmp", "etc", "etc/ppp", "var", "var/run", "usr", "usr/bin", "usr/sbin"]
    {
        archive.folder(name);
    }
    for program in ["/usr/sbin/pppd", "/usr/bin/socat"] {
        archive.program(Path::new(program), program.trim_start_matches('/'))?;
    }
    archive.copy(Path::new("/bin/busybox"))?;
    kernel.pack(&mut archive, &["slhc", "ppp_generic", "ppp_async"])?;
    archive.file("etc/ppp/options", b"");
    archive.file("init", INIT.as_bytes());
    Ok(archive.finish())
}

/// pppd is called as the releases that had `ppp-udp` called it, but does not end with the first link.
const INIT: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin:/usr/sbin
mount -t devtmpfs none /dev
mount -t proc none /proc
mount -t sysfs none /sys
for module in /modules/*.ko; do insmod $module; done
ifconfig lo 127.0.0.1 up
socat UDP4-RECVFROM:26694,fork EXEC:cat &
echo guest is up
pppd /dev/ttyS1 19200 noauth lcp-echo-failure 3 lcp-echo-interval 2 nodefaultroute nodetach local debug persist maxfail 0 \\
    holdoff 1 10.0.0.2:
echo pppd has ended
sleep 10000
";
