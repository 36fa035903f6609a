//! Draws a scenario from a seed: which clusters and which faults occur, and how often.

use std::time::Duration;

use hb_engine::{Command, Failback, GroupId, HoldSet};

use crate::dice::Dice;
use crate::scenario::{Fault, Kind, Scenario, Setup, What};

/// Which scenarios to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Everything: mostly pairs of ours, some mixed pairs, some larger clusters.
    All,
    /// Pairs of ours only.
    Pair,
    /// Pairs of ours that reset each other.
    Fencing,
    /// Ours that resets a 3.0.6 peer, which has no device; half of them in legacy mode.
    FencingMixed,
    /// Pairs of ours of which one at a time does not hear the other.
    OneWay,
    /// Ours with a 3.0.6 peer only.
    Mixed,
    /// Two of the 3.0.6 model: what the field has had so far.
    Classic,
    /// Ours with a 3.0.6 peer, both in legacy mode.
    Legacy,
    /// Three to seven nodes without groups: bus and liveness only.
    Many,
}

const MS: Duration = Duration::from_millis(1);

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn draw(seed: u64, mix: Mix) -> Self {
        if mix == Mix::FencingMixed {
            let mut scenario =
                Self::draw(seed, if seed.is_multiple_of(2) { Mix::Mixed } else { Mix::Legacy });
            scenario.setup.fencing = true;
            return scenario;
        }
        let mut dice = Dice::new(seed);
        let mix = match (mix, dice.below(20)) {
            (Mix::All, 0) => Mix::Many,
            (Mix::All, 1..=3) => Mix::Mixed,
            (Mix::All, _) => Mix::Pair,
            (other, _) => other,
        };
        let mut setup = setup(&mut dice, mix);
        let mut faults = if mix == Mix::OneWay {
            calm_down(&mut setup);
            one_way_faults(&mut dice, &setup)
        } else {
            faults(&mut dice, &setup)
        };
        monitoring(&mut Dice::new(!seed), mix, &mut setup, &mut faults);
        Self { seed, setup, faults }
    }
}

fn setup(dice: &mut Dice, mix: Mix) -> Setup {
    let kinds = match mix {
        Mix::All | Mix::Pair | Mix::Fencing | Mix::OneWay => vec![Kind::Ours; 2],
        Mix::Classic => vec![Kind::Legacy; 2],
        Mix::Mixed | Mix::Legacy if dice.chance(500_000) => vec![Kind::Ours, Kind::Legacy],
        Mix::Mixed | Mix::Legacy | Mix::FencingMixed => vec![Kind::Legacy, Kind::Ours],
        Mix::Many => vec![Kind::Ours; usize::try_from(dice.range(3, 7)).unwrap_or(3)],
    };
    let keepalive = dice.pick(&[100, 200, 200, 500, 1000]) * MS;
    let deadtime = keepalive * u32::try_from(dice.range(4, 12)).unwrap_or(5);
    let calm = dice.chance(500_000);
    let groups = match (mix, dice.below(4)) {
        (Mix::Many, _) => vec![],
        (_, 0) => vec![0, 0, 1],
        (_, 1) => vec![0, 1, 1],
        (_, _) => vec![0, 1],
    };
    let longest_job = dice.pick(&[5, 20, 100, 1000]) * MS;
    Setup {
        keepalive,
        deadtime,
        initdead: deadtime * dice.pick(&[1, 2, 3]),
        failback: match (mix, dice.pick(&[Failback::On, Failback::Off])) {
            (Mix::Legacy, _) => Failback::Legacy,
            (_, failback) => failback,
        },
        links: dice.pick(&[1, 1, 2]),
        groups,
        delay: dice.time(MS / 10, 5 * MS),
        jitter: dice.time(MS / 20, 20 * MS),
        loss: if calm { 0 } else { dice.pick(&[0, 1_000, 10_000, 50_000, 150_000]) },
        duplication: if calm { 0 } else { dice.pick(&[0, 1_000, 50_000]) },
        stragglers: if calm { 0 } else { dice.pick(&[0, 0, 2_000, 20_000]) },
        clock_error: kinds
            .iter()
            .map(|_| i64::try_from(dice.range(0, 100_000)).unwrap_or(0) - 50_000)
            .collect(),
        wake_jitter: dice.time(MS / 20, 10 * MS),
        job_time: (MS, longest_job),
        job_limit: 5 * longest_job + 200 * MS,
        monitored: false,
        fencing: mix == Mix::Fencing,
        one_way: mix == Mix::OneWay,
        boot: kinds.iter().map(|_| dice.time(MS, 2 * deadtime)).collect(),
        kinds,
    }
}

/// In some runs of pairs groups are looked at, and die now and then. By dice of its own: other runs stay what they were.
fn monitoring(dice: &mut Dice, mix: Mix, setup: &mut Setup, faults: &mut Vec<Fault>) {
    if !matches!(mix, Mix::Pair | Mix::Fencing | Mix::Mixed) || !dice.chance(200_000) {
        return;
    }
    setup.monitored = true;
    let last = faults.last().map_or(setup.initdead, |fault| fault.at);
    for _ in 0..dice.range(1, 6) {
        let node = usize::try_from(dice.below(setup.kinds.len() as u64)).unwrap_or(0);
        let group = u16::try_from(dice.below(setup.groups.len() as u64)).unwrap_or(0);
        if setup.kinds[node] == Kind::Ours {
            let at = dice.time(setup.initdead, last + Duration::from_secs(10));
            faults.push(Fault { at, lasts: MS, what: What::GroupDies(node, group) });
        }
    }
    faults.sort_by_key(|fault| fault.at);
}

