//! `hb_standby` and `hb_takeover`: this program under the names of the scripts of 3.0.6 (`failover.md` 9.6), for
//! operators' fingers and for scripts that call them. Words, sets and exit codes are theirs.
//!
//! Otherwise than they, these fail when no node runs or when it refuses.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use hb_client::{Client, ClientError, ResourceSet};

use crate::output::{FAILED, Failure};

/// Does what the name says under which this program was called; nothing if that is no script's.
pub(crate) fn by_name(arguments: &[OsString]) -> Option<ExitCode> {
    let (program, words) = arguments.split_first()?;
    let is_standby = match Path::new(program).file_name()?.to_str()? {
        "hb_standby" => true,
        "hb_takeover" => false,
        _ => return None,
    };
    let set = match set_of(words, is_standby) {
        Ok(set) => set,
        Err(why) => {
            let program = program.to_string_lossy();
            say(&format!("{}usage: {program} [all|foreign|local|failback]", why.text(&program)));
            return Some(ExitCode::from(FAILED));
        }
    };
    if is_standby {
        say(&format!("Going standby [{set}]."));
    }
    Some(match ask(is_standby, set) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => Failure::of(&error).tell(),
    })
}

fn ask(is_standby: bool, set: ResourceSet) -> Result<String, ClientError> {
    let mut client = Client::connect(Path::new(RUN_DIR), PATIENCE)?;
    if is_standby { client.standby(set) } else { client.takeover(set) }
}

/// Why the words are none that the scripts take.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Help,
    Many,
    Word(String),
}

impl Wrong {
    fn text(&self, program: &str) -> String {
        match self {
            Self::Help => String::new(),
            Self::Many => "too many arguments\n".to_owned(),
            Self::Word(word) => format!("{program}: wrong resources({word}).\n"),
        }
    }
}

/// What is `failback` for the giver are the taker's own groups (`failover.md` 3.7).
fn set_of(words: &[OsString], is_standby: bool) -> Result<ResourceSet, Wrong> {
    match words {
        [] => Ok(ResourceSet::All),
        [word] if word == "--help" || word == "-h" => Err(Wrong::Help),
        [word] if word == "failback" && !is_standby => Ok(ResourceSet::Local),
        [word] => {
            let word = word.to_string_lossy();
            word.parse().map_err(|_| Wrong::Word(word.into_owned()))
        }
        [_, _, ..] => Err(Wrong::Many),
    }
}

fn say(text: &str) {
    // Without stderr there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

/// The scripts know of no other directory.
const RUN_DIR: &str = "/run/heartbeat";
/// Longest wait for an answer, which takes a millisecond.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn set(words: &[&str]) -> Result<ResourceSet, Wrong> {
        set_of(&words.iter().map(Into::into).collect::<Vec<_>>(), true)
    }

    #[test]
    fn words_are_those_of_the_scripts() {
        assert_eq!(set(&[]), Ok(ResourceSet::All));
        assert_eq!(set(&["local"]), Ok(ResourceSet::Local));
        assert_eq!(set(&["failback"]), Ok(ResourceSet::Foreign));
        assert_eq!(set_of(&["failback".into()], false), Ok(ResourceSet::Local));
        assert_eq!(set_of(&["foreign".into()], false), Ok(ResourceSet::Foreign));
        assert_eq!(set(&["--help"]), Err(Wrong::Help));
        assert_eq!(set(&["local", "foreign"]), Err(Wrong::Many));
        let wrong = set(&["none"]).unwrap_err();
        assert_eq!(wrong.text("/bin/hb_standby"), "/bin/hb_standby: wrong resources(none).\n");
    }

    #[test]
    fn only_their_names_mean_them() {
        assert_eq!(by_name(&["/usr/bin/hb-ctl".into(), "status".into()]), None);
        assert_eq!(by_name(&[]), None);
    }
}
