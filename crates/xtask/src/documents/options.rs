//! What a program of ours understands, from its own `--help`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::command;
use crate::error::Error;

/// A program with its sub-commands and options.
pub(crate) struct Program {
    /// As typed.
    pub(crate) name: String,
    /// Options of the program itself, with the two dashes.
    pub(crate) options: BTreeSet<String>,
    /// Sub-commands and their options.
    pub(crate) commands: BTreeMap<String, BTreeSet<String>>,
}

impl Program {
    /// Asks the program in this folder.
    pub(crate) fn ask(folder: &Path, name: &str) -> Result<Self, Error> {
        let help = |arguments: &[&str]| command::answer(Command::new(folder.join(name)).args(arguments));
        let own = help(&["--help"])?;
        let mut commands = BTreeMap::new();
        for sub_command in sub_commands(&own) {
            let text = help(&[&sub_command, "--help"])?;
            commands.insert(sub_command, options(&text));
        }
        Ok(Self { name: name.to_owned(), options: options(&own), commands })
    }

    /// Every sub-command and every option, as a manual page must name them.
    pub(crate) fn words(&self) -> BTreeSet<&str> {
        let of_commands = self.commands.values().flatten();
        let options = self.options.iter().chain(of_commands).map(String::as_str);
        options.chain(self.commands.keys().map(String::as_str)).collect()
    }
}

/// The names below `Commands:`, without `help`.
fn sub_commands(help: &str) -> Vec<String> {
    let after = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let block = after.take_while(|line| !line.trim().is_empty());
    let names = block.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every long option that is named in an option's own line.
fn options(help: &str) -> BTreeSet<String> {
    let own_lines = help.lines().filter(|line| line.trim_start().starts_with('-'));
    let words = own_lines.flat_map(|line| line.split(|c: char| c.is_whitespace() || "=,[]<>".contains(c)));
    // Of one that may be repeated the help says `--debug...`.
    let words = words.map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "Asks and steers a node

Usage: hb-ctl [OPTIONS] <COMMAND>

Commands:
  status  Shows what the node knows
  check   Checks a configuration
          and says all that is wrong
  help    Print this message

Options:
      --run-dir <DIR>  Where the socket is; see also --dir
  -d, --debug...       More lines
  -h, --help           Print help
";

    #[test]
    fn commands_and_options_are_read() {
        assert_eq!(sub_commands(HELP), ["status", "check"]);
        let found = options(HELP);
        assert!(found.contains("--run-dir") && found.contains("--help"), "{found:?}");
        assert!(found.contains("--debug"), "{found:?}");
    }
}
