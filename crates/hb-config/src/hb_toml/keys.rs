//! The table of keys: what people read about `hb.toml` in messages, in the example and in the manual page.

use std::fmt::Write as _;

use crate::wrap::wrapped;

/// A table of the file.
struct Table {
    name: &'static str,
    /// What its keys are about.
    about: &'static str,
}

/// A key of the file.
pub(super) struct Key {
    pub(super) table: &'static str,
    pub(super) name: &'static str,
    /// Completes "takes ...".
    pub(super) takes: &'static str,
    /// The default as it would be written.
    pub(super) default: &'static str,
    /// What it means, what it is related to, and why to change it.
    about: &'static str,
}

impl Key {
    /// Whether it takes a time.
    pub(super) fn is_time(&self) -> bool {
        self.takes == TIME
    }
}

const TIME: &str = "a time from \"100ms\" to \"24h\"";

const TABLES: [Table; 5] = [
    Table {
        name: "agents",
        about: "Resource scripts of resource.d and init.d. Heartbeat 3.0.6 lets them run as long as they like.",
    },
    Table { name: "addresses", about: "Addresses of haresources." },
    Table {
        name: "fencing",
        about: "What switches a dead node off before anything of it is taken. `stonith` and `stonith_host` in ha.cf name a device of cluster-glue; an agent here is used instead. See docs/guide/fencing.md.",
    },
    Table {
        name: "lease",
        about: "The kernel answers for floating addresses only while the heart renews a lease. A heart that hangs or is killed loses them before the other node takes them.",
    },
    Table {
        name: "monitor",
        about: "Whether what was started still runs is looked at in intervals: scripts are asked for their `status`, OCF agents for `monitor`, systemd for its units, the kernel for addresses. Off unless `interval` is set; Heartbeat 3.0.6 knows nothing like it.",
    },
];

