//! `hb-ctl decode`: captured traffic as lines of JSON.

use hb_config::RealHost;

use crate::Done;
use crate::arguments::Decode;
use crate::output::{CONFIGURATION_REFUSED, Failure, print};

/// One line for each packet of each file.
pub(crate) fn decode(arguments: &Decode) -> Done {
    let keys = match &arguments.authkeys {
        Some(path) => Some(
            hb_config::load_keys(path, &RealHost)
                .map_err(|refused| Failure::with_code(refused.render(false), CONFIGURATION_REFUSED))?,
        ),
        None => None,
    };
    for path in &arguments.captures {
        let name = path.display().to_string();
        let file = std::fs::read(path).map_err(|error| Failure::new(format!("{name}: {error}")))?;
        for packet in hb_client::decode::decode(&name, &file, keys.as_ref()) {
            let line = serde_json::to_string(&packet).map_err(|error| Failure::of(&error))?;
            print(&format!("{line}\n"))?;
        }
    }
    Ok(())
}
