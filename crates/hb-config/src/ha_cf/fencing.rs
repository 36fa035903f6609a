//! `stonith` and `stonith_host`: devices that switch a node off (`config.md` 4.8). Only checked here; no device is asked.

use std::collections::HashSet;

use crate::checked::FenceDevice;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::host::PathKind;
use crate::line::{is_blank, words};
use crate::source::{Mark, Word};
use crate::suggest::nearest;

use super::{HaCf, path_of};

/// What `stonith -L` of Debian's cluster-glue 1.0.12 lists besides scripts, and how many parameters each type needs at
/// least: with one less 3.0.6 does not start.
const TYPES: [(&str, usize); 18] = [
    ("apcmaster", 3),
    ("apcmastersnmp", 3),
    ("apcsmart", 2),
    ("baytech", 3),
    ("bladehpi", 1),
    ("cyclades", 3),
    ("drac3", 3),
    ("ibmhmc", 1),
    ("ipmilan", 8),
    ("meatware", 1),
    ("null", 1),
    ("nw_rpc100s", 2),
    ("rcd_serial", 4),
    ("rps10", 1),
    ("ssh", 1),
    ("suicide", 0),
    ("wti_mpc", 4),
    ("wti_nps", 2),
];
/// The same for the scripts that come with it.
const SCRIPTS: [(&str, usize); 18] = [
    ("external/drac5", 3),
    ("external/dracmc-telnet", 6),
    ("external/hetzner", 2),
    ("external/hmchttp", 4),
    ("external/ibmrsa", 5),
    ("external/ibmrsa-telnet", 4),
    ("external/ipmi", 5),
    ("external/ippower9258", 4),
    ("external/kdumpcheck", 2),
    ("external/libvirt", 3),
    ("external/nut", 10),
    ("external/rackpdu", 3),
    ("external/riloe", 9),
    ("external/ssh", 1),
    ("external/vcenter", 7),
    ("external/vmware", 1),
    ("external/xen0", 2),
    ("external/xen0-ha", 3),
];
/// Where cluster-glue keeps scripts for `external/NAME`.
const EXTERNAL: &str = "/usr/lib/stonith/plugins";

/// `stonith TYPE FILE`: the first line of FILE that is neither empty nor a comment holds the parameters.
pub(super) fn stonith(cf: &mut HaCf<'_>, rest: Word<'_>) {
    cf.draft.is_fencing_meant = true;
    let mut parts = words(rest, is_blank);
    let Some(kind) = parts.next() else {
        cf.bad_line(Code::BadStonith, None, || "`stonith` lacks a type".to_owned());
        return;
    };
    if !check_type(cf, kind) {
        return;
    }
    let Some(file) = parts.next() else {
        cf.bad_line(Code::BadStonith, Some(kind.mark), || {
            "`stonith` lacks a file behind the type".to_owned()
        });
        return;
    };
    let path = path_of(file);
    let Some(given) = cf.lookup.parameters_in(path) else {
        cf.bad_line(Code::BadStonith, Some(file.mark), || {
            format!("the file {} cannot be read", quoted(file.text))
        });
        return;
    };
    let count = given.split_ascii_whitespace().count();
    if count == 0 {
        cf.bad_line(Code::BadStonith, Some(file.mark), || {
            format!("the file {} holds no parameters", quoted(file.text))
        });
        return;
    }
    if check_count(cf, kind, file.mark, count) {
        count_device(cf, kind, given);
    }
}

/// `stonith_host HOST TYPE PARAMETER...`; for another host the rest is not checked.
pub(super) fn stonith_host(cf: &mut HaCf<'_>, rest: Word<'_>) {
    let mut parts = words(rest, is_blank);
    let Some(host) = parts.next() else {
        cf.bad_line(Code::BadStonith, None, || "`stonith_host` lacks a host".to_owned());
        return;
    };
    let kind = parts.next();
    let parameters = parts.rest();
    cf.draft.hidden.push(parameters.mark.start..parameters.mark.end);
    if host.text != b"*" {
        cf.draft.fenced_from.push((host.lossy().to_ascii_lowercase(), host.mark));
        if host.text.to_ascii_lowercase() != cf.own_name.as_bytes() {
            return;
        }
    }
    cf.draft.is_fencing_meant = true;
    let Some(kind) = kind else {
        cf.bad_line(Code::BadStonith, Some(host.mark), || {
            "`stonith_host` lacks a type behind the host".to_owned()
        });
        return;
    };
    if check_type(cf, kind) && check_count(cf, kind, kind.mark, words(parameters, is_blank).count()) {
        // As it is: blanks within the last parameter belong to it.
        count_device(cf, kind, parameters.lossy());
    }
}

