//! Plants each mutant of `mutants.txt` in a copy of the tree below `target/`, builds the simulator there, and says
//! which rule of which seed catches it. Exit code 1: a mutant survived, or does not fit the code any more.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const MUTANTS: &str = include_str!("../../mutants.txt");
const SEEDS: &str = "1000";
const CRATES: [&str; 5] = ["hb-sys", "hb-wire", "hb-auth", "hb-engine", "hb-sim"];

struct Mutant<'a> {
    name: &'a str,
    mix: &'a str,
    file: &'a str,
    before: String,
    after: String,
}

fn main() -> ExitCode {
    match every_mutant() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "hb-sim-mutants: {error}");
            ExitCode::FAILURE
        }
    }
}

fn every_mutant() -> io::Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let tree = root.join("target/mutants/tree");
    copy_tree(&root, &tree)?;
    let mut good = true;
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    for mutant in mutants() {
        if !chosen.is_empty() && !chosen.iter().any(|word| mutant.name.contains(word.as_str())) {
            continue;
        }
        let verdict = try_mutant(&tree, &mutant)?;
        good &= verdict.starts_with("caught");
        writeln!(io::stdout(), "{:<36} {verdict}", mutant.name)?;
    }
    Ok(good)
}

fn mutants() -> Vec<Mutant<'static>> {
    MUTANTS.split("\n== ").skip(1).filter_map(read).collect()
}

fn read(text: &'static str) -> Option<Mutant<'static>> {
    let (head, rest) = text.split_once('\n')?;
    let mut head = head.split('|').map(str::trim);
    let (name, mix) = (head.next()?, head.next()?);
    let (file, rest) = rest.split_once('\n')?;
    let (before, after) = rest.split_once("----\n").or_else(|| Some((rest.strip_suffix("----")?, "")))?;
    let after = after.trim_end_matches('\n');
    Some(Mutant { name, mix, file, before: before.to_owned(), after: format!("{after}\n") })
}

/// Our crates, with a workspace of their own that keeps its build below `target/mutants`.
fn copy_tree(root: &Path, tree: &Path) -> io::Result<()> {
    fs::create_dir_all(tree)?;
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let members = CRATES.map(|name| format!("\"crates/{name}\"")).join(", ");
    let lines = manifest.lines().filter(|line| !line.starts_with("default-members"));
    let lines = lines.map(|line| match line.split_once(" = ") {
        Some(("members", _)) => format!("members = [{members}]"),
        Some(_) | None => line.to_owned(),
    });
    let manifest = lines.collect::<Vec<_>>().join("\n");
    write_if_new(&tree.join("Cargo.toml"), manifest.as_bytes())?;
    write_if_new(&tree.join("Cargo.lock"), &fs::read(root.join("Cargo.lock"))?)?;
    for name in CRATES {
        copy_folder(&root.join("crates").join(name), &tree.join("crates").join(name))?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            write_if_new(&target, &fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// Leaves files alone that are as they shall be, so that Cargo does not build them again.
fn write_if_new(path: &Path, text: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == text) { Ok(()) } else { fs::write(path, text) }
}

fn try_mutant(tree: &Path, mutant: &Mutant<'_>) -> io::Result<String> {
    let file = tree.join(mutant.file);
    let healthy = fs::read_to_string(&file)?;
    if healthy.matches(mutant.before.as_str()).count() != 1 {
        return Ok("does not fit the code any more".to_owned());
    }
    fs::write(&file, healthy.replacen(&mutant.before, &mutant.after, 1))?;
    let verdict = play(tree, mutant);
    fs::write(&file, healthy)?;
    verdict
}

fn play(tree: &Path, mutant: &Mutant<'_>) -> io::Result<String> {
    let target: PathBuf = tree.join("../target");
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(arguments).current_dir(tree).env("CARGO_TARGET_DIR", &target).output()
    };
    if mutant.mix == "tests" {
        let tests = cargo(&["test", "--quiet", "-p", "hb-engine", "--no-fail-fast"])?;
        let text = String::from_utf8_lossy(&tests.stdout);
        let failed = text.lines().find_map(|line| line.strip_prefix("---- ")?.split(' ').next());
        return Ok(failed.map_or("SURVIVED".to_owned(), |test| format!("caught: test {test}")));
    }
    let built = cargo(&["build", "--quiet", "--release", "-p", "hb-sim", "--bin", "hb-sim"])?;
    if !built.status.success() {
        return Ok(format!("does not build: {}", String::from_utf8_lossy(&built.stderr)));
    }
    let mut sim = Command::new(target.join("release/hb-sim"));
    let run = sim.args(["--runs", SEEDS, "--mix", mutant.mix, "--failures", "1"]).output()?;
    let text = String::from_utf8_lossy(&run.stdout);
    Ok(match text.lines().find(|line| line.starts_with("seed ")) {
        Some(line) if !run.status.success() => {
            let words: Vec<&str> = line.split(' ').take(3).collect();
            format!("caught: {}", words.join(" "))
        }
        Some(_) | None if run.status.success() => "SURVIVED".to_owned(),
        Some(_) | None => "caught: it panics".to_owned(),
    })
}
