//! Generated files, compared with those that are there. `UPDATE=1` writes them anew.

use std::fs;
use std::path::Path;

/// Compares a generated file with the one that is there.
pub(crate) fn compare(path: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let there = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(text, there, "{} differs; look at it, then UPDATE=1", path.display());
}

#[test]
fn documents_about_hb_toml_are_those_of_its_keys() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    compare(&root.join("examples/conf/hb.toml"), &hb_config::hb_toml_example());
    compare(&root.join("docs/man/hb.toml.5.md"), &hb_config::hb_toml_page());
}
