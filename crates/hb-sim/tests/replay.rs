//! Recorded pairs of 3.0.6 against shadows of the engine: what they say differently is exactly what is listed, with a
//! reason, in `data/replay/differences.txt`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use hb_auth::{KeyRing, Method};
use hb_sim::replay::{Heard, Life, Recording, replay};
use hb_wire::capture::Capture;

/// Each line of the list: life -> differences in order, each with its reason.
type Listed = BTreeMap<String, Vec<(String, String)>>;
type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[test]
fn every_difference_to_recorded_pairs_is_listed_with_its_reason() -> Result<()> {
    let listed = read_list()?;
    let (mut predicted, mut said) = (0, 0);
    let mut wrong = String::new();
    let mut seen = 0;
    for run in runs()? {
        let recording = read(&run)?;
        for life in replay(&recording) {
            let name = format!("{} {} {}", stem(&run), life.node, life.number);
            (predicted, said) = (predicted + life.predicted, said + life.said);
            seen += 1;
            let found: Vec<String> = life.differences.iter().map(ToString::to_string).collect();
            let expected: Vec<String> =
                listed.get(&name).into_iter().flatten().map(|(line, _)| line.clone()).collect();
            if found != expected {
                wrong.push_str(&proposal(&name, &life, &listed));
            }
        }
    }
    assert!(wrong.is_empty(), "{} should be:\n{wrong}", data().join("differences.txt").display());
    assert_eq!(listed.len(), seen, "the list has lives that no recording has");
    println!("{predicted} of {said} messages predicted in {seen} lives");
    // What a shadow cannot know must not grow into an excuse.
    assert!(predicted * 2 >= said, "only {predicted} of {said} messages are predicted");
    Ok(())
}

#[test]
fn a_reason_is_one_that_is_explained() -> Result<()> {
    let differences = include_str!("../../../docs/differences.md");
    let own = std::fs::read_to_string(data().join("differences.txt"))?;
    for (name, lines) in read_list()? {
        for (line, reason) in lines {
            let elsewhere = differences.contains(&format!("\n| {reason} |"));
            let here = own.contains(&format!("\n# {reason}: "));
            assert!(elsewhere || here, "{name}: {line} | {reason}: a reason that is nowhere explained");
        }
    }
    Ok(())
}

#[test]
fn a_shadow_that_hears_nothing_is_told_apart() -> Result<()> {
    for run in runs()? {
        let mut recording = read(&run)?;
        let healthy: usize = replay(&recording).iter().map(|life| life.predicted).sum();
        recording.heard.retain(|heard| heard.message.kind() != Some("resource"));
        let deaf: usize = replay(&recording).iter().map(|life| life.predicted).sum();
        assert!(deaf < healthy, "{}", run.display());
    }
    Ok(())
}

/// What should stand in the list; reasons that are there are kept.
fn proposal(name: &str, life: &Life, listed: &Listed) -> String {
    let mut known: Vec<(String, String)> = listed.get(name).cloned().unwrap_or_default();
    let mut text = format!("== {name}\n");
    for difference in &life.differences {
        let shown = difference.to_string();
        let place = known.iter().position(|(other, _)| *other == shown);
        let reason = place.map_or_else(|| "?".to_owned(), |place| known.remove(place).1);
        let at = difference.at.as_secs_f64() % 1000.0;
        let _ = writeln!(text, "{shown} | {reason}    # at {at:.3}");
    }
    text
}

fn read_list() -> Result<Listed> {
    let text = std::fs::read_to_string(data().join("differences.txt"))?;
    let mut listed = Listed::new();
    let mut name = String::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(next) = line.strip_prefix("== ") {
            next.clone_into(&mut name);
            assert!(listed.insert(name.clone(), Vec::new()).is_none(), "{name} twice");
        } else {
            let (line, reason) = line.split_once(" | ").ok_or_else(|| format!("no reason: {line}"))?;
            let here = listed.get_mut(&name).ok_or("a difference before any life")?;
            here.push((line.to_owned(), reason.trim().to_owned()));
        }
    }
    Ok(listed)
}

fn runs() -> Result<Vec<PathBuf>> {
    let mut runs = Vec::new();
    for entry in std::fs::read_dir(data())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "run") {
            runs.push(path);
        }
    }
    runs.sort();
    assert!(runs.len() >= 5);
    Ok(runs)
}

fn read(run: &Path) -> Result<Recording> {
    let mut recording = Recording::read(&std::fs::read_to_string(run)?)?;
    let (method, key) = recording.auth.split_once(' ').unwrap_or((&recording.auth, ""));
    let ring = KeyRing::new(1, [(1, method.parse::<Method>()?, key.as_bytes().to_vec())])?;
    let file = std::fs::read(run.with_extension("pcap"))?;
    for datagram in Capture::read(&file)? {
        let datagram = datagram?;
        let message = ring.open(datagram.payload)?;
        recording.heard.push(Heard { at: datagram.time, message });
    }
    assert!(recording.heard.len() > 50, "{}", run.display());
    Ok(recording)
}

fn stem(run: &Path) -> String {
    run.file_stem().unwrap_or_default().display().to_string()
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/replay")
}
