//! Commands of ours that a document shows: in blocks marked `console`, after a prompt, and in code within a line.

use super::options::Program;
use crate::arguments;

/// The commands with the line (from 1) that each stands in.
pub(super) fn shown(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut block = None;
    for (line, number) in text.lines().zip(1..) {
        if let Some(mark) = line.trim_start().strip_prefix("```") {
            block = if block.is_some() { None } else { Some(mark.trim()) };
        } else if block == Some("console") {
            let prompted = ["$ ", "# "].iter().find_map(|prompt| line.trim_start().strip_prefix(prompt));
            found.extend(prompted.map(|command| (number, command.to_owned())));
        } else if block.is_none() {
            let code = line.split('`').skip(1).step_by(2);
            found.extend(code.map(|command| (number, command.to_owned())));
        }
    }
    found
}

/// What is wrong with a command; `None` if nothing is, or if it is not one of ours.
pub(super) fn offence(command: &str, programs: &[Program]) -> Option<String> {
    // A comment at the end, brackets around what may be left out and bars between choices are for the reader.
    let command = command.split(" # ").next().unwrap_or(command);
    let words: Vec<&str> = command
        .split(|c: char| c.is_whitespace() || "[]|".contains(c))
        .filter(|word| !word.is_empty() && *word != "sudo" && *word != "...")
        .collect();
    match words.as_slice() {
        ["cargo", "xtask", rest @ ..] if !rest.is_empty() => of_xtask(rest),
        [first, rest @ ..] if !rest.is_empty() => {
            let name = first.rsplit('/').next().unwrap_or(first);
            let program = programs.iter().find(|program| program.name == name)?;
            of_program(program, rest)
        }
        _ => None,
    }
}

fn of_xtask(words: &[&str]) -> Option<String> {
    let depths = ["--fast", "--slow"];
    // `test --fast | --slow` shows a choice; each must be right on its own.
    let chosen = |left_out: &str| {
        let kept = words.iter().filter(|word| **word != left_out).map(|word| (*word).to_owned());
        arguments::parse(kept).err()
    };
    if depths.iter().all(|depth| words.contains(depth)) {
        depths.iter().find_map(|depth| chosen(depth))
    } else {
        chosen("")
    }
}

fn of_program(program: &Program, words: &[&str]) -> Option<String> {
    let mut options = program.options.clone();
    let mut rest = words;
    if let Some(at) = words.iter().position(|word| program.commands.contains_key(*word)) {
        let of_command = words.get(at).and_then(|word| program.commands.get(*word));
        options.extend(of_command.into_iter().flatten().cloned());
    } else if let [first, ..] = words
        && !program.commands.is_empty()
        && !first.starts_with('-')
    {
        return Some(format!("{} has no command `{first}`", program.name));
    }
    while let [first, others @ ..] = rest {
        rest = others;
        let option = first.split('=').next().unwrap_or(first);
        if option.starts_with("--") && option.len() > 2 && !options.contains(option) {
            return Some(format!("there is no option `{option}` here"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs() -> [Program; 1] {
        let options = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        [Program {
            name: "hb-ctl".to_owned(),
            options: options(&["--run-dir"]),
            commands: [("check".to_owned(), options(&["--dir"])), ("stop".to_owned(), options(&[]))].into(),
        }]
    }

    #[test]
    fn commands_are_found_where_they_are_shown() {
        let text = "Run `hb-ctl stop` now.\n```console\n$ hb-ctl check\noutput\n```\n```text\n$ no\n```\n";
        let found = shown(text);
        assert_eq!(found, [(1, "hb-ctl stop".to_owned()), (3, "hb-ctl check".to_owned())]);
    }

    #[test]
    fn right_commands_have_no_offence() {
        for command in [
            "hb-ctl check --dir=/etc/ha.d",
            "target/release/hb-ctl --run-dir /run/x stop",
            "sudo hb-ctl check [--dir DIR]",
            "hb-ctl",
            "apt-get install --no-such-option heartbeat",
            "cargo xtask test [--fast | --slow]",
            "cargo xtask lab --faults crash # a comment --here",
        ] {
            assert_eq!(offence(command, &programs()), None, "{command}");
        }
    }

    #[test]
    fn wrong_commands_are_told() {
        for command in ["hb-ctl chekc", "hb-ctl stop --dir /x", "hb-ctl --dri x check", "cargo xtask tets"] {
            assert!(offence(command, &programs()).is_some(), "{command}");
        }
    }
}
