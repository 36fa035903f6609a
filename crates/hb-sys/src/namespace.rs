//! Starts a program in namespaces of its own: the machine room of the lab's test hosts.
//!
//! Decides nothing about what a host looks like: it makes the process, maps the caller to root where a user
//! namespace is asked for, and executes the program. Mounts, names and network links are the business of
//! whoever runs inside. Linux only; needs `clone3` (5.3 or newer).

use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{getegid, geteuid};

/// A set of namespaces that a new process gets for itself; combine with [`Namespaces::and`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespaces(libc::c_int);

impl Namespaces {
    /// None: the process shares everything with its parent.
    pub const NONE: Self = Self(0);
    /// User ids: the caller becomes root inside, and only inside. Needs no privilege.
    pub const USER: Self = Self(libc::CLONE_NEWUSER);
    /// Interfaces, addresses, routes, firewall, sockets.
    pub const NETWORK: Self = Self(libc::CLONE_NEWNET);
    /// The mount table.
    pub const MOUNT: Self = Self(libc::CLONE_NEWNS);
    /// Process ids: the new process is number 1, and when it dies everything inside dies with it.
    pub const PID: Self = Self(libc::CLONE_NEWPID);
    /// The host name.
    pub const UTS: Self = Self(libc::CLONE_NEWUTS);
    /// System V IPC and POSIX message queues.
    pub const IPC: Self = Self(libc::CLONE_NEWIPC);

    /// This set and `other`.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Does this set have all of `other`?
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What to start, and where.
#[derive(Debug)]
pub struct Launch<'a> {
    /// Path of the program; not searched for in `PATH`.
    pub program: &'a Path,
    /// Arguments after the program's own name.
    pub arguments: &'a [OsString],
    /// The whole environment of the program.
    pub environment: &'a [(OsString, OsString)],
    /// The namespaces that it gets for itself.
    pub namespaces: Namespaces,
    /// Becomes descriptor 0. Descriptors 1 and 2 are inherited, all others that are close-on-exec are closed.
    pub stdin: BorrowedFd<'a>,
    /// Kill the program (SIGKILL) when the calling *thread* ends. The caller keeps that thread alive.
    pub dies_with_parent: bool,
}

/// A started program. Dropping it neither ends nor reaps the process.
#[derive(Debug)]
pub struct Launched {
    /// Process id as the caller sees it.
    pub pid: i32,
    /// Stands for the process even after its id was given to another; readable when it has ended.
    pub pidfd: OwnedFd,
}

/// The step at which [`launch`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A path, an argument or a variable has a NUL byte, or descriptors ran out.
    Prepare,
    /// The kernel refused the new process or its namespaces.
    Clone,
    /// The caller could not be mapped to root in the new user namespace.
    Map,
    /// Session, death signal or standard input could not be set.
    Setup,
    /// The program could not be executed.
    Execute,
}

/// Why a program was not started.
#[derive(Debug)]
pub struct LaunchError {
    /// Where it failed.
    pub step: Step,
    source: io::Error,
}

impl LaunchError {
    /// The kernel's error behind it.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for LaunchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.step {
            Step::Prepare => "cannot prepare a new process",
            Step::Clone => "the kernel refuses a process in new namespaces",
            Step::Map => "cannot map this user to root in a new user namespace",
            Step::Setup => "cannot set up the new process",
            Step::Execute => "cannot execute the program",
        })
    }
}

