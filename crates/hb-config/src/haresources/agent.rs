//! Resources that 3.0.6 does not know: OCF agents, `ocf:PROVIDER:AGENT::name=value`, and units of systemd, `systemd::NAME`.
//!
//! Reads how they are written and looks whether they are there. Which programs run for them is the actuators' business.

use std::path::{Path, PathBuf};

use crate::checked::{OcfAgent, ResourceKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::host::{PathFacts, PathKind};
use crate::source::Mark;

use super::Reading;
use super::boot::Boot;

/// A word of these kinds; nothing if it is of none. The error says what is wrong with it.
pub(super) fn parse(spelled: &str) -> Option<Result<ResourceKind, String>> {
    let (name, rest) = match spelled.split_once("::") {
        Some((name, rest)) => (name, Some(rest)),
        None => (spelled, None),
    };
    if name == SYSTEMD {
        return Some(unit(rest.unwrap_or_default()).map(ResourceKind::Unit));
    }
    let class = name.strip_prefix("ocf:")?;
    Some(ocf(class, rest).map(ResourceKind::Ocf))
}

/// How such a word is written, for hints.
pub(super) fn example(spelled: &str) -> &'static str {
    if spelled.starts_with(SYSTEMD) { "systemd::nginx" } else { "ocf:heartbeat:nginx::port=8080" }
}

/// Warns about what is not on this machine, or started by it at boot.
pub(super) fn check(
    reading: &mut Reading<'_>,
    boot: &mut Option<Boot>,
    mark: Mark,
    spelled: &str,
    kind: &ResourceKind,
) {
    match kind {
        ResourceKind::Ocf(agent) => check_ocf(reading, mark, agent),
        ResourceKind::Unit(name) => {
            let file = unit_file(name);
            check_unit(reading, mark, spelled, &file);
            let host = reading.host;
            boot.get_or_insert_with(|| Boot::look(host)).check_unit(reading, mark, &file);
        }
        ResourceKind::Address(_) | ResourceKind::Script { .. } => {}
    }
}

fn ocf(class: &str, parameters: Option<&str>) -> Result<OcfAgent, String> {
    let (provider, agent) = class
        .split_once(':')
        .filter(|(provider, agent)| is_file_name(provider) && is_file_name(agent))
        .ok_or_else(|| "an OCF agent is written ocf:PROVIDER:AGENT".to_owned())?;
    let mut found: Vec<(String, String)> = Vec::new();
    for part in parameters.into_iter().flat_map(|text| text.split("::")) {
        let named = part.split_once('=').filter(|(name, _)| is_variable(name));
        if let Some((name, value)) = named {
            if found.iter().any(|(known, _)| known == name) {
                return Err(format!("parameter `{name}` is given twice"));
            }
            found.push((name.to_owned(), value.to_owned()));
        } else if let Some((_, value)) = found.last_mut() {
            // The `::` was part of a value: an IPv6 address.
            value.push_str("::");
            value.push_str(part);
        } else {
            return Err(format!("a parameter is written name=value, not {}", quoted(part.as_bytes())));
        }
    }
    Ok(OcfAgent { provider: provider.to_owned(), agent: agent.to_owned(), parameters: found })
}

fn unit(name: &str) -> Result<String, String> {
    let is_odd = |c: char| !c.is_ascii_alphanumeric() && !":-_.@\\".contains(c);
    if name.is_empty() {
        return Err("the name of the unit is missing".to_owned());
    }
    if name.starts_with(['-', '.']) || name.contains("::") || name.contains(is_odd) {
        return Err(format!("{} is not the name of a unit", quoted(name.as_bytes())));
    }
    Ok(name.to_owned())
}

fn check_ocf(reading: &mut Reading<'_>, mark: Mark, agent: &OcfAgent) {
    let path = Path::new(OCF_AGENTS).join(&agent.provider).join(&agent.agent);
    let facts = reading.host.metadata(&path).ok().filter(|facts| facts.kind == PathKind::File);
    if facts.is_some_and(PathFacts::is_executable) {
        return;
    }
    reading.warning(mark, || {
        let problem = if facts.is_some() { "is not executable" } else { "is not there" };
        let message = format!("the group cannot start here: resource agent {} {problem}", path.display());
        let hint = if facts.is_some() {
            format!("chmod 755 {}", path.display())
        } else {
            "install the package with the agents of that provider; for `heartbeat` it is resource-agents"
                .to_owned()
        };
        Diagnostic::warning(Code::UnknownScript, message).hint(hint)
    });
}

