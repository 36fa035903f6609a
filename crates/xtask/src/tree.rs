//! The files of the work tree that checks look at.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// Every file below `root` whose name ends in `.extension`, sorted; hidden folders and build output are left out.
pub(crate) fn files(root: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    collect(root, extension, &mut found)?;
    found.sort();
    Ok(found)
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// A path as the checks show it: relative to the workspace.
pub(crate) fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let file_error = |source| Error::File { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(file_error)? {
        let entry = entry.map_err(file_error)?;
        let kind = entry.file_type().map_err(file_error)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&entry.path(), extension, found)?;
        } else if kind.is_file() && entry.path().extension().is_some_and(|found| found == extension) {
            found.push(entry.path());
        }
    }
    Ok(())
}
