//! `hb.toml`: exactly what a second, plain reading accepts is accepted, and means the same.
#![no_main]

use std::time::Duration;

use hb_config::AgentLimits;
use hb_fuzz::{answer, text};
use libfuzzer_sys::fuzz_target;
use toml::{Table, Value};

fuzz_target!(|input: &[u8]| {
    let Some(text) = text(input, "[agents]\nkill-grace = \"2s\"\n", WORDS) else { return };
    let loaded = answer("hb.toml", &text);
    let expected = std::str::from_utf8(&text).ok().and_then(|text| text.parse::<Table>().ok());
    let expected = expected.map_or(Reading::Bad, |table| read(&table));
    match (&loaded.config, expected) {
        (Some(config), Reading::Good(limits)) => {
            let exact = |time: Duration| time.as_secs_f64();
            let near = |a: Duration, b: Duration| (exact(a) - exact(b)).abs() <= exact(b) * 1e-6;
            let agents = &config.agents;
            assert!(
                near(agents.start_timeout, limits.start_timeout)
                    && near(agents.stop_timeout, limits.stop_timeout)
            );
            assert!(
                near(agents.status_timeout, limits.status_timeout)
                    && near(agents.kill_grace, limits.kill_grace)
            );
            assert!(near(agents.stop_pause, limits.stop_pause) && agents.stop_retries == limits.stop_retries);
        }
        (None, Reading::Bad) | (_, Reading::OnTheEdge) => {}
        (config, expected) => panic!("{} {expected:?}\n{}", config.is_some(), loaded.render(false)),
    }
});

#[derive(Debug)]
enum Reading {
    Good(AgentLimits),
    Bad,
    /// So near a limit that rounding decides.
    OnTheEdge,
}

fn read(file: &Table) -> Reading {
    let mut limits = AgentLimits::default();
    for (table, entries) in file {
        let Value::Table(entries) = entries else { return Reading::Bad };
        for (key, value) in entries {
            let time = match (table.as_str(), key.as_str(), value) {
                ("agents", "start-timeout", Value::String(text)) => (&mut limits.start_timeout, text),
                ("agents", "stop-timeout", Value::String(text)) => (&mut limits.stop_timeout, text),
                ("agents", "status-timeout", Value::String(text)) => (&mut limits.status_timeout, text),
                ("agents", "kill-grace", Value::String(text)) => (&mut limits.kill_grace, text),
                ("agents", "stop-pause", Value::String(text)) => (&mut limits.stop_pause, text),
                ("agents", "stop-retries", Value::String(text)) if text == "unlimited" => {
                    limits.stop_retries = None;
                    continue;
                }
                ("agents", "stop-retries", Value::Integer(number @ 0..=100_000)) => {
                    limits.stop_retries = u32::try_from(*number).ok();
                    continue;
                }
                ("addresses", "native", Value::Boolean(_)) => continue,
                _ => return Reading::Bad,
            };
            let (limit, text) = time;
            match seconds(text) {
                Some(time) if (time - 0.1).abs() < 1e-6 || (time - 86400.0).abs() < 1e-3 => {
                    return Reading::OnTheEdge;
                }
                Some(time) if (0.1..=86400.0).contains(&time) => *limit = Duration::from_secs_f64(time),
                _ => return Reading::Bad,
            }
        }
        if !matches!(table.as_str(), "agents" | "addresses") {
            return Reading::Bad;
        }
    }
    Reading::Good(limits)
}

fn seconds(text: &str) -> Option<f64> {
    let (number, factor) = [("ms", 0.001), ("min", 60.0), ("s", 1.0), ("h", 3600.0)]
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let number = number.trim_end_matches([' ', '\t', '\r', '\n']);
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && !number.starts_with('.')
        && !number.ends_with('.');
    number.parse::<f64>().ok().filter(|_| is_plain).map(|number| number * factor)
}

const WORDS: &[&str] = &[
    "stop-timeout = \"1.5min\"\n",
    "start-timeout = \"2h\"\n",
    "stop-pause = \"700ms\"\n",
    "stop-retries = \"unlimited\"\n",
    "\n",
    "\n",
    " ",
    " = ",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    "#",
    "[agents]\n",
    "[addresses]\n",
    "agents",
    "addresses",
    "agent",
    "start-timeout",
    "stop-timeout",
    "status-timeout",
    "kill-grace",
    "stop-retries",
    "stop-pause",
    "native",
    "start-timout",
    "\"60s\"",
    "\"100ms\"",
    "\"99ms\"",
    "\"24h\"",
    "\"25h\"",
    "\"1.5min\"",
    "\"1d\"",
    "\"unlimited\"",
    "true",
    "false",
    "0",
    "10",
    "-1",
    "100001",
    "1.5",
    "nan",
    "1979-05-27",
    "[[agents]]\n",
    "agents.kill-grace = \"5s\"\n",
    "\"\"\"",
    "\\u0041",
    "\u{feff}",
    "é",
    "start-timeout = \"60s\"\n",
    "stop-retries = 5\n",
    "native = false\n",
    "zz = 1\n",
    "\r\n",
    "\0",
];