impl std::error::Error for LaunchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Starts a program in new namespaces, in a session of its own, with all signals at their defaults.
///
/// Returns when the program has been executed. The caller must reap the child (`waitid` on the pidfd).
///
/// # Errors
/// [`LaunchError`] with the step; [`Step::Clone`] with `PermissionDenied` when the namespaces need a privilege
/// that the caller lacks (or, with [`Namespaces::USER`], when the system forbids user namespaces).
pub fn launch(what: &Launch<'_>) -> Result<Launched, LaunchError> {
    let plan = Plan::new(what).map_err(|source| LaunchError { step: Step::Prepare, source })?;
    let (verdict, report) = pipe_with(PipeFlags::CLOEXEC)
        .map_err(|errno| LaunchError { step: Step::Prepare, source: errno.into() })?;
    let launched = clone(&plan, report.as_raw_fd(), what.namespaces)
        .map_err(|source| LaunchError { step: Step::Clone, source })?;
    drop(report);
    let mut failure = [0_u8; 5];
    // Nothing comes when the program was executed: the pipe closes on exec.
    match File::from(verdict).read_exact(&mut failure) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(launched),
        Err(source) => Err(LaunchError { step: Step::Setup, source }),
        Ok(()) => {
            reap(&launched.pidfd);
            let [step, errno @ ..] = failure;
            let source = io::Error::from_raw_os_error(i32::from_ne_bytes(errno));
            Err(LaunchError { step: decode(step), source })
        }
    }
}

/// Everything that the child needs, made before it exists: between clone and exec nothing may be allocated.
struct Plan {
    program: CString,
    /// Hold the strings that `argv` and `envp` point to.
    _strings: Vec<CString>,
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
    maps: Option<[(&'static std::ffi::CStr, String); 3]>,
    stdin: RawFd,
    dies_with_parent: bool,
}

impl Plan {
    fn new(what: &Launch<'_>) -> io::Result<Self> {
        let program = c_string(what.program.as_os_str())?;
        let arguments: Vec<CString> = std::iter::once(what.program.as_os_str())
            .chain(what.arguments.iter().map(OsString::as_os_str))
            .map(c_string)
            .collect::<io::Result<_>>()?;
        let variables: Vec<CString> = what
            .environment
            .iter()
            .map(|(name, value)| {
                let mut pair = name.clone();
                pair.push("=");
                pair.push(value);
                c_string(&pair)
            })
            .collect::<io::Result<_>>()?;
        let pointers = |strings: &[CString]| {
            strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect::<Vec<_>>()
        };
        let (argv, envp) = (pointers(&arguments), pointers(&variables));
        let maps = what.namespaces.has(Namespaces::USER).then(|| {
            [
                (c"/proc/self/setgroups", "deny".to_owned()),
                (c"/proc/self/uid_map", format!("0 {} 1\n", geteuid().as_raw())),
                (c"/proc/self/gid_map", format!("0 {} 1\n", getegid().as_raw())),
            ]
        });
        Ok(Self {
            program,
            argv,
            envp,
            maps,
            stdin: what.stdin.as_raw_fd(),
            dies_with_parent: what.dies_with_parent,
            _strings: arguments.into_iter().chain(variables).collect(),
        })
    }
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|_nul| io::Error::from(io::ErrorKind::InvalidInput))
}

/// The fork itself, with all signals blocked so that no handler of the parent runs in the child.
fn clone(plan: &Plan, report: RawFd, namespaces: Namespaces) -> io::Result<Launched> {
    let mut pidfd: RawFd = -1;
    // SAFETY: clone_args is plain data for which all zeroes is a valid value.
    let mut arguments: libc::clone_args = unsafe { MaybeUninit::zeroed().assume_init() };
    arguments.flags = u64::from((namespaces.0 | libc::CLONE_PIDFD).cast_unsigned());
    arguments.pidfd = (&raw mut pidfd).expose_provenance() as u64;
    arguments.exit_signal = u64::from(libc::SIGCHLD.cast_unsigned());
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are written by the calls before they are read.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
    }
    // SAFETY: without CLONE_VM this is a fork: the child has a copy of this stack and goes straight into
    // `child`, which never returns and makes only async-signal-safe calls. `arguments` outlives the call.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of_val(&arguments)) };
    if pid == 0 {
        // SAFETY: this is the new process; `plan` was made before the clone and its pointers are valid here.
        unsafe { child(plan, report) }
    }
    let error = io::Error::last_os_error();
    // SAFETY: `before` was written above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    if pid < 0 {
        return Err(error);
    }
    // SAFETY: the kernel wrote a new descriptor that nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Launched { pid: i32::try_from(pid).unwrap_or(i32::MAX), pidfd })
}

