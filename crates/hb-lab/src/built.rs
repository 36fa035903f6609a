//! Finds a program of this workspace for a test that runs it. It builds nothing.

use std::env;
use std::path::{Path, PathBuf};

use crate::LabError;

/// For tests: the program of that name in the directory of the variable `HB_BIN_DIR`, else in that of the build profile
/// of the running test.
///
/// # Errors
/// [`LabError::NotBuilt`] when it is not there; the message says what to build.
pub fn built_program(name: &str) -> Result<PathBuf, LabError> {
    let test = env::current_exe().unwrap_or_default();
    // A test lies one directory below the programs of its profile.
    let profile = test.ancestors().nth(2).unwrap_or_else(|| Path::new(""));
    let directory = env::var_os("HB_BIN_DIR").map_or_else(|| profile.to_owned(), PathBuf::from);
    let path = directory.join(name);
    if path.is_file() { Ok(path) } else { Err(LabError::NotBuilt { path }) }
}
