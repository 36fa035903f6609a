//! The file `hb_generation`: 15 columns and LF, one more with each start (`wire.md` 6.2, `config.md` 11.2).
//!
//! Other than in 3.0.6 a broken file does not lead back to 1, which peers would take for a replay, but to the time
//! (`config.md` 15). The number never falls below the present file's.

use std::io;
use std::path::Path;

use super::replace::replace;

/// The number of this run, and what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    /// The field `hg`.
    pub(crate) number: u64,
    /// Something unusual about the file.
    pub(crate) notice: Option<String>,
}

/// Takes the next number from the file in `state_dir` and writes it back; `wall` is the time in seconds since 1970.
///
/// # Errors
/// If the file cannot be read or written: without it the next run could not be told from this one.
pub(crate) fn next(state_dir: &Path, wall: u64) -> io::Result<Generation> {
    let path = state_dir.join(FILE);
    let content = match std::fs::read(&path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let generation = following(&content, wall);
    replace(&path, format!("{:>15}\n", generation.number).as_bytes())?;
    Ok(generation)
}

fn following(content: &[u8], wall: u64) -> Generation {
    let fresh = wall.saturating_add(1);
    let text = String::from_utf8_lossy(content.get(..16).unwrap_or(content));
    let text = text.trim();
    if text.is_empty() {
        let notice = format!("No Previous generation - starting at {fresh}");
        return Generation { number: fresh, notice: Some(notice) };
    }
    // 15 columns hold no more; the number must also stay below what an old peer can hold.
    match text.parse::<u64>() {
        Ok(number) if number < MAX => Generation { number: number + 1, notice: None },
        _ => {
            let notice =
                format!("BROKEN previous generation [{}] - starting at {fresh}", text.escape_default());
            Generation { number: fresh, notice: Some(notice) }
        }
    }
}

const FILE: &str = "hb_generation";
/// The largest number that fits into 15 columns.
const MAX: u64 = 999_999_999_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_specification() {
        let cases: [(&[u8], u64); 7] = [
            (b"", 1001),
            (b"             41\n", 42),
            (b"41\n", 42),
            (b"41", 42),
            (b"not a number\n", 1001),
            (b"999999999999999\n", 1001),
            (b"-3\n", 1001),
        ];
        for (content, number) in cases {
            assert_eq!(following(content, 1000).number, number, "{content:?}");
        }
    }

    #[test]
    fn the_file_is_16_bytes_and_rises() {
        let dir = std::env::temp_dir().join(format!("hb-generation-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let first = next(&dir, 1_763_751_234).unwrap();
        assert_eq!(first.number, 1_763_751_235);
        assert_eq!(first.notice.unwrap(), "No Previous generation - starting at 1763751235");
        assert_eq!(std::fs::read(dir.join(FILE)).unwrap(), b"     1763751235\n");
        assert_eq!(next(&dir, 5).unwrap(), Generation { number: 1_763_751_236, notice: None });
        assert_eq!(std::fs::read(dir.join(FILE)).unwrap(), b"     1763751236\n");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_an_error() {
        assert!(next(Path::new("/proc/self"), 5).is_err());
    }
}
