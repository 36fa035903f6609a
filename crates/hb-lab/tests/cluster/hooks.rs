//! Scripts of `rc.d`: what they hear of, from other scripts too, and with what variables (`failover.md` 5).

use std::time::Duration;

use crate::pair::{Case, Failback, Pair, Who};
use crate::scene::{Holds, LIMIT, Scene};

#[tokio::test]
async fn scripts_hear_of_nodes_and_links() {
    let case = Case::new("scripts_hear_of_nodes_and_links", Pair::BothOurs, Failback::Off);
    let mut scene = Scene::build(case).await;
    let alpha = |path: &str, text: &str| scene.host(Who::Alpha).write(path, text, 0o755).unwrap();
    alpha("/etc/ha.d/harc", "#!/bin/sh\nBY=harc exec /etc/ha.d/rc.d/$1 $1\n");
    alpha("/etc/ha.d/rc.d/status", SCRIPT);
    alpha("/etc/ha.d/rc.d/ifstat", SCRIPT);
    // As that of Heartbeat, it would do what is done already.
    alpha("/etc/ha.d/rc.d/hb_takeover", "#!/bin/sh\necho hb_standby >>/var/log/hooks\n");
    for who in Who::BOTH {
        scene.host(who).write("/etc/ha.d/rc.d/backup", SCRIPT, 0o755).unwrap();
    }
    scene.start_both().await;
    // A message of a type of one's own, by the FIFO: for the scripts of both nodes.
    let say = "printf '>>>\\nt=backup\\nwhat=www\\n<<<\\n' >>/var/lib/heartbeat/fifo";
    assert!(scene.host(Who::Alpha).run(&["/bin/sh", "-c", say], LIMIT).await.unwrap().succeeded());
    for who in Who::BOTH {
        let line = format!(" at {}: alpha www\n", who.name());
        let told = |scene: &Scene| scene.host(who).read("/var/log/hooks").unwrap_or_default();
        scene.until("the message is told", LIMIT, async |scene| told(scene).contains(&line)).await;
    }
    scene.takeover(Who::Beta, "foreign").await;
    scene.reaches("the takeover", Holds::Nothing, Holds::All).await;
    scene.crash(Who::Beta).await;
    scene.reaches("the death of beta", Holds::All, Holds::Off).await;
    let dead = "status by harc at alpha: beta dead active";
    let told = |scene: &Scene| scene.host(Who::Alpha).read("/var/log/hooks").unwrap_or_default();
    scene.until("the death is told", LIMIT, async |scene| told(scene).contains(dead)).await;
    let link = "ifstat by harc at alpha: beta eth0 dead\n";
    scene.until("the dead link is told", LIMIT, async |scene| told(scene).contains(link)).await;
    let told = told(&scene);
    let of_status: Vec<_> = told.lines().filter(|line| line.starts_with("status")).collect();
    assert!(of_status.contains(&"status by harc at alpha: beta active up"), "{told}");
    assert_eq!(of_status.last(), Some(&dead), "{told}");
    assert!(!told.contains("hb_standby"), "{told}");
    scene.stays(Duration::from_secs(1), Holds::All, Holds::Off).await;
    scene.ends().await;
}

const SCRIPT: &str = r#"#!/bin/sh
case $1 in
status) words="$HA_src $HA_st $HA_OSTATUS" ;;
ifstat) words="$HA_node $HA_ifname $HA_st" ;;
backup) words="$HA_src $HA_what" ;;
esac
echo "$1 by $BY at $HA_CURHOST: $words" >>/var/log/hooks
"#;
