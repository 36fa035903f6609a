//! Links in Markdown: `[text](target)`, outside of code.

/// The targets that are files of the work tree, with the line (from 1) they stand in; anchors are cut off.
pub(super) fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (line, number) in text.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            found.extend(of_line(line).into_iter().map(|target| (number, target)));
        }
    }
    found
}

fn of_line(line: &str) -> Vec<String> {
    // Every second part between back quotes is code.
    let words: String = line.split('`').step_by(2).collect();
    let after_text = words.split("](").skip(1);
    let targets = after_text.filter_map(|part| part.split_once(')').map(|(target, _)| target));
    let files = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    files.map(|target| target.split('#').next().unwrap_or(target).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_the_rest_is_not() {
        let text = "See [a](docs/a.md#part) and [b](https://example.org), [c](#here).\n`[d](code)`\n```\n[e](f)\n```\n[g](h)";
        assert_eq!(targets(text), [(1, "docs/a.md".to_owned()), (6, "h".to_owned())]);
    }
}
