//! Words to groups of resources, with warnings for those that cannot start.

use std::collections::HashMap;
use std::path::Path;

use crate::checked::{AddressSpec, Group, Resource, ResourceKind};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::host::{PathFacts, PathKind};
use crate::source::Mark;

use super::Reading;
use super::address::{looks_like_address, looks_like_ipv6, parse_address, parse_ipv6};
use super::agent;
use super::boot::Boot;
use super::group::{Joined, LogicalLine};
use super::network::{self, Networks};

/// Different scripts that are looked for; a file with more is not a real one.
const LOOKED_FOR: usize = 1000;

/// Makes the groups; lines without resources are left out.
pub(super) fn groups(reading: &mut Reading<'_>, lines: &[LogicalLine]) -> Vec<Group> {
    let mut seen = Seen::default();
    let mut groups = Vec::new();
    for line in lines {
        let Some(node) = text(reading, &line.node) else { continue };
        let node = node.to_ascii_lowercase();
        let resources: Vec<Resource> =
            line.resources.iter().filter_map(|word| resource(reading, &mut seen, word)).collect();
        if line.resources.is_empty() {
            reading.warning(line.node.mark, || {
                Diagnostic::warning(
                    Code::EmptyGroup,
                    format!("the line names node {} and no resource", quoted(node.as_bytes())),
                )
                .hint("delete the line, or name its resources")
            });
        }
        if !resources.is_empty() {
            groups.push(Group { node, resources });
        }
    }
    groups
}

/// What was looked for already, and whether it was there.
#[derive(Default)]
struct Seen {
    scripts: HashMap<String, bool>,
    networks: Networks,
    boot: Option<Boot>,
}

fn text<'w>(reading: &mut Reading<'_>, word: &'w Joined) -> Option<&'w str> {
    let text = std::str::from_utf8(&word.text).ok();
    if text.is_none() {
        reading.error(word.mark, || {
            Diagnostic::error(Code::NotUtf8, format!("{} is not UTF-8", quoted(&word.text)))
                .hint("convert the file to UTF-8")
        });
    }
    text
}

fn resource(reading: &mut Reading<'_>, seen: &mut Seen, word: &Joined) -> Option<Resource> {
    let spelled = text(reading, word)?;
    if spelled.contains(['"', '\'']) {
        reading.warning(word.mark, || {
            Diagnostic::warning(
                Code::Quotes,
                format!("the quotes in {} are a part of the word", quoted(spelled.as_bytes())),
            )
            .hint("there is no quoting; delete the quotes")
        });
    }
    if let Some(read) = agent::parse(spelled) {
        let kind = foreign(reading, seen, word.mark, spelled, read);
        return Some(Resource { spelled: spelled.to_owned(), kind });
    }
    let (name, parameters) = if looks_like_address(spelled.as_bytes()) {
        ("IPaddr", vec![spelled])
    } else if looks_like_ipv6(spelled) {
        ("IPv6addr", vec![spelled])
    } else {
        let mut parts = spelled.split("::");
        let name = parts.next().unwrap_or_default();
        (name, parts.filter(|part| !part.is_empty()).collect())
    };
    let kind = if matches!(name, "IPaddr" | "IPaddr2") {
        let read = match &parameters[..] {
            [one] => parse_address(one).map_err(|problem| problem.to_string()),
            [] => Err(format!("`{name}` lacks its address")),
            _ => Err(format!("`{name}` takes one parameter")),
        };
        address(reading, seen, &Named { mark: word.mark, spelled, name, parameters: &parameters }, read)
    } else if name == "IPv6addr" {
        // 3.0.6 cuts an address at each `::` (failover.md 1.1); whoever writes it means the short form.
        let whole = spelled.split_once("::").map_or(spelled, |(_, whole)| whole);
        let whole = if parameters == [spelled] { spelled } else { whole };
        let read = if parameters.is_empty() {
            Err(format!("`{name}` lacks its address"))
        } else {
            parse_ipv6(whole).map_err(|problem| problem.to_string())
        };
        address(reading, seen, &Named { mark: word.mark, spelled, name, parameters: &parameters }, read)
    } else {
        // Quotes and nodes have warnings of their own.
        if !spelled.contains(['"', '\''])
            && !reading.known.is_some_and(|known| known.has_node(spelled.as_bytes()))
        {
            check_script(reading, seen, word.mark, name);
        }
        script(name, &parameters)
    };
    Some(Resource { spelled: spelled.to_owned(), kind })
}

