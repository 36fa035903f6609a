//! Which services the machine starts by itself when it boots, by the links that systemd and the run levels of init scripts
//! keep. A resource among them runs on both nodes.
//!
//! Services that others pull in, a socket for example, and links in other places than `/etc` are not seen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::host::Host;
use crate::source::Mark;

use super::Reading;

/// The links that start services; looked for once for a whole file.
pub(super) struct Boot {
    /// By the full name of the unit.
    units: BTreeMap<String, PathBuf>,
    /// By the name of the init script.
    scripts: BTreeMap<String, PathBuf>,
    has_systemd: bool,
}

impl Boot {
    pub(super) fn look(host: &dyn Host) -> Self {
        let (mut units, mut scripts) = (BTreeMap::new(), BTreeMap::new());
        let asks = |name: &String| {
            let unit = name.strip_suffix(".wants").or_else(|| name.strip_suffix(".requires"));
            unit.is_some_and(|unit| !NOT_AT_BOOT.contains(&unit.strip_suffix(".target").unwrap_or(unit)))
        };
        for directory in host.entries(Path::new(UNITS)).iter().filter(|name| asks(name)) {
            let directory = Path::new(UNITS).join(directory);
            for unit in host.entries(&directory) {
                let path = directory.join(&unit);
                units.entry(unit).or_insert(path);
            }
        }
        for directory in RUN_LEVELS.map(Path::new) {
            for link in host.entries(directory) {
                let name =
                    link.strip_prefix('S').map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
                if let Some(name) = name.filter(|name| !name.is_empty()) {
                    scripts.entry(name.to_owned()).or_insert_with(|| directory.join(&link));
                }
            }
        }
        let has_systemd = !host.entries(Path::new(UNITS)).is_empty();
        Self { units, scripts, has_systemd }
    }

    /// Warns of a unit, by its full name, that is started at boot.
    pub(super) fn check_unit(&self, reading: &mut Reading<'_>, mark: Mark, unit: &str) {
        if let Some(link) = self.units.get(unit) {
            let name = unit.strip_suffix(".service").unwrap_or(unit);
            warn(reading, mark, name, link, &format!("systemctl disable {name}"));
        }
    }

    /// Warns of an init script that is started at boot, or whose unit of the same name is.
    pub(super) fn check_script(&self, reading: &mut Reading<'_>, mark: Mark, name: &str) {
        let link = self.units.get(&format!("{name}.service")).or_else(|| self.scripts.get(name));
        if let Some(link) = link {
            let command = if self.has_systemd { "systemctl disable" } else { "update-rc.d" };
            let end = if self.has_systemd { "" } else { " disable" };
            warn(reading, mark, name, link, &format!("{command} {name}{end}"));
        }
    }
}

/// Targets that come later, if at all.
const NOT_AT_BOOT: [&str; 8] =
    ["sleep", "suspend", "hibernate", "hybrid-sleep", "shutdown", "reboot", "halt", "poweroff"];

fn warn(reading: &mut Reading<'_>, mark: Mark, name: &str, link: &Path, command: &str) {
    reading.warning(mark, || {
        let message = format!(
            "{} is started at boot as well, so it runs on both nodes: {} says so",
            quoted(name.as_bytes()),
            link.display()
        );
        Diagnostic::warning(Code::StartsAtBoot, message).hint(format!("{command}, on each node"))
    });
}

/// Where an administrator's choices for systemd are (systemd.unit(5)).
const UNITS: &str = "/etc/systemd/system";

/// The levels in which services run; systemd looks at them too, for init scripts without a unit.
const RUN_LEVELS: [&str; 4] = ["/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d"];
