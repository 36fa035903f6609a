//! `respawn` and `failfast`: programs that run beside the node (`config.md` 4.7). The rule of `ipfail`
//! is built in: such a line asks for that.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::checked::Client;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::line::{is_blank, words};
use crate::source::Word;

use super::HaCf;

/// Bytes of a user's name.
const LONGEST_USER: usize = 63;

/// `respawn USER COMMAND`, where COMMAND is the rest of the line.
pub(super) fn respawn(cf: &mut HaCf<'_>, rest: Word<'_>) {
    let mut parts = words(rest, is_blank);
    let name = cf.directive.name;
    let Some(user) = parts.next() else {
        cf.bad_line(Code::BadChild, None, || format!("`{name}` lacks a user and a command"));
        return;
    };
    let command = parts.rest();
    let errors = cf.report.counts().errors;
    if words(command, is_blank).next().is_some_and(is_ipfail) {
        // Neither the program nor its user is needed.
        cf.draft.ipfail = Some(cf.name);
        return;
    }
    check_user(cf, user);
    let Some(program) = words(command, is_blank).next() else {
        cf.bad_line(Code::BadChild, Some(user.mark), || format!("`{name}` lacks a command behind the user"));
        return;
    };
    let path = Path::new(OsStr::from_bytes(program.text));
    if path.is_relative() {
        cf.bad_line(Code::BadChild, Some(program.mark), || {
            format!("the command {} is not a full path", quoted(program.text))
        });
    } else if !cf.lookup.path(path).is_some_and(crate::host::PathFacts::is_executable) {
        // Looking for it costs time, and only kept errors are shown.
        let elsewhere = if cf.report.has_room_for_errors() { moved(cf, path) } else { None };
        cf.error(program.mark, || {
            let message = format!("the command {} does not exist or is not executable", quoted(program.text));
            Diagnostic::error(Code::BadChild, message)
                .hint(elsewhere.unwrap_or_else(|| "install the program, or delete the line".to_owned()))
        });
    }
    if cf.report.counts().errors == errors {
        cf.draft.clients.push(Client {
            failfast: name == "failfast",
            user: user.lossy(),
            command: OsStr::from_bytes(command.text.trim_ascii()).to_owned(),
        });
    }
}

/// Wherever a package put it.
fn is_ipfail(program: Word<'_>) -> bool {
    let path = Path::new(OsStr::from_bytes(program.text));
    path.is_absolute() && path.file_name().is_some_and(|name| name == "ipfail")
}

fn check_user(cf: &mut HaCf<'_>, user: Word<'_>) {
    if user.text.len() > LONGEST_USER {
        cf.bad_line(Code::BadChild, Some(user.mark), || "the user's name has more than 63 bytes".to_owned());
    } else if !cf.lookup.user_exists(&user.lossy()) {
        let is_number = user.text.iter().all(u8::is_ascii_digit);
        cf.bad_line(Code::BadChild, Some(user.mark), || {
            let reason = if is_number { " (a number is not taken for a user)" } else { "" };
            format!("user {} does not exist{reason}", quoted(user.text))
        });
    }
}

/// Old documents name `/usr/lib/heartbeat`; later packages moved the programs.
fn moved(cf: &mut HaCf<'_>, path: &Path) -> Option<String> {
    let program = path.file_name()?;
    let directories = ["/usr/libexec/heartbeat", "/usr/lib64/heartbeat", "/usr/lib/heartbeat"];
    let found =
        directories.into_iter().map(|directory| Path::new(directory).join(program)).find(|candidate| {
            candidate != path && cf.lookup.path(candidate).is_some_and(crate::host::PathFacts::is_executable)
        })?;
    Some(format!("did you mean {}?", quoted(found.as_os_str().as_bytes())))
}