/// An OCF agent or a unit of systemd. A misspelled one leaves a script, which fails when the group starts.
fn foreign(
    reading: &mut Reading<'_>,
    seen: &mut Seen,
    mark: Mark,
    spelled: &str,
    read: Result<ResourceKind, String>,
) -> ResourceKind {
    match read {
        Ok(kind) => {
            agent::check(reading, &mut seen.boot, mark, spelled, &kind);
            kind
        }
        Err(problem) => {
            reading.warning(mark, || {
                Diagnostic::warning(Code::BadAgent, format!("the group cannot start: {problem}"))
                    .hint(format!("for example `{}`", agent::example(spelled)))
            });
            script(spelled, &[])
        }
    }
}

fn script(name: &str, parameters: &[&str]) -> ResourceKind {
    let arguments = parameters.iter().map(|part| (*part).to_owned()).collect();
    ResourceKind::Script { name: name.to_owned(), arguments }
}

/// A word that names an address.
struct Named<'w> {
    mark: Mark,
    spelled: &'w str,
    name: &'w str,
    parameters: &'w [&'w str],
}

/// Bad parameters leave a script, which fails when the group starts, as with 3.0.6.
fn address(
    reading: &mut Reading<'_>,
    seen: &mut Seen,
    word: &Named<'_>,
    read: Result<AddressSpec, String>,
) -> ResourceKind {
    let problem = match read {
        Ok(spec) => {
            network::check(reading, &mut seen.networks, word.mark, word.spelled, &spec);
            if reading.native_addresses {
                return ResourceKind::Address(spec);
            }
            check_script(reading, seen, word.mark, word.name);
            return script(word.name, word.parameters);
        }
        Err(problem) => problem,
    };
    let example = if word.name == "IPv6addr" { "IPv6addr::fd00::53/64/eth0" } else { "192.168.1.53/24/eth0" };
    reading.warning(word.mark, || {
        Diagnostic::warning(Code::BadAddress, format!("the group cannot start: {problem}"))
            .hint(format!("for example `{example}`"))
    });
    script(word.name, word.parameters)
}

/// Looks for the script of `name` where the actuators look for it (`failover.md` 2.1).
fn check_script(reading: &mut Reading<'_>, seen: &mut Seen, mark: Mark, name: &str) {
    let (host, dir) = (reading.host, reading.dir);
    let (mut unusable, mut is_init_script) = (None, false);
    let exists = remember(&mut seen.scripts, name, |name| {
        let own = dir.join("resource.d");
        [own.clone(), "/etc/init.d".into(), "/etc/rc.d/init.d".into()].iter().any(|place| {
            // A name that begins with a slash is looked up below these directories too.
            let path = place.join(Path::new(name.trim_start_matches('/')));
            let facts = host.metadata(&path).ok().filter(|facts| facts.kind == PathKind::File);
            if facts.is_some_and(|facts| !facts.is_executable()) {
                unusable = Some(path);
            }
            let is_it = facts.is_some_and(PathFacts::is_executable);
            is_init_script = is_it && *place != own;
            is_it
        })
    });
    if is_init_script {
        seen.boot.get_or_insert_with(|| Boot::look(host)).check_script(reading, mark, name);
    }
    if exists {
        return;
    }
    reading.warning(mark, || match unusable {
        Some(path) => Diagnostic::warning(
            Code::UnknownScript,
            format!(
                "the group cannot start here: resource script {} is not executable",
                quoted(name.as_bytes())
            ),
        )
        .hint(format!("chmod 755 {}", path.display())),
        None => Diagnostic::warning(
            Code::UnknownScript,
            format!("the group cannot start here: no resource script {}", quoted(name.as_bytes())),
        )
        .hint(if name == "datadisk" {
            "copy dist/resource.d/datadisk of hb into resource.d"
        } else {
            "put an executable of that name into resource.d or /etc/init.d"
        }),
    });
}

pub(super) fn remember(
    known: &mut HashMap<String, bool>,
    name: &str,
    ask: impl FnOnce(&str) -> bool,
) -> bool {
    if let Some(answer) = known.get(name) {
        return *answer;
    }
    if known.len() >= LOOKED_FOR {
        return true;
    }
    let answer = ask(name);
    known.insert(name.to_owned(), answer);
    answer
}
