//! A Rust file seen apart: its code, its comments, and where its tests begin.
//!
//! Only as much of the language as the checks need: comments, string and character literals. Nothing here judges.

/// One file, taken apart. `code` and `comments` have the lines of the original; what belongs to the other is blank.
pub(crate) struct Source {
    /// Comments and the contents of literals blanked out.
    pub(crate) code: String,
    /// Only the comments.
    pub(crate) comments: String,
}

impl Source {
    /// Takes a file's text apart.
    pub(crate) fn new(text: &str) -> Self {
        let mut reader = Reader { rest: text, code: String::new(), comments: String::new(), word: false };
        while reader.step() {}
        Self { code: reader.code, comments: reader.comments }
    }

    /// How many lines stand before the test module at the end (`#[cfg(test)]` followed by `mod NAME {`).
    pub(crate) fn lines_without_tests(&self) -> usize {
        let lines: Vec<&str> = self.code.lines().collect();
        let module = lines.windows(2).position(|pair| {
            matches!(pair, [attribute, item] if attribute.trim() == "#[cfg(test)]"
                && item.trim().starts_with("mod ") && item.trim().ends_with('{'))
        });
        module.unwrap_or(lines.len())
    }

    /// The numbers (from 1) of the lines of code that contain `needle`.
    pub(crate) fn code_lines(&self, needle: &str) -> Vec<usize> {
        numbered(&self.code, needle)
    }

    /// The numbers (from 1) of the lines whose comments contain `needle`.
    pub(crate) fn comment_lines(&self, needle: &str) -> Vec<usize> {
        numbered(&self.comments, needle)
    }

    /// The numbers (from 1) of the lines of code that contain `needle` as a whole word.
    pub(crate) fn word_lines(&self, needle: &str) -> Vec<usize> {
        let has = |line: &str| line.split(|c: char| !is_word(c)).any(|word| word == needle);
        self.code.lines().zip(1..).filter(|(line, _)| has(line)).map(|(_, number)| number).collect()
    }
}

fn numbered(text: &str, needle: &str) -> Vec<usize> {
    text.lines().zip(1..).filter(|(line, _)| line.contains(needle)).map(|(_, number)| number).collect()
}

struct Reader<'a> {
    rest: &'a str,
    code: String,
    comments: String,
    /// Whether the last character of code belongs to a word, so that `r"` after it is no raw string.
    word: bool,
}

#[derive(Clone, Copy)]
enum Part {
    Code,
    Comment,
    Literal,
}

impl Reader<'_> {
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        let (part, length) = if self.rest.starts_with("//") {
            (Part::Comment, self.rest.find('\n').unwrap_or(self.rest.len()))
        } else if self.rest.starts_with("/*") {
            (Part::Comment, block_comment(self.rest))
        } else if first == '"' {
            (Part::Literal, escaped(self.rest, '"'))
        } else if let Some(length) = raw_string(self.rest).filter(|_| !self.word) {
            (Part::Literal, length)
        } else if let Some(length) = character(self.rest) {
            (Part::Literal, length)
        } else {
            (Part::Code, first.len_utf8())
        };
        self.take(part, length);
        true
    }

    fn take(&mut self, part: Part, length: usize) {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        for c in taken.chars() {
            let blank = if c == '\n' { '\n' } else { ' ' };
            let (code, comment) = match part {
                Part::Code => (c, blank),
                Part::Comment => (blank, c),
                Part::Literal => (blank, blank),
            };
            self.code.push(code);
            self.comments.push(comment);
            self.word = is_word(code);
        }
    }
}

/// The length of the nested comment at the start of `text`.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut skip = 0;
    for (at, c) in text.char_indices() {
        if at < skip {
            continue;
        }
        let here = text.get(at..).unwrap_or("");
        if here.starts_with("/*") {
            depth += 1;
            skip = at + 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            skip = at + 2;
            if depth == 0 {
                return skip;
            }
        } else {
            skip = at + c.len_utf8();
        }
    }
    text.len()
}

/// The length of the literal at the start of `text` that ends with the next `quote` without a backslash.
fn escaped(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        if c == quote {
            return at + 1;
        }
        if c == '\\' {
            characters.next();
        }
    }
    text.len()
}

/// The length of a raw string (`r"`, `br#"`, ...) at the start of `text`, if there is one.
fn raw_string(text: &str) -> Option<usize> {
    let body = text.strip_prefix('b').or_else(|| text.strip_prefix('c')).unwrap_or(text);
    let after = body.strip_prefix('r')?;
    let quoted = after.trim_start_matches('#');
    let hashes = after.len() - quoted.len();
    let inner = quoted.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inner.find(&end).map_or(inner.len(), |at| at + end.len());
    Some(text.len() - inner.len() + length)
}

/// The length of a character literal at the start of `text`; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let first = inner.chars().next()?;
    if first == '\\' {
        return Some(escaped(text, '\''));
    }
    let after = inner.get(first.len_utf8()..)?;
    after.starts_with('\'').then_some(first.len_utf8() + 2)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let source =
            Source::new("let a = \"// no \\\" unsafe\"; // unsafe here\nunsafe { /* a /* b */ c */ d }\n");
        assert_eq!(source.word_lines("unsafe"), [2]);
        assert_eq!(source.comment_lines("unsafe"), [1]);
        assert!(source.code.contains("{                   d }"), "{}", source.code);
    }

    #[test]
    fn literals_of_every_form_end_where_they_end() {
        for literal in
            ["r\"a\\\"", "r#\"a\"b\"#", "br##\"\"# \"##", "'\"'", "'\\''", "b'x'", "\"a\\\\\"", "c\"x\""]
        {
            let source = Source::new(&format!("x = {literal}; todo"));
            assert_eq!(source.word_lines("todo"), [1], "{literal}");
        }
        let lifetime = Source::new("fn f<'a>(x: &'a str) { todo }");
        assert_eq!(lifetime.word_lines("todo"), [1]);
        let hidden = Source::new("var\"todo\"");
        assert!(hidden.word_lines("todo").is_empty());
    }

    #[test]
    fn lines_are_kept() {
        let source = Source::new("a\n\"x\ny\"\n/* 1\n2 */ b\n");
        assert_eq!(source.code.lines().count(), 5);
        assert_eq!(source.code_lines("b"), [5]);
    }

    #[test]
    fn the_test_module_is_not_counted() {
        let source = Source::new("//! x\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n");
        assert_eq!(source.lines_without_tests(), 2);
        assert_eq!(Source::new("a\n#[cfg(test)]\nmod tests;\nb\n").lines_without_tests(), 4);
    }
}