/// One direction after the other, all media of it, and what may befall or be asked of a node meanwhile.
fn one_way_faults(dice: &mut Dice, setup: &Setup) -> Vec<Fault> {
    let mut at = setup.initdead + Duration::from_secs(1);
    let mut list = Vec::new();
    for _ in 0..dice.range(1, 4) {
        let from = usize::try_from(dice.below(2)).unwrap_or(0);
        let lasts = dice.time(setup.keepalive, setup.deadtime * 3);
        list.push(Fault { at, lasts, what: What::Cut { from, to: 1 - from, link: None } });
        for _ in 0..dice.below(3) {
            let node = usize::try_from(dice.below(2)).unwrap_or(0);
            let set = dice.pick(&[HoldSet::ALL, HoldSet::LOCAL, HoldSet::FOREIGN]);
            let (lasts, what) = match dice.below(8) {
                0 => (dice.time(setup.deadtime / 2, setup.deadtime * 5), What::Crash(node)),
                1 => (dice.time(setup.deadtime / 2, setup.deadtime * 5), What::DaemonDies(node)),
                2 => (dice.time(MS, setup.deadtime * 3), What::Stop(node)),
                3 => (MS, What::Command(node, Command::Takeover(set))),
                4..=5 => (MS, What::Command(node, Command::Standby(set))),
                number => {
                    let here = dice.chance(500_000);
                    (MS, What::Command(node, Command::Move { group: GroupId(u16::from(number == 6)), here }))
                }
            };
            list.push(Fault { at: at + dice.time(MS, setup.deadtime * 2), lasts, what });
        }
        at += lasts + dice.time(MS, setup.deadtime * 3);
    }
    list.sort_by_key(|fault| fault.at);
    list
}

/// Who is to give way has the time for it: it is told once in each keepalive, and its jobs are short.
fn calm_down(setup: &mut Setup) {
    (setup.loss, setup.stragglers) = (0, 0);
    setup.keepalive = setup.keepalive.max(200 * MS);
    setup.deadtime = setup.deadtime.max(setup.keepalive * 6);
    setup.initdead = setup.initdead.max(setup.deadtime);
    setup.job_time.1 = setup.job_time.1.min(setup.keepalive / 4);
    setup.job_limit = 5 * setup.job_time.1 + 200 * MS;
}

fn faults(dice: &mut Dice, setup: &Setup) -> Vec<Fault> {
    let mut at = setup.initdead + Duration::from_secs(1);
    if dice.chance(200_000) {
        // Into the start itself.
        at = dice.time(MS, setup.initdead * 2);
    }
    let count = dice.range(1, 8);
    let mut list: Vec<Fault> = (0..count)
        .map(|_| {
            let fault = fault(dice, setup, at);
            // Half of the faults meet the one before while it lasts.
            at += if dice.chance(500_000) {
                dice.time(MS, setup.deadtime * 2)
            } else {
                fault.lasts + dice.time(50 * MS, setup.deadtime * 4)
            };
            fault
        })
        .collect();
    list.sort_by_key(|fault| fault.at);
    list
}

fn fault(dice: &mut Dice, setup: &Setup, at: Duration) -> Fault {
    let nodes = setup.kinds.len() as u64;
    let node = usize::try_from(dice.below(nodes)).unwrap_or(0);
    let other = (node + 1 + usize::try_from(dice.below(nodes - 1)).unwrap_or(0)) % setup.kinds.len();
    let ours = setup.kinds[node] == Kind::Ours;
    let short = dice.time(5 * MS, setup.deadtime * 3);
    let long = dice.time(setup.deadtime / 2, setup.deadtime * 5);
    let (lasts, what) = match dice.below(100) {
        0..=21 => (long, What::Crash(node)),
        22..=25 => (long, What::DaemonDies(node)),
        26..=35 => (dice.time(MS, setup.deadtime * 3), What::Stop(node)),
        36..=47 => {
            let jobs = dice.chance(500_000);
            let deaf = dice.chance(400_000);
            (short, What::Freeze { node, jobs, deaf, clock: jobs && ours && dice.chance(250_000) })
        }
        48..=55 => {
            let link =
                dice.chance(300_000).then(|| u16::try_from(dice.below(setup.links.into())).unwrap_or(0));
            (short, What::Cut { from: node, to: other, link })
        }
        56..=63 => (short, What::Isolated(node)),
        64..=68 => (long, What::Loss(dice.pick(&[100_000, 300_000, 600_000]))),
        69..=71 => (long, What::Delay(dice.time(20 * MS, setup.deadtime))),
        72..=74 if ours => (short, What::StartsFail(node)),
        75..=77 if ours => (short, What::StopsFail(node)),
        78..=80 if ours => (short, What::JobsHang(node)),
        72..=84 => (long, What::JobsSlow(node)),
        85..=86 => (MS, What::WallStep(node, dice.pick(&[-90_000, -3600, -2, 5, 3600, 1_000_000]))),
        number @ 93..=94 if ours => {
            let group = GroupId(u16::from(number == 94));
            (MS, What::Command(node, Command::Move { group, here: dice.pick(&[true, false, false]) }))
        }
        number => {
            let set = dice.pick(&[HoldSet::ALL, HoldSet::LOCAL, HoldSet::FOREIGN]);
            let command = if number < 95 { Command::Standby(set) } else { Command::Takeover(set) };
            (MS, What::Command(node, command))
        }
    };
    Fault { at, lasts, what }
}
