//! What of fencing only shows when both files and the machine are looked at: settings that nothing uses, a program that is
//! missing, a device that only other nodes have. All of it is accepted, as by 3.0.6.

use std::path::Path;

use crate::checked::FenceSettings;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report};
use crate::ha_cf::Draft;
use crate::hb_toml::HbToml;
use crate::host::{Host, PathKind};
use crate::source::{FileKind, Mark, Place, Source};

/// Directories in which resource scripts find programs, fence agents included; searched before what the daemon was started
/// with, since a service manager's path may lack the directories of tools.
pub const SCRIPT_PATH: &str =
    "/usr/libexec/heartbeat:/usr/lib/heartbeat:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Warns about what will not work as it reads.
pub(crate) fn check(
    draft: &Draft,
    hb_toml: &HbToml,
    sources: &[Source],
    host: &dyn Host,
    report: &mut Report,
) {
    let mut checking = Checking { draft, hb_toml, sources, host, report };
    checking.idle();
    checking.program();
    checking.others_only();
}

struct Checking<'a> {
    draft: &'a Draft,
    hb_toml: &'a HbToml,
    sources: &'a [Source],
    host: &'a dyn Host,
    report: &'a mut Report,
}

impl Checking<'_> {
    fn place(&self, file: FileKind, mark: Option<Mark>) -> Option<Place> {
        let source = self.sources.iter().find(|source| source.file() == file)?;
        mark.map(|mark| source.place(mark))
    }

    fn warning(&mut self, place: Option<Place>, make: impl FnOnce() -> Diagnostic) {
        let Some(place) = place else { return };
        self.report.warning(|| make().at(place));
    }

    /// Settings in `[fencing]` that say something and have nobody who reads them.
    fn idle(&mut self) {
        let (settings, marks, default) =
            (&self.hb_toml.fencing, &self.hb_toml.fencing_marks, FenceSettings::default());
        if settings.agent.is_some() || marks.agent_is_spoiled {
            return;
        }
        let has_device = self.draft.is_fencing_meant;
        let for_an_agent = [
            ("options", marks.options.filter(|_| !settings.options.is_empty())),
            ("own-options", marks.own_options.filter(|_| settings.own_options.is_some())),
        ];
        let for_either = [
            ("delay", marks.delay.filter(|_| settings.delay != default.delay)),
            ("timeout", marks.timeout.filter(|_| settings.timeout != default.timeout)),
        ];
        let either = for_either.into_iter().filter(|_| !has_device);
        let idle = for_an_agent.into_iter().chain(either).find(|(_, mark)| mark.is_some());
        let Some((name, mark)) = idle else { return };
        let place = self.place(FileKind::HbToml, mark);
        self.warning(place, || {
            let (message, hint) = if has_device {
                (
                    format!("`{name}` is for a fence agent, and none is named: the device of ha.cf is used without it"),
                    "name the `agent`, or delete the line",
                )
            } else {
                (
                    format!("`{name}` has no effect: there is neither a fence agent nor a device in ha.cf"),
                    "name the `agent`: for example `agent = \"fence_ipmilan\"`",
                )
            };
            Diagnostic::warning(Code::IdleFencing, message).hint(hint)
        });
    }

    /// The program that does it.
    fn program(&mut self) {
        let (program, place, package) = match (&self.hb_toml.fencing.agent, &self.draft.fencing) {
            (Some(agent), _) => {
                let place = self.place(FileKind::HbToml, self.hb_toml.fencing_marks.agent);
                (agent.as_str(), place, "most agents are in the package fence-agents")
            }
            (None, Some((mark, _))) => {
                ("stonith", self.place(FileKind::HaCf, Some(*mark)), "it is in the package cluster-glue")
            }
            (None, None) => return,
        };
        let is_there = |directory: &str| {
            let facts = self.host.metadata(&Path::new(directory).join(program));
            facts.is_ok_and(|facts| facts.kind == PathKind::File && facts.is_executable())
        };
        if SCRIPT_PATH.split(':').any(is_there) {
            return;
        }
        let message = format!("there is no program `{program}` in the path of scripts: no reset can succeed");
        self.warning(place, || {
            Diagnostic::warning(Code::NoFenceProgram, message).hint(format!("install it: {package}"))
        });
    }

    /// Where each node has its own line, one can be forgotten.
    fn others_only(&mut self) {
        let is_fenced = self.draft.is_fencing_meant
            || self.hb_toml.fencing.agent.is_some()
            || self.hb_toml.fencing_marks.agent_is_spoiled;
        let is_node = |host: &str| self.draft.nodes.iter().any(|(node, _)| node.eq_ignore_ascii_case(host));
        let Some((_, mark)) = self.draft.fenced_from.first().filter(|(host, _)| !is_fenced && is_node(host))
        else {
            return;
        };
        let place = self.place(FileKind::HaCf, Some(*mark));
        self.warning(place, || {
            let message = "there is a fencing device for another node, and none for this one: this one takes everything at once";
            Diagnostic::warning(Code::NoFenceDevice, message).hint("add a `stonith_host` line for this node")
        });
    }
}
