//! Outputs that a document shows: in blocks marked `console`, the lines between one command and the next.

/// A command after the prompt `$ `, and what the document says that it prints; the line (from 1) of the command.
pub(crate) struct Shown {
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) output: String,
}

/// Every command of the text for which an output is shown.
pub(crate) fn shown(text: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    let mut in_block = false;
    for (line, number) in text.lines().zip(1..) {
        if let Some(mark) = line.strip_prefix("```") {
            in_block = !in_block && mark == "console";
        } else if in_block {
            if let Some(command) = line.strip_prefix("$ ") {
                found.push(Shown { line: number, command: command.to_owned(), output: String::new() });
            } else if !line.starts_with("# ")
                && let Some(last) = found.last_mut()
            {
                last.output.push_str(line);
                last.output.push('\n');
            }
        }
    }
    found.retain(|shown| !shown.output.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_after_a_command_are_its_output() {
        let text = "```console\n$ a\n$ b c\none\n\ntwo\n# d\n```\n```text\n$ e\nno\n```\n";
        let found = shown(text);
        let [b] = found.as_slice() else { panic!("{} found", found.len()) };
        assert_eq!((b.line, b.command.as_str(), b.output.as_str()), (3, "b c", "one\n\ntwo\n"));
    }
}