/// All keys, in the order of the manual page.
pub(super) const KEYS: [Key; 26] = [
    Key {
        table: "agents",
        name: "start-timeout",
        takes: TIME,
        default: "\"60s\"",
        about: "Longest run of a script's `start`. A script that takes longer is ended and counts as failed. Give a database or a file system check the time that it needs at worst.",
    },
    Key {
        table: "agents",
        name: "stop-timeout",
        takes: TIME,
        default: "\"60s\"",
        about: "Longest run of a script's `stop`. The other node waits for it during an orderly hand-over.",
    },
    Key {
        table: "agents",
        name: "status-timeout",
        takes: TIME,
        default: "\"20s\"",
        about: "Longest run of a script's `status`, which is asked before each start.",
    },
    Key {
        table: "agents",
        name: "kill-grace",
        takes: TIME,
        default: "\"5s\"",
        about: "From SIGTERM to SIGKILL for a script that ran into its limit.",
    },
    Key {
        table: "agents",
        name: "stop-retries",
        takes: "a number from 0 to 100000, or \"unlimited\"",
        default: "10",
        about: "How often a failed `stop` is repeated. `env STOPRETRYMAX=...` in ha.cf says the same; what stands here counts.",
    },
    Key {
        table: "agents",
        name: "stop-pause",
        takes: TIME,
        default: "\"1s\"",
        about: "Pause before a failed `stop` is repeated.",
    },
    Key {
        table: "agents",
        name: "stop-failed",
        takes: "\"retry\", \"keep\", \"reboot\" or \"fence\"",
        default: "\"retry\"",
        about: "What follows when a group cannot be stopped: a `stop` failed as often as it may, and nothing says that the resource does not run. Whatever is chosen, such a group is not given to the other node. With \"retry\" and \"keep\" a move is taken back: the group, and all that was stopped with it, is started here again. \"retry\" stops what must not stay again every 30 s, for example when the node is to stop. \"keep\" leaves it as it is until the node is stopped, somebody moves it, or a reload changes this value. \"reboot\" runs `stop-failed-command` and stops it again every 30 s; Heartbeat 3.0.6 kills itself and reboots the machine. \"fence\" does the same with the agent of [fencing], by which this node resets itself.",
    },
    Key {
        table: "agents",
        name: "stop-failed-command",
        takes: "a list of a program with its whole path and its arguments, such as [\"/sbin/reboot\", \"-nf\"]",
        default: "[]",
        about: "What is run each time when a group could not be stopped, with the group's name as `HB_GROUP`, for as long as a `stop` may take. With an empty list nothing is, but `/sbin/reboot -nf` if `stop-failed` is \"reboot\".",
    },
    Key {
        table: "agents",
        name: "end-hung-heart",
        takes: "true or false",
        default: "true",
        about: "What follows when the heart, the process that decides, hangs or is stopped for as long as its lease lasts, or a sixteenth less (without one: the dead time less a keepalive; never if a heart could be late for as long). With true the guard kills it and stops what it runs, so that nothing runs on two nodes for longer than that stop takes; the node is down then until somebody starts it, as after any death of the heart. With false scripts, agents and units run on beside those of the node that took over; only the addresses are taken away, by the lease. Without effect if ha.cf names a `watchdog`, which resets the machine then.",
    },
    Key {
        table: "addresses",
        name: "native",
        takes: "true or false",
        default: "true",
        about: "Put addresses up without a script: within milliseconds, and on the interface that the route leads to. With false the script IPaddr (or IPaddr2 where haresources names it) is run as by Heartbeat 3.0.6.",
    },
    Key {
        table: "fencing",
        name: "agent",
        takes: "the name of a program such as \"fence_ipmilan\"",
        default: "\"\"",
        about: "A fence agent, looked up in the path of scripts. It reads `action=reboot` and the options, one a line, and succeeds with exit code 0. Empty: none.",
    },
    Key {
        table: "fencing",
        name: "options",
        takes: "a list such as [\"ip=10.0.0.9\", \"username=admin\", \"plug={node}\"]",
        default: "[]",
        about: "What the agent reads. `{node}` stands for the name of the dead node. The file should be readable for root alone if there is a password among them.",
    },
    Key {
        table: "fencing",
        name: "own-options",
        takes: "a list such as [\"ip=10.0.0.8\", \"username=admin\"]",
        default: "[]",
        about: "What the agent reads to reset this node itself, where `stop-failed` is \"fence\". Without it `options` are read, if `{node}` is among them: it stands for the name of this node then.",
    },
    Key {
        table: "fencing",
        name: "delay",
        takes: TIME,
        default: "\"100ms\"",
        about: "How long after a death the first reset is tried. Where both nodes hold groups, live and cannot hear each other, each has the other one reset: with some seconds more on one of them the other one wins. A node that holds everything has nothing to take and resets nobody, so there the idle one wins whatever stands here.",
    },
    Key {
        table: "fencing",
        name: "timeout",
        takes: TIME,
        default: "\"60s\"",
        about: "Longest run of a reset; eleven minutes at least for the device meatware, which waits for a human. What takes longer is ended, counts as failed and is tried again five seconds later.",
    },
    Key {
        table: "lease",
        name: "enabled",
        takes: "true or false",
        default: "true",
        about: "Whether floating addresses are leased. It needs nf_tables (Linux 5.16), and a deadtime of at least four keepalives and 30 ms; where it cannot be had the node says so and runs without.",
    },
    Key {
        table: "lease",
        name: "by",
        takes: "\"nftables\" or \"lifetime\"",
        default: "\"nftables\"",
        about: "What ends a lease that nobody renews. Where the kernel can have no table of nf_tables, lifetimes of the addresses do it, which the node says. They are coarser: whole seconds, up to a second late, so they need a deadtime of four keepalives and some seconds.",
    },
    Key {
        table: "lease",
        name: "except",
        takes: "a list of groups such as [\"192.168.1.53/24/eth0\"]",
        default: "[]",
        about: "Groups whose addresses are not leased, each by its first resource as haresources spells it: a heart that hangs keeps answering for them. For groups that something else protects.",
    },
    Key {
        table: "lease",
        name: "staged",
        takes: "a list of groups such as [\"192.168.1.53/24/eth0\"]",
        default: "[]",
        about: "Groups whose addresses are on the standby as well, on its loopback interface and behind a closed gate, each by its first resource as haresources spells it: services can bind them there before a takeover, and nobody is answered. It needs the lease by nf_tables, and Linux 6.9; `hb-ctl status` says whether it is in force. Programs on the standby itself reach its own copy, and it takes no packet from such an address.",
    },
    Key {
        table: "monitor",
        name: "interval",
        takes: "\"off\" or a time from \"100ms\" to \"24h\"",
        default: "\"off\"",
        about: "Pause between two checks of a group. A check never runs beside a start or a stop of its group; what begins meanwhile ends it at once.",
    },
    Key {
        table: "monitor",
        name: "timeout",
        takes: TIME,
        default: "\"20s\"",
        about: "Longest run of one script for a check. One that takes longer is ended, and the check has failed.",
    },
    Key {
        table: "monitor",
        name: "failures",
        takes: "a whole number from 1 to 100000",
        default: "1",
        about: "So many failed checks in a row mean that a group has failed. An answer from which nobody can tell whether a resource runs is a failure, so scripts need a `status` that works.",
    },
    Key {
        table: "monitor",
        name: "restarts",
        takes: "a whole number from 0 to 100000",
        default: "3",
        about: "So often a group that has failed is stopped and started again where it is, within the time `within`.",
    },
    Key {
        table: "monitor",
        name: "within",
        takes: TIME,
        default: "\"10min\"",
        about: "The time in which `restarts` are counted. A group that has run well for longer starts from nothing.",
    },
    Key {
        table: "monitor",
        name: "then",
        takes: "\"move\" or \"stay\"",
        default: "\"move\"",
        about: "What follows when a group has failed once more than `restarts` allows. \"move\" offers it to the other node, as a group that cannot be started; a Heartbeat 3.0.6 only takes it with its whole set, and only if nothing else of that runs. What keeps failing there, too, comes back. \"stay\", and a group that nobody takes: it is stopped, and tried again every 30 s.",
    },
    Key {
        table: "monitor",
        name: "groups",
        takes: "a list of groups such as [\"192.168.1.53/24/eth0\"]",
        default: "[]",
        about: "The groups that are looked at, each by its first resource as haresources spells it; with an empty list all are.",
    },
];

