//! The command line of `cargo xtask`.

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Show [`USAGE`].
    Help,
    /// Build the programs and run `hb-ctl lab` with these arguments.
    Lab(Vec<String>),
    /// Run the tests.
    Test(TestOptions),
}

/// How much of the test run is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestOptions {
    /// How deep.
    pub(crate) depth: Depth,
    /// Only these steps, by name; empty: every step of the depth.
    pub(crate) only: Vec<String>,
}

/// How deep a test run goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The inner loop: format, sources, layers, check, tests of pure and of changed crates.
    Fast,
    /// Everything, as in CI.
    #[default]
    Full,
    /// Everything, with more generated cases and longer fuzzing.
    Slow,
}

/// The help text.
pub(crate) const USAGE: &str = "\
Development tasks of hb.

  cargo xtask test [--fast | --slow] [--only STEP]...
      Installs what the tests need (Debian), runs every check and every test, and closes with `N passed, N failed`.
      --fast   the inner loop, under a minute: format, sources, layers, check, tests of pure and of changed crates
      --slow   everything, with more generated cases, more simulated seeds and longer fuzzing, the unit file under a
               systemd, and in emulated machines PPP with the real pppd, a watchdog device and a paused machine
      --only   only this step: format, sources, layers, machine, check, lints, tests, documents, examples,
               dependencies, simulation, fuzz, cluster, systemd, pppd, watchdog, pause; may be given more than once
  cargo xtask lab [ARGUMENT]...
      Builds hb-node and hb-ctl for release and runs `hb-ctl lab` with the arguments: two nodes and a client on
      this machine, to watch and to break.
  cargo xtask help
";

/// Reads the arguments that follow the program's name; the error is a sentence for the user.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Task, String> {
    match arguments.next().as_deref() {
        Some("test") => parse_test(arguments).map(Task::Test),
        Some("lab") => Ok(Task::Lab(arguments.collect())),
        Some("help" | "--help" | "-h") => Ok(Task::Help),
        Some(other) => Err(format!("there is no task `{other}`")),
        None => Err("which task?".to_owned()),
    }
}

fn parse_test(mut arguments: impl Iterator<Item = String>) -> Result<TestOptions, String> {
    let mut options = TestOptions::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--fast" | "--slow" if options.depth != Depth::Full => {
                return Err("--fast and --slow exclude each other and are given once".to_owned());
            }
            "--fast" => options.depth = Depth::Fast,
            "--slow" => options.depth = Depth::Slow,
            "--only" => options.only.push(arguments.next().ok_or("--only needs the name of a step")?),
            other => return Err(format!("`cargo xtask test` has no option `{other}`")),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn tasks_are_told_apart() {
        assert_eq!(parsed("test"), Ok(Task::Test(TestOptions::default())));
        assert_eq!(parsed("help"), Ok(Task::Help));
        let lab = Task::Lab(vec!["--runs".to_owned(), "3".to_owned()]);
        assert_eq!(parsed("lab --runs 3"), Ok(lab));
        assert!(parsed("").is_err());
        assert!(parsed("tset").is_err());
    }

    #[test]
    fn test_options() {
        let fast = TestOptions { depth: Depth::Fast, only: vec!["tests".to_owned()] };
        assert_eq!(parsed("test --fast --only tests"), Ok(Task::Test(fast)));
        for wrong in ["test --fast --slow", "test --slow --slow", "test --only", "test fast"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
