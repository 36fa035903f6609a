//! The promise table: loss, keepalive and dead time against detection, wrong verdicts, and time with two owners.
//!
//! Each cell plays many seeds of the same story: two nodes under steady loss for a while, then one loses power.

use std::fmt::Write as _;
use std::time::Duration;

use hb_engine::Failback;

use crate::dice::Dice;
use crate::report::quantile;
use crate::scenario::{Fault, Kind, Scenario, Setup, What};
use crate::world::run;

const MS: Duration = Duration::from_millis(1);
/// Lost packets in a million.
const LOSSES: [u64; 5] = [0, 10_000, 50_000, 100_000, 200_000];
/// Keepalive and how many of them make the dead time.
const TIMES: [(u32, u32); 6] = [(100, 4), (100, 10), (200, 5), (500, 5), (1000, 5), (1000, 10)];
/// Time under loss before the power cut, in keepalives.
const BEFORE: u32 = 120;

/// One line of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Lost packets in a million.
    pub loss: u64,
    /// Time between heartbeats.
    pub keepalive: Duration,
    /// Silence until a verdict.
    pub deadtime: Duration,
    /// Runs.
    pub runs: u64,
    /// From the power cut to the verdict: median, 99 %, most.
    pub detection: [Duration; 3],
    /// From the verdict until everything is served: median, 99 %, most. The jobs take 5 to 20 ms.
    pub takeover: [Duration; 3],
    /// Living nodes declared dead, in all runs.
    pub wrong: u64,
    /// How long the nodes lived together under loss, in all runs.
    pub together: Duration,
    /// Time with two owners, in all runs.
    pub overlap: Duration,
}

/// Plays every cell with so many seeds.
#[must_use]
pub fn table(runs: u64) -> Vec<Cell> {
    let cells =
        LOSSES.iter().flat_map(|loss| TIMES.iter().map(move |(keep, factor)| (*loss, *keep, *factor)));
    let cells: Vec<_> = cells.collect();
    let (first, second) = cells.split_at(cells.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| second.iter().map(|cell| play(*cell, runs)).collect::<Vec<_>>());
        let mut done: Vec<Cell> = first.iter().map(|cell| play(*cell, runs)).collect();
        match other.join() {
            Ok(rest) => done.extend(rest),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        done
    })
}

fn play((loss, keepalive, factor): (u64, u32, u32), runs: u64) -> Cell {
    let keepalive = keepalive * MS;
    let deadtime = keepalive * factor;
    let mut cell = Cell {
        loss,
        keepalive,
        deadtime,
        runs,
        detection: [Duration::ZERO; 3],
        takeover: [Duration::ZERO; 3],
        wrong: 0,
        together: Duration::ZERO,
        overlap: Duration::ZERO,
    };
    let (mut detections, mut takeovers) = (Vec::new(), Vec::new());
    for seed in 0..runs {
        let scenario = scenario(seed, loss, keepalive, deadtime);
        let report = run(&scenario, false);
        detections.extend_from_slice(&report.numbers.detections);
        takeovers.extend_from_slice(&report.numbers.takeovers);
        cell.wrong += report.numbers.wrong_verdicts;
        cell.overlap += report.numbers.overlap;
        cell.together += keepalive * BEFORE;
    }
    cell.detection = [0.5, 0.99, 1.0].map(|share| quantile(&mut detections, share));
    cell.takeover = [0.5, 0.99, 1.0].map(|share| quantile(&mut takeovers, share));
    cell
}

fn scenario(seed: u64, loss: u64, keepalive: Duration, deadtime: Duration) -> Scenario {
    let mut dice = Dice::new(seed);
    let begin = deadtime * 3;
    let phase = Duration::from_micros(dice.below(u64::try_from(keepalive.as_micros()).unwrap_or(1)));
    let setup = Setup {
        kinds: vec![Kind::Ours; 2],
        keepalive,
        deadtime,
        initdead: deadtime * 2,
        failback: Failback::Off,
        links: 1,
        groups: vec![0, 1],
        delay: MS / 5,
        jitter: MS,
        loss,
        duplication: 0,
        stragglers: 0,
        clock_error: vec![0, 0],
        wake_jitter: MS,
        job_time: (5 * MS, 20 * MS),
        job_limit: 1000 * MS,
        monitored: false,
        fencing: false,
        one_way: false,
        boot: vec![MS, 30 * MS],
    };
    let crash = begin + keepalive * BEFORE + phase;
    let faults = vec![Fault { at: crash, lasts: deadtime * 4, what: What::Crash(1) }];
    Scenario { seed, setup, faults }
}

/// The table as text.
#[must_use]
pub fn text(cells: &[Cell]) -> String {
    let mut text = String::from(
        "# loss %  keepalive ms  deadtime ms    runs  detection ms p50    p99    max  takeover ms p50  p99  max  wrong verdicts  per day  two owners ms\n",
    );
    for cell in cells {
        let [p50, p99, most] = cell.detection.map(|time| time.as_millis());
        let [taken50, taken99, taken] = cell.takeover.map(|time| time.as_millis());
        let days = cell.together.as_secs_f64() / 86_400.0;
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let (percent, per_day) = (cell.loss as f64 / 10_000.0, cell.wrong as f64 / days);
        let _ = writeln!(
            text,
            "{percent:>8.1} {:>13} {:>12} {:>7} {p50:>17} {p99:>6} {most:>6} {taken50:>16} {taken99:>4} {taken:>4} {:>15} {per_day:>8.1} {:>14}",
            cell.keepalive.as_millis(),
            cell.deadtime.as_millis(),
            cell.runs,
            cell.wrong,
            cell.overlap.as_millis(),
        );
    }
    text
}

/// A chart of the detection times (median to 99 %), one bar a cell, as SVG.
#[must_use]
pub fn chart(cells: &[Cell]) -> String {
    const WIDTH: f64 = 960.0;
    const ROW: f64 = 18.0;
    const LEFT: f64 = 250.0;
    let most = cells.iter().map(|cell| cell.detection[2]).max().unwrap_or(MS).as_secs_f64();
    let scale = (WIDTH - LEFT - 20.0) / most;
    #[expect(clippy::cast_precision_loss, reason = "a few dozen rows")]
    let height = cells.len() as f64 * ROW + 50.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<text x=\"10\" y=\"18\" font-size=\"14\">Time from power cut to verdict: median (dark), \
         99 % (light), longest (line)</text>\n"
    );
    for (index, cell) in cells.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a few dozen rows")]
        let (y, percent) = (30.0 + index as f64 * ROW, cell.loss as f64 / 10_000.0);
        let [p50, p99, longest] = cell.detection.map(|time| time.as_secs_f64() * scale);
        let _ = writeln!(
            svg,
            "<text x=\"10\" y=\"{:.0}\">loss {percent} %, keepalive {} ms, dead {} ms</text>\
             <rect x=\"{LEFT}\" y=\"{y:.0}\" width=\"{p99:.1}\" height=\"12\" fill=\"#9ecae1\"/>\
             <rect x=\"{LEFT}\" y=\"{y:.0}\" width=\"{p50:.1}\" height=\"12\" fill=\"#3182bd\"/>\
             <rect x=\"{:.1}\" y=\"{y:.0}\" width=\"1.5\" height=\"12\" fill=\"#d62728\"/>",
            y + 10.0,
            cell.keepalive.as_millis(),
            cell.deadtime.as_millis(),
            LEFT + longest,
        );
    }
    svg.push_str("</svg>\n");
    svg
}
