//! A group of every kind of resource: an address, a wrapper of Debian's resource-agents, an OCF agent, a unit.

use hb_lab::HostSpec;

use crate::pair::{Case, Failback, Pair, Who, play};
use crate::scene::{Holds, LIMIT, Scene, files};

#[tokio::test]
async fn every_kind_of_agent_moves() {
    play(Case::new("every_kind_of_agent", Pair::BothOurs, Failback::Off), every_kind).await;
}

async fn every_kind(case: Case) {
    let mut files = files(case);
    files.haresources = "alpha 10.77.0.100/24/eth0 Filesystem::tmpfs::/srv::tmpfs \
                         ocf:heartbeat:Dummy::state=/srv/dummy::fake=a=b systemd::www\n\
                         beta 10.77.0.101/24/eth0\n"
        .to_owned();
    // No systemd runs on these hosts: what it would be told is written down.
    let mut scene = Scene::build_with(case, &files, |spec: HostSpec| spec.private("/usr/local/sbin")).await;
    for who in Who::BOTH {
        scene.host(who).write("/usr/local/sbin/systemctl", SYSTEMCTL, 0o755).unwrap();
        // `Filesystem` wants to load a module that this kernel has.
        scene.host(who).write("/usr/local/sbin/modprobe", "#!/bin/sh\n", 0o755).unwrap();
    }
    scene.start_both().await;
    runs_on(&scene, Who::Alpha).await;
    scene.standby(Who::Alpha, "all").await;
    scene.reaches("the move", Holds::Nothing, Holds::All).await;
    runs_on(&scene, Who::Beta).await;
    scene.stop(Who::Beta).await;
    scene.reaches("the stop", Holds::All, Holds::Off).await;
    runs_on(&scene, Who::Alpha).await;
    let calls = |who| scene.host(who).read("/run/calls").unwrap();
    assert_eq!(calls(Who::Alpha), "is-active www\nstart www\nstop www\nis-active www\nstart www\n", "{case}");
    assert_eq!(calls(Who::Beta), "is-active www\nstart www\nstop www\n", "{case}");
    scene.ends().await;
}

/// All parts of the group are on this host, and none is on the other one.
async fn runs_on(scene: &Scene, who: Who) {
    let look = "test -e /srv/dummy && echo dummy; mountpoint -q /srv && echo mounted; cat /run/unit";
    for (who, expected) in [(who, "dummy\nmounted\nactive\n"), (who.other(), "")] {
        let output = scene.host(who).run(&["sh", "-c", look], LIMIT).await.unwrap();
        let seen = output.stdout.replace("inactive\n", "");
        assert_eq!(seen, expected, "{} on {}: {}", scene.case, who.name(), scene.node(who).log());
    }
}

const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >> /run/calls
case $1 in
start) echo active > /run/unit ;;
stop) echo inactive > /run/unit ;;
is-active) [ -e /run/unit ] || { echo inactive; exit 3; }; cat /run/unit; grep -q '^active' /run/unit || exit 3 ;;
esac
"#;