/// The full name of a unit.
fn unit_file(name: &str) -> String {
    let has_type = name.rsplit_once('.').is_some_and(|(_, end)| UNIT_TYPES.contains(&end));
    if has_type { name.to_owned() } else { format!("{name}.service") }
}

fn check_unit(reading: &mut Reading<'_>, mark: Mark, spelled: &str, file: &str) {
    // An instance comes from its template.
    let template = file.split_once('@').and_then(|(name, rest)| {
        let (_, end) = rest.rsplit_once('.')?;
        Some(format!("{name}@.{end}"))
    });
    let host = reading.host;
    let is_there = |file: &str| {
        let mut places = UNIT_DIRECTORIES.iter().map(|place| PathBuf::from(place).join(file));
        places.any(|path| host.metadata(&path).is_ok_and(|facts| facts.kind == PathKind::File))
    };
    if std::iter::once(file).chain(template.as_deref()).any(is_there) {
        return;
    }
    reading.warning(mark, || {
        let message = format!("the group cannot start here: systemd has no unit `{file}`");
        let hint = format!(
            "{} is written systemd::NAME, with a name that `systemctl status NAME` knows",
            quoted(spelled.as_bytes())
        );
        Diagnostic::warning(Code::UnknownScript, message).hint(hint)
    });
}

/// A name below a directory, in characters that need no quoting anywhere.
fn is_file_name(name: &str) -> bool {
    let is_odd = |c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c);
    !name.is_empty() && !name.starts_with(['.', '-']) && !name.contains(is_odd)
}

fn is_variable(name: &str) -> bool {
    let is_odd = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.contains(is_odd)
}

const SYSTEMD: &str = "systemd";

/// Where actuators look for agents.
const OCF_AGENTS: &str = "/usr/lib/ocf/resource.d";

const UNIT_TYPES: [&str; 8] = ["service", "socket", "target", "mount", "timer", "path", "automount", "swap"];

/// Where systemd looks for units of the system (systemd.unit(5)), those made from init scripts included.
const UNIT_DIRECTORIES: [&str; 7] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator",
    "/run/systemd/generator.late",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spelled: &str) -> String {
        match parse(spelled) {
            None => "script".to_owned(),
            Some(Err(problem)) => problem,
            Some(Ok(ResourceKind::Ocf(OcfAgent { provider, agent, parameters }))) => {
                format!("{provider} {agent} {parameters:?}")
            }
            Some(Ok(ResourceKind::Unit(name))) => format!("unit {name}"),
            Some(Ok(other)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn agents_and_units_are_told_from_scripts() {
        for (spelled, expected) in [
            ("www", "script"),
            ("OCF::Dummy::1", "script"),
            ("ocf", "script"),
            ("ocfs2::/dev/sda", "script"),
            ("ocf:heartbeat:Dummy", "heartbeat Dummy []"),
            (
                "ocf:heartbeat:Dummy::state=/run/x::fake=a=b",
                r#"heartbeat Dummy [("state", "/run/x"), ("fake", "a=b")]"#,
            ),
            ("ocf:heartbeat:Dummy::fake=", r#"heartbeat Dummy [("fake", "")]"#),
            (
                "ocf:heartbeat:IPv6addr::ipv6addr=fd00::53::nic=eth0",
                r#"heartbeat IPv6addr [("ipv6addr", "fd00::53"), ("nic", "eth0")]"#,
            ),
            ("ocf:heartbeat:IPv6addr::ipv6addr=fd00::", r#"heartbeat IPv6addr [("ipv6addr", "fd00::")]"#),
            ("ocf:heartbeat", "an OCF agent is written ocf:PROVIDER:AGENT"),
            ("ocf:heartbeat:", "an OCF agent is written ocf:PROVIDER:AGENT"),
            ("ocf:../../etc:x", "an OCF agent is written ocf:PROVIDER:AGENT"),
            ("ocf:heartbeat:Dummy::state", "a parameter is written name=value, not `state`"),
            ("ocf:heartbeat:Dummy::1x=y", "a parameter is written name=value, not `1x=y`"),
            ("ocf:heartbeat:Dummy::a=1::a=2", "parameter `a` is given twice"),
            ("systemd::nginx", "unit nginx"),
            ("systemd::getty@tty1.service", "unit getty@tty1.service"),
            ("systemd", "the name of the unit is missing"),
            ("systemd::", "the name of the unit is missing"),
            ("systemd::a::b", "`a::b` is not the name of a unit"),
            ("systemd::--now", "`--now` is not the name of a unit"),
            ("systemd::../x", "`../x` is not the name of a unit"),
        ] {
            assert_eq!(read(spelled), expected, "{spelled}");
        }
    }
}
