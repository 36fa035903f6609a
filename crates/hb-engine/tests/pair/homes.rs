//! Another preferred node for a group that runs: the nodes read their files one after the other, in either order.

use hb_engine::{Action, Command, Failback, GroupId, GroupPlan, HoldSet, NodeId};

use super::lab::{A, B, Lab};
use super::{SECOND, millis};

const FIRST: GroupId = GroupId(0);

/// The files of a node say so from now on, and it has read them.
fn rehome(lab: &mut Lab, x: usize, homes: [usize; 2]) {
    let host = &mut lab.hosts[x];
    for (group, home) in host.config.groups.iter_mut().zip(homes) {
        group.home = u16::try_from(home).ok().map(NodeId);
    }
    lab.reload(x, |_| {});
}

fn homes_of(lab: &Lab, x: usize) -> Vec<Option<NodeId>> {
    lab.hosts[x].config.groups.iter().map(|group| group.home).collect()
}

const ORDERS: [[usize; 2]; 2] = [[A, B], [B, A]];

fn asked(lab: &Lab) -> usize {
    lab.hosts.iter().flat_map(|host| &host.sent).filter(|message| message.has("hb-homes")).count()
}

fn stops(lab: &Lab) -> usize {
    let all = lab.hosts.iter().flat_map(|host| &host.actions);
    all.filter(|action| **action == Action::Stop(FIRST)).count()
}

#[test]
fn a_group_with_another_home_stays_where_it_runs() {
    for order in ORDERS {
        for gap in [0, 1, 150, 30_000].map(millis) {
            for loss in [0, 20] {
                // As long as no loss looks like a death.
                let mut lab = Lab::both_up_with(Failback::On, 10 * SECOND);
                lab.loss_percent = loss;
                for x in order {
                    rehome(&mut lab, x, [B, B]);
                    lab.pass(gap);
                    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]), "{}", lab.story());
                }
                lab.pass(30 * SECOND);
                lab.loss_percent = 0;
                assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled(), "{}", lab.story());
                assert_eq!(stops(&lab), 0);
                let hold = |x| lab.snapshot(x).unwrap().hold;
                assert_eq!([hold(A), hold(B)], [HoldSet::LOCAL; 2]);
                assert!(lab.snapshot(B).unwrap().groups[0].lent, "it is on loan");
                let before = asked(&lab);
                lab.pass(10 * SECOND);
                assert_eq!(asked(&lab), before, "nobody asks any more");
            }
        }
    }
}

/// Both have read the files; the first group is on A, and B is its preferred node.
fn moved(order: [usize; 2], failback: Failback) -> Lab {
    let mut lab = Lab::both_up(failback);
    for x in order {
        rehome(&mut lab, x, [B, B]);
        lab.pass(millis(50));
    }
    lab.pass(2 * SECOND);
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled(), "{}", lab.story());
    lab
}

#[test]
fn it_goes_home_when_somebody_asks_or_its_node_returns() {
    for order in ORDERS {
        let mut lab = moved(order, Failback::On);
        lab.command(B, Command::Move { group: FIRST, here: true });
        let took = lab.until(SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled());
        assert!(took < millis(60), "{took:?}");

        let mut lab = moved(order, Failback::On);
        lab.crash(B);
        lab.until(2 * SECOND, |lab| lab.holds(A, &[0, 1]) && lab.settled());
        lab.start(B);
        lab.until(4 * SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled());
        lab.pass(20 * SECOND);
        assert!(lab.holds(B, &[0, 1]));

        let mut lab = moved(order, Failback::Off);
        lab.crash(A);
        lab.until(2 * SECOND, |lab| lab.holds(B, &[0, 1]));
        lab.start(A);
        lab.pass(20 * SECOND);
        assert!(lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled(), "{}", lab.story());
    }
}

#[test]
fn what_one_node_alone_has_read_can_be_taken_back() {
    for x in [A, B] {
        let mut lab = Lab::both_up(Failback::On);
        rehome(&mut lab, x, [B, B]);
        lab.pass(3 * SECOND);
        rehome(&mut lab, x, [A, B]);
        lab.pass(5 * SECOND);
        assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled(), "{}", lab.story());
        assert_eq!(stops(&lab), 0);
    }
}

#[test]
fn a_node_that_dies_in_between_leaves_everything_to_the_other() {
    for order in ORDERS {
        for dead in [A, B] {
            let mut lab = Lab::both_up(Failback::On);
            rehome(&mut lab, order[0], [B, B]);
            lab.pass(SECOND);
            lab.crash(dead);
            lab.until(3 * SECOND, |lab| lab.holds(1 - dead, &[0, 1]));
            // It comes back with the same files as the other, which reads them before, or has read them.
            rehome(&mut lab, A, [B, B]);
            rehome(&mut lab, B, [B, B]);
            lab.start(dead);
            lab.until(10 * SECOND, |lab| lab.holds(A, &[]) && lab.holds(B, &[0, 1]) && lab.settled());
        }
    }
}

