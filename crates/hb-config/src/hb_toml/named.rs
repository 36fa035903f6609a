//! Groups that `hb.toml` names: each by its first resource, as `haresources` spells it.

use super::HbToml;
use crate::checked::Group;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report, quoted};
use crate::source::Source;
use crate::suggest::nearest;

/// What is said of a name that no group has.
pub(super) const NO_GROUP: &str = "it is the first resource of no group";

/// Refuses names in `monitor.groups` that are no groups: those that were meant would not be looked at.
pub(crate) fn check_monitored(hb_toml: &HbToml, source: &Source, groups: &[Group], report: &mut Report) {
    let names = hb_toml.monitor.iter().flat_map(|monitor| &monitor.groups);
    for (key, mark) in names.zip(&hb_toml.monitored) {
        let Err(hint) = find(key, groups) else { continue };
        report.error(|| {
            let message = format!("{} cannot be monitored: {NO_GROUP}", quoted(key.as_bytes()));
            Diagnostic::error(Code::NotMonitored, message).at(source.place(*mark)).hint(hint)
        });
    }
}

/// The group of that name, or what to do.
pub(super) fn find<'a>(key: &str, groups: &'a [Group]) -> Result<&'a Group, String> {
    let first = |group: &'a Group| group.resources.first().map(|resource| resource.spelled.as_str());
    groups.iter().find(|group| first(group) == Some(key)).ok_or_else(|| {
        nearest(key.as_bytes(), groups.iter().filter_map(first)).map_or_else(
            || "a group is named by its first resource, as haresources spells it".to_owned(),
            |near| format!("did you mean `{near}`?"),
        )
    })
}
