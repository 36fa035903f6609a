//! The media: what delays, loses, doubles and cuts packets.

use std::time::Duration;

use crate::dice::Dice;
use crate::scenario::Setup;

/// A packet this late is a straggler.
const STRAGGLER: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) struct Net {
    /// `cuts[from][to][link]`: how many cuts are in force.
    cuts: Vec<Vec<Vec<u32>>>,
    pub(crate) loss: u64,
    pub(crate) duplication: u64,
    pub(crate) stragglers: u64,
    pub(crate) extra: Vec<Duration>,
    delay: Duration,
    jitter: Duration,
}

impl Net {
    pub(crate) fn new(setup: &Setup) -> Self {
        let nodes = setup.kinds.len();
        Self {
            cuts: vec![vec![vec![0; usize::from(setup.links)]; nodes]; nodes],
            loss: setup.loss,
            duplication: setup.duplication,
            stragglers: setup.stragglers,
            extra: Vec::new(),
            delay: setup.delay,
            jitter: setup.jitter,
        }
    }

    /// Cuts one direction, on one medium or on all, or mends it.
    pub(crate) fn cut(&mut self, from: usize, to: usize, link: Option<u16>, cut: bool) {
        for (number, count) in (0u16..).zip(&mut self.cuts[from][to]) {
            if link.is_none_or(|link| link == number) {
                *count = if cut { *count + 1 } else { *count - 1 };
            }
        }
    }

    pub(crate) fn isolate(&mut self, node: usize, cut: bool) {
        for other in (0..self.cuts.len()).filter(|other| *other != node) {
            self.cut(node, other, None, cut);
            self.cut(other, node, None, cut);
        }
    }

    /// When the copies of a packet arrive, counted from now; none if it is lost.
    pub(crate) fn carry(&self, dice: &mut Dice, from: usize, to: usize, link: u16) -> [Option<Duration>; 2] {
        if self.cuts[from][to][usize::from(link)] > 0 || dice.chance(self.loss) {
            return [None, None];
        }
        let second = dice.chance(self.duplication).then(|| self.time(dice));
        [Some(self.time(dice)), second]
    }

    /// From now on nothing is lost or late; what has been cut stays cut until it is mended.
    pub(crate) fn calm_down(&mut self) {
        (self.loss, self.duplication, self.stragglers) = (0, 0, 0);
    }

    fn time(&self, dice: &mut Dice) -> Duration {
        let spread = |dice: &mut Dice, most: Duration| {
            let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
            // The smaller of two: most packets are quick, few are slow.
            Duration::from_nanos(dice.below(most + 1).min(dice.below(most + 1)))
        };
        let mut time = self.delay + spread(dice, self.jitter);
        if dice.chance(self.stragglers) {
            time += spread(dice, STRAGGLER);
        }
        for extra in &self.extra {
            time += spread(dice, *extra);
        }
        time
    }
}
