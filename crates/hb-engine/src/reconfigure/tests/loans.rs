//! A reload while a group is on the other node.

use super::*;

#[test]
fn what_comes_in_the_place_of_a_lent_group_waits_for_its_return() {
    let mut bench = Bench::new();
    let lists = |bench: &mut Bench, borrowed: &str| {
        let mut status = Message::new("status");
        let fields = [("st", "active"), ("dt", "2710"), ("protocol", "1"), ("hb-v", "1")];
        for (name, value) in fields.into_iter().chain([("hb-borrowed", borrowed)]) {
            status.push_text(name, value);
        }
        bench.say(status);
        bench.jobs().into_iter().map(|(_, action)| action).collect::<Vec<_>>()
    };
    assert_eq!(lists(&mut bench, "0 "), []);
    let key = bench.engine.config.groups[0].key.clone();
    bench.engine.handle(now(bench.millis), Input::Command(Command::Move { group: GroupId(0), here: false }));
    let jobs = bench.jobs();
    assert_eq!(jobs.iter().map(|(_, action)| *action).collect::<Vec<_>>(), [Action::Stop(GroupId(0))]);
    bench.finish(jobs[0].0, Outcome::Ok);
    assert_eq!(lists(&mut bench, &alloc::format!("1 {key}")), []);
    // Another line of the file, with the same name.
    bench.reconfigure(|plan| plan.groups[0].id = GroupId(7));
    assert_eq!(bench.jobs(), [], "the other node still runs the old one");
    assert_eq!(lists(&mut bench, &alloc::format!("1 {key}")), []);
    assert_eq!(lists(&mut bench, &alloc::format!("2 {key}")), [], "it is being stopped there");
    assert_eq!(lists(&mut bench, "2 "), [Action::Start(GroupId(7))]);
}
