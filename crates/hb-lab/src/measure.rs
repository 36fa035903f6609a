//! Scripted runs: for each fault a fresh cluster, one fault, one line of result.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::cluster::Cluster;
use crate::fault::{self, Fault};
use crate::options::{HungHearts, LabOptions, Peers};
use crate::overlap::Overlap;
use crate::{Agent, LabError};

/// What one fault did to a client. Times in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// The fault.
    pub fault: &'static str,
    /// Number of the run of this fault, from 1.
    pub run: u32,
    /// Longest gap between two answered probes; if it has not ended, until the end of the measurement.
    pub outage_ms: f64,
    /// Probes (4 000 a second) that got no answer.
    pub lost: u64,
    /// Time in which both nodes answered, probed at both MAC addresses.
    pub both_answer_ms: f64,
    /// From the survivor's verdict "dead" to the first answered probe; `None` where there is no verdict, or where
    /// the survivor does not tell its time (3.0.6).
    pub takeover_ms: Option<f64>,
    /// Did one node serve quietly at the end?
    pub settled: bool,
    /// Longest delay of the probe itself: no gap is known better than this.
    pub stall_ms: f64,
    /// When both nodes answered, and what they said then; empty if they never did. Not in the lines of results.
    #[serde(skip)]
    pub overlap: Overlap,
}

/// Runs all faults that the options name and writes a line for each; errors end it.
pub(crate) async fn run(
    options: &LabOptions,
    agent: &Agent,
    out: &mut impl Write,
) -> Result<Vec<Measurement>, LabError> {
    let mut all = Vec::new();
    if !options.json {
        writeln!(out, "{HEADER}").map_err(LabError::Output)?;
    }
    for &fault in &options.faults {
        for run in 1..=options.runs {
            let measurement = measure(options, agent.clone(), fault, run).await?;
            write_line(out, &measurement, options.json).map_err(LabError::Output)?;
            all.push(measurement);
        }
    }
    if !options.json {
        write_medians(out, &options.faults, &all).map_err(LabError::Output)?;
    }
    Ok(all)
}

/// One run of one fault, in a fresh cluster, with programs, times and files as the options say.
///
/// # Errors
/// When the cluster cannot be built, does not come up, or the fault cannot be made. What a node does wrong is in the result.
pub async fn measure(
    options: &LabOptions,
    agent: Agent,
    fault: Fault,
    run: u32,
) -> Result<Measurement, LabError> {
    let cluster = build(options, agent, fault).await?;
    cluster.start(START).await?;
    for node in &cluster.nodes {
        fault::grown_up(node).await;
    }
    one(&cluster, fault, run).await
}

/// Faults one after the other in the same cluster: before each one everything is at home again. Only for faults after which
/// the machine of a node still has power, and which need no other preparation than the first one; the results are told to
/// `each` as soon as they are known.
///
/// # Errors
/// As [`measure`].
pub async fn measure_series(
    options: &LabOptions,
    agent: Agent,
    faults: &[Fault],
    mut each: impl FnMut(&Measurement),
) -> Result<Vec<Measurement>, LabError> {
    let Some(first) = faults.first() else { return Ok(Vec::new()) };
    let cluster = build(options, agent, *first).await?;
    cluster.start(START).await?;
    for node in &cluster.nodes {
        fault::grown_up(node).await;
    }
    let mut all = Vec::new();
    for (run, fault) in (1..).zip(faults) {
        if run > 1 {
            cluster.come_home(START).await?;
        }
        let measurement = one(&cluster, *fault, run).await?;
        each(&measurement);
        all.push(measurement);
    }
    Ok(all)
}

async fn build(options: &LabOptions, agent: Agent, fault: Fault) -> Result<Cluster, LabError> {
    let files = options.files()?;
    // Who takes over shall have had nothing, so that it comes by every point.
    let files = if fault.stop_point().is_some() { files.of_alpha() } else { files };
    // The agent `IPv6addr` of a 3.0.6 node asks whether an address is there, and takes any ICMPv6 packet for the answer, such
    // as alpha's announcement when both start: it then never puts its own one up.
    let files = if options.ipv6 && options.peers != Peers::Ours { files.of_alpha() } else { files };
    // The last change: it names the groups that there are.
    let files = if options.staged { files.staged() } else { files };
    let files = if options.hung_hearts == HungHearts::Kept { files.with_hung_hearts() } else { files };
    let cluster = Cluster::build(agent, options.programs()?, files).await?;
    if let Some(point) = fault.stop_point() {
        cluster.beta().stop_at(point);
    }
    Ok(cluster)
}

