//! The environment of resource scripts (`failover.md` 2.2).
//!
//! Little of what the daemon was started with: whoever starts it by hand has secrets and sockets among his variables, which
//! 3.0.6 hands on (11, 31). Plus what 3.0.6 sets: directories, the node's name, every recorded parameter of `ha.cf` as
//! `HA_<directive>`, and what the directive `env` adds.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use hb_config::{Checked, Failback, SCRIPT_PATH};

/// The whole environment. `inherited` is the daemon's own.
pub(crate) fn of_scripts(
    checked: &Checked,
    config_dir: &Path,
    inherited: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let mut variables: BTreeMap<OsString, OsString> =
        inherited.filter(|(name, _)| is_for_scripts(name)).collect();
    let mut set = |name: &str, value: &OsStr| variables.insert(name.into(), value.to_owned());

    let path = path_of_scripts(set("PATH", OsStr::new("")).as_deref());
    set("PATH", &path);
    set("LC_ALL", OsStr::new("C"));
    let mut directory = config_dir.as_os_str().to_owned();
    directory.push("/");
    set("HA_DIR", &directory);
    set("HA_FUNCS", config_dir.join("shellfuncs").as_os_str());
    set("HA_RCDIR", config_dir.join("rc.d").as_os_str());
    set("HA_RESOURCEDIR", config_dir.join("resource.d").as_os_str());
    set("HA_DATEFMT", OsStr::new("%Y/%m/%d_%T "));
    set("HA_CURHOST", OsStr::new(&checked.node_name));
    set("OCF_ROOT", OsStr::new(hb_resource::OCF_ROOT));
    for (name, value) in &checked.parameters {
        set(&format!("HA_{name}"), OsStr::new(value));
    }
    let null = Path::new("/dev/null");
    set("HA_LOGFILE", checked.log.logfile.as_deref().unwrap_or(null).as_os_str());
    set("HA_DEBUGLOG", checked.log.debugfile.as_deref().unwrap_or(null).as_os_str());
    if let Some(facility) = checked.log.facility {
        set("HA_LOGFACILITY", OsStr::new(facility.name()));
    }
    set("HA_LOGD", OsStr::new("no"));
    match checked.failback {
        Failback::On | Failback::Off => {
            set("HA_NICEFAILBACK", OsStr::new("yes"));
        }
        Failback::Legacy => {}
    }
    for (name, value) in &checked.environment {
        variables.insert(name.clone(), value.clone());
    }
    variables.into_iter().collect()
}

/// What says who runs it and where, and what is meant for scripts by its name. The language is not among them, because the output
/// of tools is read.
fn is_for_scripts(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let exact: [&[u8]; 6] = [b"PATH", b"TZ", b"HOME", b"USER", b"LOGNAME", b"SHELL"];
    let prefixes: [&[u8]; 3] = [b"HA_", b"OCF_", b"HB_"];
    exact.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

fn path_of_scripts(inherited: Option<&OsStr>) -> OsString {
    let mut path = OsString::from(SCRIPT_PATH);
    if let Some(inherited) = inherited.filter(|inherited| !inherited.is_empty()) {
        path.push(":");
        path.push(inherited);
    }
    path
}
