//! `hb-ctl convert`: old spellings of `ha.cf` to present ones.

use hb_config::{Conversion, ConvertError, LoadOptions, RealHost};

use crate::Done;
use crate::arguments::Convert;
use crate::output::{Failure, NO_PERMISSION, print};

/// Shows what would change; with `--write` changes it.
pub(crate) fn convert(arguments: &Convert) -> Done {
    let file = arguments.dir.join("ha.cf");
    let conversion = hb_config::convert(&arguments.dir, &RealHost, &LoadOptions::default())
        .map_err(|error| failure(&error))?;
    print(&conversion.view())?;
    for line in conversion.too_long() {
        print(&format!("{}:{line}: the line is too long to be rewritten: break it\n", file.display()))?;
    }
    if conversion.is_empty() {
        return print(&format!("{}: nothing to convert\n", file.display()));
    }
    if arguments.write {
        let old = conversion.write().map_err(|error| failure(&error))?;
        print(&format!("\n{} is written; the old text is kept in {}\n", file.display(), old.display()))?;
    } else {
        print("\nNothing is written yet: --write does it, and keeps the old text in a file beside it.\n")?;
    }
    print(&remaining(&conversion))
}

fn failure(error: &ConvertError) -> Failure {
    if error.is_permission() { Failure::of(error).and_code(NO_PERMISSION) } else { Failure::of(error) }
}

/// What still stands in the way of a start.
fn remaining(conversion: &Conversion) -> String {
    match conversion.checked.counts.errors {
        0 => String::new(),
        1 => "The configuration has one error besides: see `hb-ctl check`.\n".to_owned(),
        errors => format!("The configuration has {errors} errors besides: see `hb-ctl check`.\n"),
    }
}