async fn one(cluster: &Cluster, fault: Fault, run: u32) -> Result<Measurement, LabError> {
    let outcome = fault::inject(cluster, fault, run).await?;
    let sight = &outcome.sight;
    let verdict =
        if fault.has_verdict() { cluster.beta().verdict_time("alpha", outcome.at_ns) } else { None };
    let takeover = verdict.and_then(|verdict| {
        let mut spells = sight.spells.iter().filter(|spell| spell.node == "beta");
        // An answer before the verdict would be a takeover of 0, which shows as such.
        spells
            .find(|spell| spell.time.from_ns >= outcome.at_ns)
            .map(|spell| spell.time.from_ns.saturating_sub(verdict))
    });
    Ok(Measurement {
        fault: fault.name(),
        run,
        outage_ms: ms(sight.outage_ns()),
        lost: sight.lost,
        both_answer_ms: ms(sight.both_ns),
        takeover_ms: takeover.map(ms),
        settled: outcome.settled,
        stall_ms: ms(sight.stall_ns),
        overlap: cluster.overlap(sight),
    })
}

fn write_line(out: &mut impl Write, line: &Measurement, json: bool) -> io::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, line)?;
        writeln!(out)?;
    } else {
        let remark = if line.settled { "" } else { "  never quiet" };
        let label = format!("{:>3}", line.run);
        write_row(
            out,
            line.fault,
            &label,
            [Some(line.outage_ms), Some(line.both_answer_ms), line.takeover_ms],
            line.lost,
            remark,
        )?;
    }
    // Each line is seen as soon as it is known, also through a pipe.
    out.flush()
}

fn write_medians(out: &mut impl Write, faults: &[Fault], all: &[Measurement]) -> io::Result<()> {
    writeln!(out)?;
    for fault in faults {
        let mine: Vec<_> = all.iter().filter(|line| line.fault == fault.name()).collect();
        if mine.is_empty() {
            continue;
        }
        let of = |value: fn(&Measurement) -> Option<f64>| {
            median(mine.iter().filter_map(|line| value(line)).collect())
        };
        let values = [
            of(|line| Some(line.outage_ms)),
            of(|line| Some(line.both_answer_ms)),
            of(|line| line.takeover_ms),
        ];
        let mut lost: Vec<_> = mine.iter().map(|line| line.lost).collect();
        lost.sort_unstable();
        let lost = lost.get(lost.len() / 2).copied().unwrap_or_default();
        write_row(out, fault.name(), "med", values, lost, "")?;
    }
    out.flush()
}

fn write_row(
    out: &mut impl Write,
    fault: &str,
    run: &str,
    values: [Option<f64>; 3],
    lost: u64,
    remark: &str,
) -> io::Result<()> {
    let [outage, both, takeover] = values.map(|value| value.map_or("-".to_owned(), |ms| format!("{ms:.1}")));
    writeln!(out, "{fault:<20}{run:>4}{outage:>12}{lost:>8}{both:>12}{takeover:>13}{remark}")
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (lower, upper) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*lower, *upper))
}

/// To milliseconds with three digits after the point; more than an hour counts as an hour.
fn ms(ns: u64) -> f64 {
    f64::from(u32::try_from(ns / 1000).unwrap_or(u32::MAX)) / 1000.0
}

const HEADER: &str = "fault                run   outage ms    lost     both ms  takeover ms";
/// The real 3.0.6 takes 10 s when both nodes start together; initial dead times come on top.
const START: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(outage_ms: f64, takeover_ms: Option<f64>) -> Measurement {
        Measurement {
            fault: "crash",
            run: 1,
            outage_ms,
            lost: 4,
            both_answer_ms: 0.0,
            takeover_ms,
            settled: true,
            stall_ms: 0.1,
            overlap: Overlap::default(),
        }
    }

    #[test]
    fn a_line_of_json_has_the_documented_fields() {
        let mut out = Vec::new();
        write_line(&mut out, &measurement(1000.25, None), true).unwrap();
        let text = String::from_utf8(out).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(text.ends_with('\n') && text.lines().count() == 1);
        for key in ["fault", "run", "outage_ms", "lost", "both_answer_ms", "takeover_ms"] {
            assert!(value.get(key).is_some(), "{key}");
        }
        assert_eq!(value["takeover_ms"], serde_json::Value::Null);
    }

    #[test]
    fn the_table_ends_with_medians() {
        let all = [measurement(900.0, Some(1.0)), measurement(1000.0, None), measurement(1001.0, Some(2.0))];
        let mut out = Vec::new();
        for line in &all {
            write_line(&mut out, line, false).unwrap();
        }
        write_medians(&mut out, &[Fault::Crash, Fault::Stop], &all).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text.lines().last().unwrap(),
            "crash                med      1000.0       4         0.0          1.5"
        );
        assert!(text.lines().all(|line| line.is_empty() || line.len() == HEADER.len()), "{text}");
    }

    #[test]
    fn times_are_in_microseconds_at_best() {
        assert_eq!(format!("{}", ms(1_234_567_890)), "1234.567");
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0]), Some(2.0));
    }
}
