//! Makes a failing scenario smaller: leaves out one fault after the other while the same rule is broken.

use crate::scenario::Scenario;
use crate::world::run;

/// The smallest scenario found that breaks the same rule; the same if it breaks none.
#[must_use]
pub fn shrink(scenario: &Scenario) -> Scenario {
    let Some(rule) = run(scenario, false).violation.map(|violation| violation.rule) else {
        return scenario.clone();
    };
    let fails = |scenario: &Scenario| run(scenario, false).violation.is_some_and(|other| other.rule == rule);
    let mut best = scenario.clone();
    let mut index = 0;
    while index < best.faults.len() {
        let mut smaller = best.clone();
        smaller.faults.remove(index);
        if fails(&smaller) {
            best = smaller;
            index = 0;
        } else {
            index += 1;
        }
    }
    for calm in [calm_loss, calm_duplication, calm_stragglers, calm_clocks] {
        let mut smaller = best.clone();
        calm(&mut smaller);
        if fails(&smaller) {
            best = smaller;
        }
    }
    best
}

fn calm_loss(scenario: &mut Scenario) {
    scenario.setup.loss = 0;
}

fn calm_duplication(scenario: &mut Scenario) {
    scenario.setup.duplication = 0;
}

fn calm_stragglers(scenario: &mut Scenario) {
    scenario.setup.stragglers = 0;
}

fn calm_clocks(scenario: &mut Scenario) {
    scenario.setup.clock_error.fill(0);
}
