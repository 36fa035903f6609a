//! `hb-ctl check`: the configuration as a start would see it.

use std::io::IsTerminal as _;

use hb_config::{LoadOptions, RealHost, datadisk, fencing_in_words, protection, services_in_words};

use crate::Done;
use crate::arguments::{Check, Format};
use crate::output::{Failure, print};

/// Prints what is to be said and ends with the code that a start would have.
pub(crate) fn check(arguments: &Check) -> Done {
    let options = LoadOptions { node_name: arguments.node_name.clone() };
    let loaded = hb_config::load_with(&arguments.dir, &RealHost, &options);
    match arguments.format {
        Format::Text => {
            print(&loaded.render(std::io::stdout().is_terminal()))?;
            if let Some(config) = &loaded.config {
                let words = fencing_in_words(config).into_iter().chain(services_in_words(config));
                for line in words.chain(protection(config)) {
                    print(&format!("protection: {line}\n"))?;
                }
            }
            if let Some(line) =
                loaded.config.as_ref().and_then(|config| datadisk(config, &arguments.dir, &RealHost))
            {
                print(&format!("datadisk: {line}\n"))?;
            }
        }
        Format::Json => print(&format!("{}\n", loaded.json()))?,
    }
    match loaded.exit_code() {
        0 => Ok(()),
        code => Err(Failure::with_code("", code)),
    }
}
