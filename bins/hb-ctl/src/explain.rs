//! `hb-ctl explain`: what a diagnostic's code means.

use hb_config::Code;

use crate::Done;
use crate::arguments::Explain;
use crate::output::{Failure, USAGE, print};

/// Explains one code, or lists all.
pub(crate) fn explain(arguments: &Explain) -> Done {
    let Some(id) = &arguments.code else { return print(&Code::list()) };
    match Code::from_id(id) {
        Some(code) => print(&code.explain()),
        None => Err(Failure::with_code(format!("there is no code {id}; `hb-ctl explain` lists all"), USAGE)),
    }
}
