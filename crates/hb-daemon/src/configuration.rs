//! Reading the configuration, at the start and again later, and telling what is wrong with it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use hb_config::{Checked, Diagnostic, LoadOptions, Loaded, RealHost, Severity};

use crate::log::{Level, Log};
use crate::options::Options;

/// The files as they are now. May wait for disks and name services.
pub(crate) fn load(options: &Options) -> Loaded {
    let load_options = LoadOptions { node_name: options.node_name.clone() };
    hb_config::load_with(&options.config_dir, &RealHost, &load_options)
}

/// One log line for each diagnostic.
pub(crate) fn log_diagnostics(log: &Log, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        let level = match diagnostic.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warn,
            Severity::Note => Level::Info,
        };
        log.line(level, &one_line(diagnostic));
    }
}

/// Everything that can be compared between two readings: a name and a text that differs when the meaning does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    facts: Vec<(&'static str, String)>,
    keys: u64,
}

impl Facts {
    /// Of a configuration that was read from `config_dir` just now.
    pub(crate) fn of(checked: &Checked, config_dir: &Path) -> Self {
        let c = checked;
        let facts = vec![
            ("node name", c.node_name.clone()),
            ("nodes", format!("{:?}", (&c.nodes, &c.ping_nodes))),
            ("media", format!("{:?}", c.media)),
            ("keepalive", format!("{:?}", c.keepalive)),
            ("deadtime", format!("{:?}", c.deadtime)),
            ("warntime", format!("{:?}", c.warntime)),
            ("initdead", format!("{:?}", c.initdead)),
            ("deadping", format!("{:?}", c.deadping)),
            ("max_rexmit_delay", format!("{:?}", c.max_rexmit_delay)),
            ("hopfudge", c.hopfudge.to_string()),
            ("auto_failback", format!("{:?}", c.failback)),
            ("msgfmt", c.inner_auth.to_string()),
            ("realtime", format!("{:?}", (c.realtime, c.rtprio))),
            ("logging", format!("{:?}", c.log)),
            ("hbgenmethod", format!("{:?}", c.generation_method)),
            ("uuidfrom", format!("{:?}", c.uuid_from)),
            ("haresources", format!("{:?}", c.groups)),
            ("hb.toml", format!("{:?}", c.agents)),
            ("env", format!("{:?}", c.environment)),
        ];
        Self { facts, keys: fingerprint(&config_dir.join("authkeys")) }
    }

    /// Names of what differs, the keys left out.
    pub(crate) fn changes(&self, newer: &Self) -> Vec<&'static str> {
        let pairs = self.facts.iter().zip(&newer.facts);
        pairs.filter(|(before, after)| before != after).map(|((name, _), _)| *name).collect()
    }

    /// The keys of `newer` are in force now.
    pub(crate) const fn take_keys_of(&mut self, newer: &Self) {
        self.keys = newer.keys;
    }

    /// Whether `authkeys` differs.
    pub(crate) const fn has_other_keys(&self, newer: &Self) -> bool {
        self.keys != newer.keys
    }
}

fn one_line(diagnostic: &Diagnostic) -> String {
    let mut line = match (&diagnostic.place, diagnostic.file) {
        (Some(place), _) => format!("{}:{}:{}: ", place.file.name(), place.line, place.column),
        (None, Some(file)) => format!("{}: ", file.name()),
        (None, None) => String::new(),
    };
    line.push_str(&diagnostic.message);
    if let Some(hint) = &diagnostic.hint {
        line.push_str("; hint: ");
        line.push_str(hint);
    }
    line
}

/// A number that changes with the content of a file, and from which nobody gets the content back.
fn fingerprint(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    std::fs::read(path).ok().hash(&mut hasher);
    hasher.finish()
}
