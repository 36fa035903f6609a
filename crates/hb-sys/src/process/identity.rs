//! Which user a program is started as.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// User and groups of a process, as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: u32,
    /// The user's own group.
    pub group: u32,
    /// All other groups.
    pub groups: Vec<u32>,
}

/// Has `command` run with this identity: real, effective and saved ids, and the list of groups. A process that is not root
/// may only ask for what it has already; its list of groups stays then.
///
/// `spawn` fails with `EPERM` where that is not allowed; nothing runs then.
pub fn run_as(command: &mut Command, identity: Identity) {
    let privileged = rustix::process::geteuid().is_root();
    let change = move || {
        let Identity { user, group, groups } = &identity;
        // SAFETY: the kernel reads `groups.len()` numbers of the list, which lives as long as the call.
        let listed = !privileged || unsafe { libc::setgroups(groups.len(), groups.as_ptr()) } == 0;
        // SAFETY: plain numbers; the process has one thread here, so there is none to keep in step with.
        if listed && unsafe { libc::setgid(*group) == 0 && libc::setuid(*user) == 0 } {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    };
    // SAFETY: between fork and exec the closure makes three system calls, allocates nothing and takes no lock.
    unsafe { command.pre_exec(change) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_runs_as_whom_it_shall() {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        let identity = if user.is_root() {
            Identity { user: 12345, group: 23456, groups: vec![34567, 45678] }
        } else {
            Identity { user: user.as_raw(), group: group.as_raw(), groups: Vec::new() }
        };
        let mut command = Command::new("cat");
        run_as(command.arg("/proc/self/status"), identity.clone());
        let status = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let four = |number: u32| format!("\t{number}\t{number}\t{number}\t{number}");
        assert_eq!((field("Uid:"), field("Gid:")), (four(identity.user), four(identity.group)));
        if user.is_root() {
            assert_eq!(field("Groups:").trim(), "34567 45678");
        }
    }

    #[test]
    fn who_is_not_root_cannot_become_somebody_else() {
        if rustix::process::geteuid().is_root() {
            let mut command = Command::new("true");
            // The outer change comes last: it is made by what the inner one has left.
            run_as(&mut command, Identity { user: 12345, group: 23456, groups: Vec::new() });
            run_as(&mut command, Identity { user: 0, group: 0, groups: Vec::new() });
            assert_eq!(command.spawn().unwrap_err().raw_os_error(), Some(libc::EPERM));
        } else {
            let mut command = Command::new("true");
            run_as(&mut command, Identity { user: 0, group: 0, groups: Vec::new() });
            assert_eq!(command.spawn().unwrap_err().raw_os_error(), Some(libc::EPERM));
        }
    }
}
