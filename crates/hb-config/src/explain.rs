//! What is known about a code, for a terminal and for the pages in `docs/codes`.

use std::fmt::Write as _;

use crate::code::{Code, Example};
use crate::wrap::wrapped;

impl Code {
    /// A few paragraphs for a terminal: title, explanation, example.
    #[must_use]
    pub fn explain(self) -> String {
        let example = self.example();
        let mut text =
            format!("{}: {}\n\n{}\n\n", self.id(), self.title(), wrapped(self.explanation(), WIDTH));
        let _ = writeln!(text, "For example, {}:\n", example.file.name());
        for line in example.shown().lines() {
            let _ = writeln!(text, "    {line}");
        }
        text
    }

    /// Every code with its title, one a line.
    #[must_use]
    pub fn list() -> String {
        Self::ALL.iter().fold(String::new(), |mut list, code| {
            let _ = writeln!(list, "{}  {}", code.id(), code.title());
            list
        })
    }

    /// The page of this code in Markdown. `output` is what a check says about the example.
    #[must_use]
    pub fn page(self, output: &str) -> String {
        let example = self.example();
        let (id, title, explanation) = (self.id(), self.title(), wrapped(self.explanation(), PAGE_WIDTH));
        let (file, lines) = (example.file.name(), example.shown());
        format!(
            "# {id}: {title}\n\n{explanation}\n\n## Example\n\n`{file}`:\n\n```text\n{lines}\n```\n\n\
             What a check says:\n\n```text\n{}\n```\n",
            output.trim_end()
        )
    }

    /// The list of all pages in Markdown.
    #[must_use]
    pub fn index() -> String {
        let head = "\
# Diagnostics

What a check of the configuration can find: `hb-ctl check` and `hb-node` say it with a code, `hb-ctl explain CODE` shows
a page of this list. A code never changes its meaning and is never used again.

| code | title |
| --- | --- |
";
        Self::ALL.iter().fold(head.to_owned(), |mut text, code| {
            let _ = writeln!(text, "| [{id}]({id}.md) | {title} |", id = code.id(), title = code.title());
            text
        })
    }
}

impl Example {
    /// The lines with carriage returns made visible.
    fn shown(self) -> String {
        self.text.replace('\r', "␍")
    }
}

/// Columns of a terminal that are filled.
const WIDTH: usize = 78;
/// Columns of generated pages.
const PAGE_WIDTH: usize = 120;

#[cfg(test)]
mod tests {
    use crate::Code;

    #[test]
    fn an_explanation_fits_a_terminal_and_names_the_file() {
        for code in Code::ALL {
            let text = code.explain();
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            assert!(text.starts_with(code.id()) && text.contains(code.example().file.name()));
        }
        assert_eq!(Code::list().lines().count(), Code::ALL.len());
    }
}
