//! Which ping members stay, which come, which go.

use hb_engine::{PingId, PingPlan};
use hb_transport::PingSpec;

use super::tell::Tell;

/// The members from now on with the numbers of their pingers, and where they were before. A member that is asked at other
/// addresses is another one. A pinger that stays keeps its number, and no new one gets a number that was in use: what goes
/// is closed later.
pub(super) fn plan(
    asked: &[(PingSpec, u16)],
    read: Vec<PingSpec>,
    tell: &mut Tell,
) -> (Vec<(PingSpec, u16)>, Vec<PingPlan>) {
    let mut free = vec![true; asked.len()];
    let mut numbers = (0..=u16::MAX).filter(|number| asked.iter().all(|(_, used)| used != number));
    let (mut next, mut plan) = (Vec::with_capacity(read.len()), Vec::with_capacity(read.len()));
    for spec in read {
        let found = asked.iter().zip(&free).position(|((known, _), free)| *free && *known == spec);
        let before = found.and_then(|index| u16::try_from(index).ok()).map(PingId);
        plan.push(PingPlan { name: spec.name.clone(), before });
        if let Some(taken) = found.and_then(|index| free.get_mut(index)) {
            *taken = false;
        }
        // There are far fewer members than numbers.
        let number = found.and_then(|index| asked.get(index)).map(|(_, number)| *number);
        let number = number.or_else(|| numbers.next()).unwrap_or_default();
        next.push((spec, number));
    }
    let gone: Vec<_> =
        asked.iter().zip(&free).filter(|(_, free)| **free).map(|((spec, _), _)| spec).collect();
    let new = || next.iter().zip(&plan).filter(|(_, plan)| plan.before.is_none()).map(|((spec, _), _)| spec);
    let is_same = |one: &PingSpec, other: &PingSpec| one.to_string() == other.to_string();
    for spec in gone.iter().filter(|gone| !new().any(|new| is_same(new, gone))) {
        tell.info(format!("{spec} gone"));
    }
    for spec in new() {
        if gone.iter().any(|gone| is_same(spec, gone)) {
            tell.info(format!("{spec} is asked at another address from now on"));
        } else {
            tell.info(format!("{spec} added"));
        }
    }
    if gone.is_empty() && new().next().is_none() && next.iter().zip(asked).any(|(next, asked)| next != asked)
    {
        tell.info("ping nodes stand in another order".to_owned());
    }
    (next, plan)
}
