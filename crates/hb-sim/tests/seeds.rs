//! Fixed seeds: the same run twice, many runs without a broken rule, the promise table as committed.

use std::time::Duration;

use hb_engine::Failback;
use hb_sim::campaign::{Sum, campaign};
use hb_sim::explore::{Budget, explore};
use hb_sim::{Mix, Scenario, promise, run, shrink};

/// So many failovers each change must survive.
const FAILOVERS: u64 = 20_000;
/// Pairs of ours, about one failover each.
const PAIRS: u64 = 21_000;

/// None of so many seeds from 1 on breaks a rule; `word` is the mix on the command line.
fn nothing_breaks(runs: u64, mix: Mix, word: &str) -> Sum {
    let sum = campaign(1, runs, mix, 5);
    assert!(sum.failed.is_empty(), "cargo run -p hb-sim -- --mix {word} --seed N: {:?}", sum.failed);
    sum
}

#[test]
fn a_seed_gives_the_same_run_byte_for_byte() {
    for (seed, mix) in
        [(7, Mix::Pair), (8, Mix::Mixed), (9, Mix::Many), (10, Mix::Classic), (11, Mix::Legacy)]
    {
        let scenario = Scenario::draw(seed, mix);
        let (first, second) = (run(&scenario, true), run(&scenario, true));
        assert!(!first.story.is_empty());
        assert_eq!(first, second, "seed {seed}");
        assert_eq!(run(&scenario, false).trace, first.trace, "the timeline changes nothing");
    }
}

#[test]
fn twenty_thousand_failovers_without_a_broken_rule() {
    let sum = nothing_breaks(PAIRS, Mix::Pair, "pair");
    println!("{}", sum.text());
    assert!(sum.failovers() >= FAILOVERS, "{}", sum.failovers());
}

#[test]
fn seeds_that_once_broke_a_rule_hold() {
    let pairs = [
        2_006_868, 2_013_815, 2_336_754, 489_786, 2_487_678, 2_488_189, 2_514_125, 2_617_838, 2_740_556,
        1_044_411, 406_502, 540_397, 608_075,
    ];
    let pairs = pairs.map(|seed| (seed, Mix::Pair));
    // Groups that did not go home.
    let away = [110, 4_955, 6_905, 26_550, 38_296].map(|seed| (seed, Mix::Pair));
    let all = [10_154, 10_711, 8_286].map(|seed| (seed, Mix::All));
    let mixed = [
        2_003, 9_346, 11_223, 11_401, 1_470, 14_260, 14_863, 15_411, 17_328, 17_397, 31_068, 71_815, 74_539,
        100_187, 104_564, 108_105,
    ];
    let mixed = mixed.map(|seed| (seed, Mix::Mixed));
    let fencing = [1_351, 103_404, 108_309].map(|seed| (seed, Mix::Fencing));
    let fencing = fencing.into_iter().chain([(15_794, Mix::FencingMixed)]);
    let one_way = [420, 1_252, 5_213, 9_786, 18_933, 730_700].map(|seed| (seed, Mix::OneWay));
    for (seed, mix) in pairs.into_iter().chain(away).chain(all).chain(mixed).chain(fencing).chain(one_way) {
        assert_eq!(run(&Scenario::draw(seed, mix), false).violation, None, "seed {seed}, {mix:?}");
    }
}

#[test]
fn where_nodes_reset_each_other_there_are_never_two_owners() {
    println!("{}", nothing_breaks(1_500, Mix::Fencing, "fencing").text());
}

#[test]
fn who_is_not_heard_gives_way_before_it_is_taken_over() {
    println!("{}", nothing_breaks(2_000, Mix::OneWay, "one-way").text());
}

/// With a device on one side only two owners are possible, but everybody comes to rest.
#[test]
fn a_classic_peer_that_is_reset_is_no_worse_off() {
    println!("{}", nothing_breaks(1_000, Mix::FencingMixed, "fencing-mixed").text());
}

#[test]
fn legacy_pairs_sort_themselves_out() {
    println!("{}", nothing_breaks(1_500, Mix::Legacy, "legacy").text());
}

#[test]
fn larger_clusters_hear_each_other() {
    println!("{}", nothing_breaks(200, Mix::Many, "many").text());
}

#[test]
fn a_classic_peer_is_no_worse_off_with_ours() {
    println!("{}", nothing_breaks(1_000, Mix::Mixed, "mixed").text());
}

#[test]
fn every_order_of_two_nodes_to_a_depth() {
    for failback in [Failback::On, Failback::Off] {
        let budget = Budget { losses: 1, crashes: 1, failures: 1, commands: 1 };
        let found = explore(failback, 6, budget);
        println!("{failback:?}: {} states, {} moves, {} closed", found.states, found.moves, found.closed);
        assert_eq!(found.broken, None);
        assert!(found.states > 4_000, "{}", found.states);
    }
}

#[test]
fn a_scenario_that_holds_is_not_shrunk() {
    let scenario = Scenario::draw(3, Mix::Pair);
    assert_eq!(shrink(&scenario).faults.len(), scenario.faults.len());
}

#[test]
fn the_promise_is_kept() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/promise-table.txt");
    let committed = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Vec<f64>> = committed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().map(|word| word.parse().unwrap()).collect())
        .collect();
    let cells = promise::table(100);
    assert_eq!(lines.len(), cells.len());
    for (line, cell) in lines.iter().zip(&cells) {
        let [p50, p99, most] = cell.detection.map(|time| time.as_secs_f64() * 1e3);
        let step = cell.keepalive.as_secs_f64() * 1e3;
        let percent = f64::from(u32::try_from(cell.loss).unwrap()) / 1e4;
        let deadtime = cell.deadtime.as_secs_f64() * 1e3;
        let named = [(percent, line[0]), (step, line[1]), (deadtime, line[2])];
        assert!(named.iter().all(|(is, said)| (is - said).abs() < 0.05), "{cell:?}, committed {line:?}");
        assert!((p50 - line[4]).abs() <= 0.25 * step, "median of {cell:?}, committed {line:?}");
        assert!((p99 - line[5]).abs() <= 0.25 * step, "99 % of {cell:?}, committed {line:?}");
        assert!(most <= line[6] + 0.25 * step, "longest of {cell:?}, committed {line:?}");
        assert!(cell.detection[2] <= cell.deadtime + cell.keepalive / 4, "{cell:?}");
        let taken = cell.takeover.map(|time| time.as_secs_f64() * 1e3);
        let drift = taken.iter().zip(&line[7..10]).take(2).map(|(is, said)| (is - said).abs());
        assert!(drift.fold(0.0, f64::max) <= 3.0, "take-over of {cell:?}, committed {line:?}");
        // The longest start of a group, and what the driver may be late.
        assert!(taken[2] <= 22.0, "longest take-over of {cell:?}");
        let days = cell.together.as_secs_f64() / 86_400.0;
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let per_day = cell.wrong as f64 / days;
        assert!(per_day <= 2.0 * line[11] + 3.0 / days, "wrong verdicts of {cell:?}, committed {line:?}");
        let mistakes = u32::try_from(cell.wrong).unwrap();
        assert!(cell.overlap <= cell.keepalive / 2 * mistakes, "two owners of {cell:?}, committed {line:?}");
    }
    assert!(cells.iter().all(|cell| cell.loss > 0 || cell.overlap == Duration::ZERO));
}
