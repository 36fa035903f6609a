//! Plays the lab's helper processes for tests whose own executable cannot.

use std::process::ExitCode;

fn main() -> ExitCode {
    hb_lab::internal(std::env::args_os().skip(1).collect())
}