#[test]
fn a_home_that_is_no_node_is_nobodys() {
    let mut lab = Lab::both_up(Failback::On);
    for x in ORDERS[0] {
        lab.reload(x, |new| {
            new.groups[0].config.home = Some(NodeId(1));
            new.groups[1].config.home = Some(NodeId(9));
        });
        lab.pass(SECOND);
    }
    lab.pass(5 * SECOND);
    // It belongs to neither set that is held, as at a start.
    assert!(lab.holds(A, &[0]) && lab.holds(B, &[]) && lab.settled(), "{}", lab.story());
}

#[test]
fn both_swap_their_groups() {
    for order in ORDERS {
        let mut lab = Lab::both_up(Failback::On);
        for x in order {
            rehome(&mut lab, x, [B, A]);
            lab.pass(millis(700));
        }
        lab.pass(5 * SECOND);
        assert!(lab.holds(A, &[0]) && lab.holds(B, &[1]) && lab.settled(), "{}", lab.story());
        for (group, x) in [(FIRST, B), (GroupId(1), A)] {
            lab.command(x, Command::Move { group, here: true });
            lab.pass(2 * SECOND);
        }
        assert!(lab.holds(A, &[1]) && lab.holds(B, &[0]) && lab.settled(), "{}", lab.story());
    }
}

/// Same first resource, other resources, other home: it is another group.
#[test]
fn a_group_that_changed_its_resources_too_starts_when_the_old_one_is_gone() {
    for order in ORDERS {
        for gap in [0, 10, 400, 5000] {
            let mut lab = Lab::both_up(Failback::On);
            lab.job_time = millis(300);
            let groups = |lab: &Lab| {
                let mut config = lab.hosts[A].config.groups.clone();
                config[0].home = Some(NodeId(1));
                vec![
                    GroupPlan { id: GroupId(2), config: config[0].clone() },
                    GroupPlan { id: GroupId(1), config: config[1].clone() },
                ]
            };
            let never_both = |lab: &Lab| {
                let run = |group| lab.hosts.iter().any(|host| host.running.contains(&group));
                assert!(!(run(0) && run(2)), "{}", lab.story());
            };
            for x in order {
                let groups = groups(&lab);
                lab.reload(x, |new| new.groups = groups);
                for _ in 0..gap / 10 {
                    lab.pass(millis(10));
                    never_both(&lab);
                }
            }
            for _ in 0..500 {
                lab.pass(millis(10));
                never_both(&lab);
            }
            let runs: usize = lab.hosts.iter().filter(|host| host.running.contains(&2)).count();
            assert!(runs == 1 && lab.settled(), "{}", lab.story());
        }
    }
}

/// Reads, orders and losses at random, never twice the same group; with the same files in the end each group has one owner.
#[test]
fn whatever_is_asked_meanwhile_no_group_has_two_owners() {
    for seed in 1..600_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = move |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from((random >> 20) % u64::try_from(below).unwrap()).unwrap()
        };
        let failback = [Failback::On, Failback::Off][next(2)];
        // As long as no loss looks like a death.
        let mut lab = Lab::both_up_with(failback, 10 * SECOND);
        lab.loss_percent = [0, 10, 30][next(3)];
        lab.job_time = millis([5, 300][next(2)]);
        for _ in 0..12 {
            let x = next(2);
            let sets = [HoldSet::LOCAL, HoldSet::FOREIGN, HoldSet::ALL];
            match next(6) {
                0 => lab.command(x, Command::Standby(sets[next(3)])),
                1 => lab.command(x, Command::Takeover(sets[next(3)])),
                2 => {
                    let (group, here) = (GroupId([0, 1][next(2)]), next(2) == 0);
                    lab.command(x, Command::Move { group, here });
                }
                3 if homes_of(&lab, A) == homes_of(&lab, B) => {
                    lab.crash(x);
                    let short = [50, 12_000][next(2)];
                    lab.pass(millis(short));
                    lab.start(x);
                    // Of a node that was not heard yet nobody knows whether it is a 3.0.6.
                    lab.until(5 * SECOND, |lab| {
                        lab.snapshot(x).unwrap().nodes.iter().all(|node| node.speaks_hb)
                    });
                }
                _ => rehome(&mut lab, x, [next(2), next(2)]),
            }
            lab.pass(millis([0, 20, 400, 5000][next(4)]));
        }
        let homes = [next(2), next(2)];
        for x in ORDERS[next(2)] {
            rehome(&mut lab, x, homes);
            lab.pass(millis([0, 300][next(2)]));
        }
        lab.loss_percent = 0;
        lab.pass(60 * SECOND);
        let mut run: Vec<u16> = lab.hosts.iter().flat_map(|host| host.running.iter().copied()).collect();
        run.sort_unstable();
        assert_eq!(run, [0, 1], "seed {seed}: {}", lab.story());
        assert!(lab.settled(), "seed {seed}: {}", lab.story());
    }
}
