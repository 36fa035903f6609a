//! `stonith` and `stonith_host`: devices that switch a node off (`config.md` 4.8). Only checked so far; no device is asked.

use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::host::PathKind;
use crate::line::{is_blank, words};
use crate::source::Word;
use crate::suggest::nearest;

use super::{HaCf, path_of};

/// Types built into cluster-glue; `external/NAME` names a script besides.
const TYPES: [&str; 20] = [
    "apcmaster",
    "apcmastersnmp",
    "apcsmart",
    "baytech",
    "bladehpi",
    "cyclades",
    "drac3",
    "ibmhmc",
    "ipmilan",
    "meatware",
    "null",
    "nw_rpc100s",
    "rcd_serial",
    "rps10",
    "ssh",
    "suicide",
    "vacm",
    "wti_mpc",
    "wti_nps",
    "cim",
];
/// Where cluster-glue keeps scripts for `external/NAME`.
const EXTERNAL: &str = "/usr/lib/stonith/plugins";
/// Bytes of a parameter file that are read.
const LARGEST_FILE: usize = 1 << 20;

/// `stonith TYPE FILE`: the first line of FILE that is neither empty nor a comment holds the parameters.
pub(super) fn stonith(cf: &mut HaCf<'_>, rest: Word<'_>) {
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
    let is_file = cf.lookup.path(path).is_some_and(|facts| facts.kind == PathKind::File);
    let content = if is_file { cf.lookup.host().read(path, LARGEST_FILE).ok() } else { None };
    let Some(content) = content else {
        cf.bad_line(Code::BadStonith, Some(file.mark), || {
            format!("the file {} cannot be read", quoted(file.text))
        });
        return;
    };
    let has_parameters = content
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .any(|line| !line.is_empty() && !line.starts_with(b"#"));
    if !has_parameters && needs_parameters(kind) {
        cf.bad_line(Code::BadStonith, Some(file.mark), || {
            format!("the file {} holds no parameters", quoted(file.text))
        });
    }
}

/// `stonith_host HOST TYPE PARAMETER...`; for another host the rest is not checked.
pub(super) fn stonith_host(cf: &mut HaCf<'_>, rest: Word<'_>) {
    let mut parts = words(rest, is_blank);
    let Some(host) = parts.next() else {
        cf.bad_line(Code::BadStonith, None, || "`stonith_host` lacks a host".to_owned());
        return;
    };
    if host.text != b"*" && host.text.to_ascii_lowercase() != cf.own_name.as_bytes() {
        return;
    }
    let Some(kind) = parts.next() else {
        cf.bad_line(Code::BadStonith, Some(host.mark), || {
            "`stonith_host` lacks a type behind the host".to_owned()
        });
        return;
    };
    if check_type(cf, kind) && parts.next().is_none() && needs_parameters(kind) {
        cf.bad_line(Code::BadStonith, Some(kind.mark), || {
            format!("fencing by {} needs parameters", quoted(kind.text))
        });
    }
}

/// Every type needs at least one, except the one that fences its own node.
fn needs_parameters(kind: Word<'_>) -> bool {
    kind.text != b"suicide"
}

fn check_type(cf: &mut HaCf<'_>, kind: Word<'_>) -> bool {
    let name = kind.lossy();
    let is_script = name.starts_with("external/")
        && cf
            .lookup
            .path(&std::path::Path::new(EXTERNAL).join(&name))
            .is_some_and(|facts| facts.kind == PathKind::File);
    if is_script || TYPES.contains(&name.as_str()) {
        return true;
    }
    cf.error(kind.mark, || {
        let diagnostic = Diagnostic::error(
            Code::BadStonith,
            format!("unknown type of fencing device {}", quoted(kind.text)),
        );
        match nearest(kind.text, TYPES) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic.hint(format!("known are {} and external/SCRIPT", TYPES.join(", "))),
        }
    });
    false
}