/// The new process until it becomes the program.
///
/// # Safety
/// Only right after the clone, in the child. It allocates nothing and takes no lock.
unsafe fn child(plan: &Plan, report: RawFd) -> ! {
    // SAFETY: plain system calls on values made before the clone; the process ends here or in execve.
    unsafe {
        let step = prepare_child(plan);
        let step = step.unwrap_or_else(|| {
            libc::execve(plan.program.as_ptr(), plan.argv.as_ptr(), plan.envp.as_ptr());
            Step::Execute
        });
        let [a, b, c, d] = (*libc::__errno_location()).to_ne_bytes();
        let failure = [step as u8, a, b, c, d];
        libc::write(report, failure.as_ptr().cast(), failure.len());
        libc::_exit(127)
    }
}

/// Maps, session, signals, standard input. Returns the step that failed, with errno set.
///
/// # Safety
/// As [`child`].
unsafe fn prepare_child(plan: &Plan) -> Option<Step> {
    for (file, text) in plan.maps.iter().flatten() {
        // SAFETY: a constant path and a string that lives in the plan.
        let done = unsafe {
            let map = libc::open(file.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
            map >= 0 && libc::write(map, text.as_ptr().cast(), text.len()) == text.len().cast_signed()
        };
        if !done {
            return Some(Step::Map);
        }
    }
    // SAFETY: plain system calls; the signal set is written before it is read.
    unsafe {
        for signal in 1..=64 {
            // Fails for KILL, STOP and the two of the C library; they need no default.
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        let failed = libc::setsid() < 0
            || (plan.dies_with_parent && libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) < 0)
            // dup2 onto itself would leave close-on-exec set.
            || if plan.stdin == 0 {
                libc::fcntl(0, libc::F_SETFD, 0) < 0
            } else {
                libc::dup2(plan.stdin, 0) < 0
            };
        failed.then_some(Step::Setup)
    }
}

fn decode(step: u8) -> Step {
    [Step::Map, Step::Setup].into_iter().find(|candidate| *candidate as u8 == step).unwrap_or(Step::Execute)
}

fn reap(pidfd: &OwnedFd) {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    use std::os::fd::AsFd;
    // The child has reported and ends at once; there is nothing to do about an error here.
    let _ended = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    use std::os::fd::AsFd;

    fn exit_of(script: &str, namespaces: Namespaces) -> i32 {
        let null = File::open("/dev/null").unwrap();
        let launched = launch(&Launch {
            program: Path::new("/bin/sh"),
            arguments: &["-c".into(), script.into()],
            environment: &[("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())],
            namespaces,
            stdin: null.as_fd(),
            dies_with_parent: true,
        })
        .unwrap();
        let ended = waitid(WaitId::PidFd(launched.pidfd.as_fd()), WaitIdOptions::EXITED).unwrap().unwrap();
        ended.exit_status().unwrap_or(-1)
    }

    #[test]
    fn a_user_namespace_makes_the_caller_root_and_number_one() {
        let all = Namespaces::USER
            .and(Namespaces::PID)
            .and(Namespaces::NETWORK)
            .and(Namespaces::MOUNT)
            .and(Namespaces::UTS)
            .and(Namespaces::IPC);
        assert_eq!(exit_of("test $$ = 1 && test $(id -u) = 0 && test $(id -g) = 0", all), 0);
    }

    #[test]
    fn without_namespaces_it_is_an_ordinary_child() {
        assert_eq!(exit_of("exit 7", Namespaces::NONE), 7);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_of_the_last_step() {
        let null = File::open("/dev/null").unwrap();
        let error = launch(&Launch {
            program: Path::new("/nonexistent/program"),
            arguments: &[],
            environment: &[],
            namespaces: Namespaces::NONE,
            stdin: null.as_fd(),
            dies_with_parent: false,
        })
        .unwrap_err();
        assert_eq!((error.step, error.kind()), (Step::Execute, io::ErrorKind::NotFound));
    }
}