/// A line for a host that is no node concerns nobody. 3.0.6 says nothing of it.
pub(super) fn check_hosts(cf: &mut HaCf<'_>) {
    if cf.draft.doubts.nodes || cf.draft.is_open() {
        return;
    }
    // In the order of the file, so that the same hint is given each time.
    let names: Vec<String> = cf.draft.nodes.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    let nodes: HashSet<&str> = names.iter().map(String::as_str).collect();
    for (host, mark) in cf.draft.fenced_from.clone() {
        if nodes.contains(host.as_str()) {
            continue;
        }
        cf.warning(mark, || {
            let message =
                format!("{} is no node of this file: the line has no effect", quoted(host.as_bytes()));
            let hint = match nearest(host.as_bytes(), names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "name the node that uses the device, not the one that is reset; `*` means all".to_owned()
                }
            };
            Diagnostic::warning(Code::FenceHost, message).hint(hint)
        });
    }
}

/// Parameters are assigned by position, the last one takes the rest of the line. What they mean, only the device knows.
fn check_count(cf: &mut HaCf<'_>, kind: Word<'_>, mark: Mark, given: usize) -> bool {
    let known = TYPES.iter().chain(&SCRIPTS).find(|(name, _)| name.as_bytes() == kind.text);
    // A script of one's own: only it knows how many, but one at least.
    let needed = known.map_or(1, |(_, needed)| *needed);
    if given >= needed {
        return true;
    }
    cf.bad_line(Code::BadStonith, Some(mark), || {
        let plural = if needed == 1 { "" } else { "s" };
        format!("fencing by {} needs {needed} parameter{plural}, not {given}", quoted(kind.text))
    });
    false
}

/// 3.0.6 knows a single device and uses it for every victim.
fn count_device(cf: &mut HaCf<'_>, kind: Word<'_>, parameters: String) {
    let (mark, device) = (kind.mark, FenceDevice { kind: kind.lossy(), parameters });
    if device.kind == "suicide" {
        cf.warning(mark, || {
            let message = "`suicide` resets the node that it runs on, and so never a dead one: nothing of that is taken";
            Diagnostic::warning(Code::FencesItself, message).hint("name a device that reaches the other node")
        });
    }
    if let Some((earlier, _)) = cf.draft.fencing.replace((mark, device)) {
        let source = cf.source;
        cf.warning(mark, || {
            Diagnostic::warning(Code::FencingTwice, "only the last fencing device counts")
                .second(source.place(earlier), "does not count")
                .hint("keep one of the lines")
        });
    }
}

fn check_type(cf: &mut HaCf<'_>, kind: Word<'_>) -> bool {
    let name = kind.lossy();
    // Without this check `external/../x` would name any file.
    let is_name = name.strip_prefix("external/").is_some_and(|script| !script.contains('/'));
    let is_script = is_name
        && cf
            .lookup
            .path(&std::path::Path::new(EXTERNAL).join(&name))
            .is_some_and(|facts| facts.kind == PathKind::File);
    if is_script || TYPES.iter().any(|(known, _)| *known == name) {
        return true;
    }
    cf.error(kind.mark, || {
        let diagnostic = Diagnostic::error(
            Code::BadStonith,
            format!("unknown type of fencing device {}", quoted(kind.text)),
        );
        if SCRIPTS.iter().any(|(known, _)| *known == name) {
            return diagnostic.hint("install the script: it comes with the package cluster-glue");
        }
        let known = TYPES.iter().chain(&SCRIPTS).map(|(name, _)| *name);
        if let Some(near) = nearest(kind.text, known) {
            return diagnostic.hint(format!("did you mean `{near}`?"));
        }
        let names = TYPES.map(|(name, _)| name).join(", ");
        diagnostic.hint(format!("known are {names} and external/SCRIPT"))
    });
    false
}