/// The key at a path.
pub(super) fn find(path: &[String]) -> Option<&'static Key> {
    let [table, name] = path else { return None };
    KEYS.iter().find(|key| key.table == table && key.name == name)
}

/// Whether a path names a table.
pub(super) fn is_table(path: &[String]) -> bool {
    matches!(path, [name] if TABLES.iter().any(|table| table.name == name))
}

/// Names of the keys of a table; of the tables for the empty name.
pub(super) fn names_in(table: &str) -> Vec<&'static str> {
    if table.is_empty() {
        return TABLES.iter().map(|table| table.name).collect();
    }
    KEYS.iter().filter(|key| key.table == table).map(|key| key.name).collect()
}

/// A file that says nothing but what is the default anyway: every key in a comment, with its meaning.
#[must_use]
pub fn example() -> String {
    let mut text = String::from(
        "# hb.toml: what ha.cf has no words for. Optional; it lies beside ha.cf, and Heartbeat 3.0.6 does not read it.\n\
         # Every key stands here with its default. Remove the `#` before a key to change it.\n",
    );
    for table in &TABLES {
        let _ = write!(text, "\n{}[{}]\n", comment(table.about), table.name);
        for key in KEYS.iter().filter(|key| key.table == table.name) {
            let takes = format!("Takes {}.", key.takes);
            let _ =
                write!(text, "\n{}{}#{} = {}\n", comment(key.about), comment(&takes), key.name, key.default);
        }
    }
    text
}

/// The manual page `hb.toml(5)` in Markdown.
#[must_use]
pub fn manual_page() -> String {
    let mut text = String::from(HEAD);
    for table in &TABLES {
        let _ = write!(text, "\n## [{}]\n\n{}\n", table.name, table.about);
        for key in KEYS.iter().filter(|key| key.table == table.name) {
            let Key { name, takes, default, about, .. } = key;
            let entry = format!("{about} Takes {takes}. Default: `{default}`.");
            let _ = write!(text, "\n`{name}`\n: {}\n", wrapped(&entry, WIDTH).replace('\n', "\n  "));
        }
    }
    text.push_str(TAIL);
    text
}

/// Text as lines of comment.
fn comment(text: &str) -> String {
    wrapped(text, WIDTH).lines().fold(String::new(), |lines, line| lines + "# " + line + "\n")
}

/// Columns of generated files that are filled, less what stands before the text.
const WIDTH: usize = 116;

const HEAD: &str = "\
# hb.toml(5)

## Name

hb.toml - settings of hb-node for which ha.cf has no words

## Description

An optional file beside `ha.cf`, in [TOML](https://toml.io). Heartbeat 3.0.6 does not read it, so a cluster of one
node of each kind can have it too. It need not be the same on both nodes. Without the file, and for every key
that it does not set, the defaults count. Unknown tables and keys are refused, and so are values out of range:
`hb-ctl check` shows all of them with their places. A reload takes changes over: limits from the next run of a
script on.

A file with every key and its meaning, all in comments: [examples/conf/hb.toml](../../examples/conf/hb.toml).
";

const TAIL: &str = "
## See also

[hb-node(8)](hb-node.8.md), [hb-ctl(8)](hb-ctl.8.md)
";
