//! Reads `docs/differences.md`: the chosen differences from 3.0.6 and the vectors that show them.

use std::collections::BTreeSet;
use std::path::Path;

/// Names of vectors in braces in the rows of the section on configuration.
pub(crate) fn listed_vectors() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/differences.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("\n## ").find(|section| section.starts_with("Configuration")).unwrap();
    let rows = section
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| id") && !line.starts_with("| -"));
    let mut names = BTreeSet::new();
    for row in rows {
        assert_eq!(row.matches(" | ").count(), 3, "four columns: {row}");
        for group in row.split('{').skip(1) {
            let group = group.split('}').next().unwrap();
            names.extend(group.split(',').map(|name| name.trim().to_owned()));
        }
    }
    names
}
