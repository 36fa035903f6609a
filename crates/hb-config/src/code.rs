//! The table of diagnostics: code, title, explanation, and an example with the file that it stands in. One definition for
//! messages, `explain`, the pages in `docs/codes` and the tests.
//!
//! A code never changes its meaning and is never used again; gaps are free for later ones.

use crate::source::FileKind;

/// Makes the enum and its table from one list.
macro_rules! codes {
    ($($variant:ident $id:literal $title:literal $explanation:literal $file:ident $example:literal)*) => {
        /// What kind of problem a diagnostic reports.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = concat!($id, ": ", $title, ".")] $variant,)*
        }

        impl Code {
            /// Every code, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name, `HB010` for example.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// A few words that name the problem in general.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// One paragraph: why it is a problem and what to do.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation,)* }
            }

            /// What causes this diagnostic.
            #[must_use]
            pub const fn example(self) -> Example {
                match self { $(Self::$variant => Example { file: FileKind::$file, text: $example },)* }
            }
        }
    };
}

/// What causes a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The file.
    pub file: FileKind,
    /// Lines of the file; or, beginning with `$ `, a command that spoils it. They replace lines of a good file for node
    /// `alpha` that say something else.
    pub text: &'static str,
}

impl Code {
    /// The code whose name is `id` (`HB010`, case ignored).
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.id().eq_ignore_ascii_case(id))
    }
}

codes! {
    FileUnreadable "HB001" "file cannot be read"
        "ha.cf, authkeys and haresources must exist in the configuration directory and must be readable for the user that starts the node. An empty haresources is fine: then the node owns no resources."
        Haresources "$ rm haresources"
    AuthkeysMode "HB002" "authkeys is readable for others"
        "Whoever can read authkeys can send messages in the name of every node. The file is refused when its mode lets the group or others read it; `chmod 600 authkeys` mends it. Owner, write and execute bits are not looked at, and a symbolic link is followed."
        Authkeys "$ chmod 644 authkeys"
    NotAFile "HB003" "not a regular file"
        "A directory in the place of a file reads as an empty file. Pipes, sockets and block devices are not read at all, because reading one may never end."
        HaCf "$ rm ha.cf; mkdir ha.cf"
    FileTooLarge "HB004" "file is too large"
        "A configuration file of more than 16 MiB is not read. No real configuration comes near that size."
        Haresources "$ truncate -s 17M haresources"

    UnknownDirective "HB010" "unknown directive"
        "The first word of a line in ha.cf must be the name of a directive, spelled exactly: case matters, there are no abbreviations, and the value follows after white space, without `=` or `:`. Comments begin with `#` only."
        HaCf "deadtme 10"
    LineTooLong "HB011" "line is longer than 5119 bytes"
        "Lines are read in pieces of 5119 bytes, as Heartbeat 3.0.6 does, and each piece is taken for a line of its own. The rest of a long comment is therefore read as a directive, a key or a resource line."
        HaCf "# a comment of more than 5119 bytes ..."
    NotUtf8 "HB012" "text is not UTF-8"
        "Names of nodes and words of haresources must be UTF-8, because they travel in messages and are shown in logs. Other encodings are accepted in comments and in paths."
        HaCf "node café   (written in Latin-1)"
    TextIgnored "HB013" "part of a line is ignored"
        "A NUL byte ends a line, and in ha.cf a carriage return does so too. A file whose lines end in a lone carriage return therefore consists of one line. Convert it to lines that end in LF."
        HaCf "keepalive 1\rdeadtime 10"
    NoValue "HB014" "directive without a value"
        "A directive of the list kind without a value does nothing. Give it a value or delete the line."
        HaCf "auto_failback"
    GivenAgain "HB015" "directive is given again"
        "Of a directive that sets one value the last line counts, and Heartbeat 3.0.6 says nothing about the others. Keep one of them. Several values in one line count as several lines: `deadtime 10 20` sets 20."
        HaCf "deadtime 20\ndeadtime 10"

    BadNumber "HB020" "number missing or out of range"
        "The value must be a whole number in the range that the message names."
        HaCf "hopfudge 300"
    BadBoolean "HB021" "not a truth value"
        "Truth values are `true`, `on`, `yes`, `y`, `1` and `false`, `off`, `no`, `n`, `0`, in any case."
        HaCf "realtime maybe"
    BadDuration "HB022" "not a time"
        "A time is a number, with a decimal point if need be, and `ms` or `us` glued to it; without a unit it means seconds. There is no sign, and other units do not exist: write `120` for two minutes. `500 ms` with a blank is two values."
        HaCf "keepalive 2m"
    BadWord "HB023" "value is not one of the known words"
        "The directive takes one word of a fixed list, and most lists distinguish upper and lower case."
        HaCf "auto_failback sometimes"
    GivenTwice "HB024" "directive may be given only once"
        "baud, watchdog and pacemaker (with its older name crm) may be given once, with one value. A second value is refused even if it equals the first."
        HaCf "watchdog /dev/watchdog /dev/watchdog1"
    PartlyRead "HB025" "only the beginning of the value is read"
        "Numbers are read as far as they look like a number, and the rest is ignored: `3abc` and `3.9` are 3, `0x10` is 0, `abc` is 0. Such a value seldom means what it seems to say."
        HaCf "hopfudge 3abc"
    BadBaud "HB026" "not a line speed"
        "A serial line runs at 9600, 19200, 38400, 57600, 115200, 230400 or 460800 bits per second, and at 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000 or 4000000 where the hardware can; Heartbeat 3.0.6 knows only the first seven."
        HaCf "baud 19600"
    BadPort "HB027" "not a UDP port"
        "A UDP port is a number from 1 to 65535. Heartbeat 3.0.6 starts with larger numbers too, but then it can send nothing."
        HaCf "udpport 70000"
    PortReserved "HB028" "UDP port belongs to another service"
        "The services file of this machine names another service for this port. The node uses the port all the same; messages of that service would be counted as foreign packets."
        HaCf "udpport 53"
    NoEffectHere "HB029" "value has no effect at this place"
        "udpport counts for a kind of medium only if it stands before the first medium of that kind, and baud only for serial lines that follow it."
        HaCf "bcast eth0\nudpport 700"

    DeadtimeTooSmall "HB030" "dead time is too small"
        "deadtime must be more than two keepalive intervals. Otherwise one lost or late message is enough to declare a living node dead, and two nodes hold the same address."
        HaCf "keepalive 2\ndeadtime 4"
    InitdeadTooSmall "HB031" "initial dead time is smaller than the dead time"
        "initdead replaces deadtime while a node starts, when network cards and switches need longer. It must be at least deadtime."
        HaCf "deadtime 30\ninitdead 20"
    InitdeadShort "HB032" "initial dead time is short"
        "Switches with spanning tree, link negotiation and slow drivers can keep a freshly started machine silent for many seconds. With an initial dead time under ten seconds such a node may take over resources that another node still holds."
        HaCf "deadtime 3\ninitdead 5"
    DeadpingTooSmall "HB033" "dead time of ping nodes is too small"
        "deadping must be more than two keepalive intervals."
        HaCf "keepalive 2\ndeadping 3"
    WarntimeOdd "HB034" "warning time does not fit"
        "warntime is the silence after which a heartbeat is called late. At or above deadtime it never warns before the verdict; at or below keepalive it warns about healthy nodes. Half of deadtime is the default."
        HaCf "deadtime 10\nwarntime 15"
    DeadpingLong "HB035" "dead time of ping nodes is above the dead time"
        "When a network fails, the peer is declared dead before the ping node is, so ipfail compares ping nodes too late. If `ping` stands before `node`, ipfail of 3.0.6 then does nothing at all. deadping should not be above deadtime."
        HaCf "deadtime 10\ndeadping 20"
    NoRoomForLease "HB036" "dead time is too short for a lease"
        "The kernel answers for floating addresses only while the node renews a lease, which must end before the other node takes over, even if a heartbeat was lost. That needs a deadtime of four keepalives and 30 ms; where hb.toml asks for lifetimes of addresses (`by = \"lifetime\"`), of two keepalives, 1.23 s, and a lifetime: whole seconds, at least two keepalives. With less the addresses are not leased: a node that hangs keeps answering for them."
        HaCf "keepalive 2\ndeadtime 6"

    NoNodes "HB040" "no nodes"
        "Every node of the cluster, this one included, must be named by a node directive, in the same order on all nodes."
        HaCf "# no `node` line, no `ping` line"
    NotAMember "HB041" "this node is not in the configuration"
        "A node finds itself in ha.cf by its name: the first line of the file nodeinfo in the configuration directory if there is one, else what `uname -n` prints, with ASCII letters lowered. A fully qualified host name must be written fully qualified."
        HaCf "node gamma delta"
    TooManyNodes "HB042" "too many nodes"
        "A cluster has at most 100 nodes, ping nodes included."
        HaCf "node alpha n1 n2 ... n100"
    NodeNameTooLong "HB043" "node name is too long"
        "A node name has at most 99 bytes. Heartbeat 3.0.6 accepts longer ones and then reads beyond its own memory."
        HaCf "node alpha a-name-of-more-than-99-bytes..."
    NodeTwice "HB044" "node is named twice"
        "The same node is named more than once, perhaps in different case. It counts once here; Heartbeat 3.0.6 lists it twice."
        HaCf "node alpha beta Alpha"
    NodeIsAddress "HB045" "node name looks like an address"
        "Every word after `node` is the name of a node. An address written behind the name becomes a node that never answers. Addresses of peers belong into ucast lines."
        HaCf "node alpha 10.77.0.1"
    NodeNameLowered "HB046" "node name is read in lower case"
        "ASCII letters of node names are lowered everywhere. Write them in lower case to see in the file what the logs will say."
        HaCf "node Alpha beta"
    NodePattern "HB047" "node name matches another one"
        "The scripts of Heartbeat 3.0.6 take the node's name for a pattern in which a dot stands for any character. A node `ha.1` would also start and stop the groups of a node `ha-1`. hb compares names."
        HaCf "node alpha ha.1 ha-1"
    ManyNodes "HB048" "more than two nodes share resources"
        "Resource groups of haresources move between two nodes. What Heartbeat 3.0.6 does with them in a cluster of three and more is undefined, and this version serves two nodes too."
        HaCf "node alpha beta gamma"
    PingIsNode "HB049" "ping node has the name of a node"
        "A ping node only answers pings. One that has the name of a node of the cluster appears twice under that name, in logs and for clients, and is counted twice against the limit of 100."
        HaCf "ping beta"

    NoMedia "HB050" "no medium"
        "Without at least one medium (bcast, ucast, mcast, serial, ...) nodes cannot hear each other, and each would take all resources."
        HaCf "# no `bcast` line, no `ping` line, nor another medium"
    BadInterface "HB051" "network interface cannot be used"
        "The interface does not exist on this machine, or it has no IPv4 address. If other media of the file can be used, this is a warning: the medium is used as soon as its interface is there. Note that bcast takes only names of interfaces: a port is set by udpport."
        HaCf "bcast eth7"
    TooManyMedia "HB052" "too many media"
        "At most 63 media can be used, ping nodes included. Heartbeat 3.0.6 dies after its start with 64."
        HaCf "serial /dev/ttyS0   (64 times)"
    MediumArguments "HB053" "medium lacks an argument"
        "Media that are described by a whole line need all their words, separated by white space, in their order."
        HaCf "ucast eth0"
    Unresolvable "HB054" "host name cannot be resolved"
        "The host must be an IPv4 address or a name that this machine can resolve while it reads its configuration. Addresses are safer: a name server may be away when a cluster starts."
        HaCf "ucast eth0 10.77.0.2:694"
    BadSerial "HB055" "serial port cannot be used"
        "A serial port is named by its full path, `/dev/ttyS0` for the first one, and must be a terminal device. Speeds are set by baud, not behind the port."
        HaCf "serial /dev/ttys1"
    OldUdp "HB056" "udp is the old name of bcast"
        "The directive udp is accepted and means bcast. The name was changed before release 1.2. `hb-ctl convert` rewrites it."
        HaCf "udp eth0"
    BadMediumAddress "HB057" "address does not fit the medium"
        "Each medium takes its own kind of address: ucast an IPv4 host, ucast6 and ping6 a numeric IPv6 address, mcast a multicast group such as 239.0.0.1, mcast6 a multicast group of scope 2, 4, 5 or 8 with a non-zero rest."
        HaCf "mcast eth0 10.77.0.255 694 1 0"
    NoWorkingMedium "HB058" "only ping nodes"
        "A ping node answers pings; it carries no messages between nodes. A node with these files would hear nobody and take every resource, so it starts only where it is the only node. Add a line for a medium that reaches the other node: bcast, ucast, mcast or serial."
        HaCf "ping 192.168.1.254\n# no `bcast` line"
    PingMemberUnknown "HB059" "member of a ping group cannot be resolved"
        "A ping group with a member that cannot be resolved is accepted; the member never answers."
        HaCf "ping_group routers 10.77.0.254 rooter"

    LegacyFailback "HB060" "auto_failback legacy"
        "`legacy`, also the default when auto_failback is absent, is the rule of releases before 1.2: resources always return to their preferred node. Two hb nodes hand them over in order; with a Heartbeat 3.0.6 node each asks the other for its own, one by one, and neither can hand over anything on request. Write `auto_failback on` for the same result with an orderly hand-over, or `off` to leave resources where they are."
        HaCf "auto_failback legacy"
    NiceFailback "HB061" "nice_failback is obsolete"
        "`nice_failback on` is read as `auto_failback off` and `nice_failback off` as `auto_failback legacy`, which is what they meant when they were introduced. Heartbeat 3.0.6 reads both as `legacy`, or as `off` after an auto_failback line. `hb-ctl convert` rewrites the line."
        HaCf "nice_failback on"
    Pacemaker "HB062" "Pacemaker mode is not supported"
        "hb manages resources itself, by haresources. pacemaker and crm are accepted with `off` (or `false`, `no`, `n`, `0`) only."
        HaCf "pacemaker respawn"
    PacemakerOrder "HB063" "directive stands on the wrong side of pacemaker"
        "crmd_spawns_pengine must stand before the pacemaker directive. crm_daemon_dir is refused before it, a defect of Heartbeat 3.0.6 that is kept, and has no effect after it. hb runs no Pacemaker: delete both."
        HaCf "pacemaker off\ncrmd_spawns_pengine on"
    Autojoin "HB064" "autojoin does not fit haresources"
        "Nodes that join without being named in ha.cf cannot own lines of haresources. Only `autojoin none` is possible, unless haresources is empty."
        HaCf "autojoin any"
    BadEnvironment "HB065" "not an environment variable"
        "env takes NAME=VALUE. The name must not be empty; values cannot contain blanks, commas or `#`. Without `=` the variable is empty here, and has no defined value in Heartbeat 3.0.6."
        HaCf "env DEBUG"
    MediumTwice "HB066" "medium is given twice"
        "Every message goes out once for each medium, so the same one twice only doubles the traffic. A second way between the nodes needs another network."
        HaCf "bcast eth0 eth0"
    BadPath "HB067" "path cannot be used"
        "A relative path counts from the directory in which the node was started, which is rarely what was meant."
        HaCf "coreroot cores"
    NoWatchdog "HB068" "no watchdog device"
        "The device that `watchdog` names is not there, or is no device. As with Heartbeat 3.0.6 the node starts all the same, and nothing resets the machine when its heart hangs."
        HaCf "watchdog /dev/watchdog7"

    NoLog "HB070" "no log destination"
        "The file names no logfile, no debugfile and no logfacility (or one with number 0: kern, none), and use_logd is off. Then nobody would learn what the node does."
        HaCf "use_logd off\n# no `logfile` line"
    LogAssumed "HB071" "no log destination: the system log is used"
        "Without logfile, debugfile and logfacility Heartbeat 3.0.6 sends its messages to its logging daemon. hb sends them to syslog, facility daemon."
        HaCf "# no `logfile` line"
    LogPath "HB072" "log file may not be written"
        "The directory of a log file does not exist, the path is relative, or it names a directory. The node starts all the same and logs where else it can."
        HaCf "logfile ha-log"

    BadApiauth "HB080" "apiauth line is wrong"
        "An apiauth line is `apiauth NAME uid=LIST gid=LIST`: at least one of the two lists, each at most once, names or numbers separated by commas without blanks. Named users and groups must exist; NAME has at most 31 bytes and may be used in one line only."
        HaCf "apiauth ipfail uid=nobody2"
    BadChild "HB081" "respawn or failfast line is wrong"
        "The line is `respawn USER COMMAND`: USER the name of an existing user, COMMAND the full path of an executable with its arguments."
        HaCf "respawn hacluster /usr/lib/heartbeat/dopd"
    BadStonith "HB082" "fencing line is wrong"
        "The line is `stonith TYPE FILE` or `stonith_host HOST TYPE PARAMETER...`, with a known type of fencing device. stonith_host is checked if HOST is `*` or this node."
        HaCf "stonith_host * apcmaster 10.77.0.9"
    FencingTwice "HB083" "only the last fencing device counts"
        "Heartbeat 3.0.6 knows a single device and uses it for every victim: of several lines that concern this node only the last one counts."
        HaCf "stonith_host * ssh alpha beta\nstonith_host alpha meatware beta"
    FenceHost "HB084" "host of stonith_host is no node"
        "`stonith_host HOST TYPE PARAMETER...` says what HOST uses to reset other nodes, `*` being all nodes. A HOST that is no node of the file is most often a typing error: the line concerns nobody, and the node that was meant has no device. Heartbeat 3.0.6 says nothing of it."
        HaCf "stonith_host alhpa meatware beta"
    NoFenceProgram "HB085" "program that resets nodes is missing"
        "Devices of ha.cf are used by the program stonith of the package cluster-glue, and an agent of hb.toml is a program itself. Without it no reset succeeds, and nothing of a dead node is taken until `hb-ctl fence confirm NODE` says that it is off. It is looked for in the directories that begin the path of resource scripts."
        HbToml "[fencing]\nagent = \"fence_absent\"\noptions = [\"ip=10.77.0.9\"]"
    FencesItself "HB086" "device resets only its own node"
        "The device suicide resets the node that it runs on. It cannot reset the other one, which is what a fencing device is for; so nothing of a dead node is taken until `hb-ctl fence confirm NODE` says that it is off."
        HaCf "stonith_host * suicide"
    NoFenceDevice "HB087" "only other nodes have a fencing device"
        "The file names fencing devices for other nodes, and none for this one. This node takes everything at once when it does not hear the other one, which then may still run it: two owners. Give every node a device, or none."
        HaCf "stonith_host beta meatware alpha"

    NotInForce "HB090" "accepted, but not in force yet"
        "The line is read and checked as Heartbeat 3.0.6 does, and refused where it would be refused, but this version does not act on it. A later version will."
        HaCf "apiauth ipfail gid=haclient uid=hacluster"
    WithoutEffect "HB091" "accepted, without effect"
        "The line belongs to a part of Heartbeat that hb does not have. It is checked and kept for programs that ask for it, and nothing else."
        HaCf "quorum_server q"

    BadAuthLine "HB100" "auth line is wrong"
        "A line of authkeys that begins with `a` must be `auth N`, N being the number of the key that signs. It must stand before the line of that key."
        Authkeys "auth one\n1 sha1 secret"
    BadKeyLine "HB101" "key line is wrong"
        "A key line of authkeys is `N METHOD KEY`. Comments stand on lines of their own that begin with `#`."
        Authkeys "auth 1\n1 sha1 secret\nsecret"
    BadKeyNumber "HB102" "key number out of range"
        "Keys have numbers from 0 to 15."
        Authkeys "auth 16\n16 sha1 secret"
    BadMethod "HB103" "unknown authentication method"
        "The methods are sha1, md5 and crc, in lower case."
        Authkeys "auth 1\n1 SHA1 secret"
    KeyMissing "HB104" "method needs a key"
        "md5 and sha1 sign with a shared secret, one word after the method."
        Authkeys "auth 1\n1 sha1"
    KeyUnexpected "HB105" "crc takes no key"
        "crc only detects damage on the way, so it has no key. Every further word, a comment included, is an error."
        Authkeys "auth 1\n1 crc   # a cable, no network"
    NoAuthLine "HB106" "no auth line"
        "authkeys must say by `auth N` which of its keys signs, before the line of that key."
        Authkeys "1 sha1 secret"
    NoSigningKey "HB107" "no key to sign with"
        "The signing key is the one of the last key line whose number was that of the auth line in force above it. If `auth N` stands below its key line, or no line has that number, there is none."
        Authkeys "1 sha1 secret\nauth 1"
    WeakMethod "HB108" "crc is no protection"
        "With crc anybody on the network can send messages in the name of a node. Use sha1 with a random key unless the medium is a cable between the two nodes."
        Authkeys "auth 1\n1 crc"
    KeyCut "HB109" "only the first word is the key"
        "A key ends at white space. Words that follow it are ignored, so `my secret phrase` is the key `my`."
        Authkeys "auth 1\n1 sha1 my secret phrase"
    KeyTwice "HB110" "key number is used twice"
        "Of two key lines with one number the later one counts. During a change of keys give the new key a number of its own, so that messages with the old one are still accepted."
        Authkeys "auth 1\n1 sha1 secret\n1 sha1 newer-secret"

    UnknownNode "HB120" "unknown node"
        "A line of haresources begins with the preferred node of the group, and that must be a node of ha.cf. Lines that continue another one need a backslash as the very last byte of the line before."
        Haresources "gamma 10.77.0.100/24/eth0"
    DuplicateKey "HB121" "two groups have the same first resource"
        "A group is named by its first resource. Heartbeat 3.0.6 starts and stops all lines that contain this word together, node names included, and fails. hb keeps the lines apart, but such a file does not work on a 3.0.6 peer."
        Haresources "alpha 10.77.0.100 www\nbeta 10.77.0.100 db"
    KeyElsewhere "HB122" "first resource of a group appears in another place"
        "A group is named by its first resource, and Heartbeat 3.0.6 finds the group by searching for that word in all lines. It must not occur anywhere else in the file."
        Haresources "alpha 10.77.0.100 db\nbeta db"
    NodeAsResource "HB123" "node name as a resource"
        "The word is a node of ha.cf but stands where a resource belongs. Most often a line was continued by accident, or two lines were joined."
        Haresources "alpha 10.77.0.100/24/eth0 \\\nbeta 10.77.0.101/24/eth0"
    EmptyGroup "HB124" "group without resources"
        "The line names a node and nothing else. It is accepted and has no effect."
        Haresources "alpha"
    BadAddress "HB125" "address cannot be put up"
        "Addresses are written ADDRESS, ADDRESS/BITS, ADDRESS/BITS/INTERFACE, ADDRESS/BITS/BROADCAST or ADDRESS/BITS/INTERFACE/BROADCAST, alone or after IPaddr:: or IPaddr2::. BITS is 1 to 32 or a dotted mask. Heartbeat 3.0.6 accepts anything when it starts and fails when the group starts; so the start is not refused here either."
        Haresources "alpha IPaddr::10.77.0.100::24"
    Continuation "HB126" "line is continued differently than it looks"
        "A line continues on the next one if a backslash is its very last byte. The daemon of 3.0.6 and its scripts disagree about backslashes in comments and before carriage returns; avoid both."
        Haresources "alpha 10.77.0.100 # the address \\\nbeta 10.77.0.101"
    CarriageReturn "HB127" "lines end in CR LF"
        "Heartbeat 3.0.6 accepts the file but its scripts take the carriage return for a part of the last word. hb drops it. Convert the file: a 3.0.6 peer would fail to start the group."
        Haresources "alpha 10.77.0.100/24/eth0\r"
    UnknownScript "HB128" "no such resource script"
        "No executable file of that name is in resource.d of the configuration directory or in /etc/init.d; for an OCF agent, in its provider's directory below /usr/lib/ocf/resource.d; or systemd has no such unit. The group cannot start on this node. A script that is there but lacks the permission to be executed does not count: `chmod 755` mends it."
        Haresources "alpha 10.77.0.100/24/eth0 wwww"
    HomeIsPingNode "HB129" "preferred node is a ping node"
        "A ping node only answers pings, it never runs resources. Nobody prefers this group; it starts as a foreign one or not at all."
        Haresources "10.77.0.254 10.77.0.100/24/eth0"
    Quotes "HB130" "quotes are ordinary characters"
        "haresources has no quoting: a quote is a part of the word, and blanks always separate words."
        Haresources "alpha 10.77.0.100 \"www\""
    OutsideNetwork "HB131" "address is in no network of the interface"
        "Other machines look for an address where its network is. One that is put up on an interface of another network is not found there, so this is most often a typing error. It is in order if the interface has no fixed address or the mask is /32; then there is no warning."
        Haresources "alpha 10.78.0.100/24/eth0"
    KeyPattern "HB132" "first resource of a group matches another word"
        "The scripts of Heartbeat 3.0.6 take the name of a group for a pattern: a dot stands for any character, and `*`, `[` and a backslash have meanings too. Lines with a word that matches are started and stopped together with the group. hb compares words."
        Haresources "alpha db.1\nbeta db-1"
    AddressTwice "HB133" "address belongs to two resources"
        "The same address stands twice in haresources, perhaps spelled differently. If it belongs to two groups, both nodes may hold it at the same time."
        Haresources "alpha 10.77.0.100/24/eth0\nbeta IPaddr::10.77.0.100"
    ResourceTwice "HB134" "resource belongs to two groups"
        "The same script with the same parameters serves two groups. When one of them stops or moves, the script is stopped under the other. Give each its own instance, or make one group of the two."
        Haresources "alpha 10.77.0.100 www\nbeta 10.77.0.101 www"
    AddressIsPeer "HB135" "address belongs to another machine"
        "A floating address must not be the fixed address of a node or of a ping node: both machines would answer for it, and heartbeats would reach the wrong one."
        Haresources "alpha 10.77.0.254/24/eth0"
    TooManyGroups "HB136" "too many groups"
        "There can be at most 65 535 groups: nodes number them."
        Haresources "alpha 10.77.0.100 (65 536 lines)"
    BadAgent "HB137" "OCF agent or unit is misspelled"
        "OCF agents are written ocf:PROVIDER:AGENT, followed by ::NAME=VALUE for each parameter, and units of systemd are written systemd::NAME. A word that begins like one of them and goes on otherwise is taken for the name of a script, as by Heartbeat 3.0.6, and there is none of that name."
        Haresources "alpha 10.77.0.100/24/eth0 ocf:heartbeat:nginx::8080"
    StartsAtBoot "HB138" "resource starts at boot"
        "The machine starts the service by itself when it boots: a link in /etc/systemd/system/*.wants or *.requires, or in /etc/rc2.d to /etc/rc5.d, asks for it. Then it runs on both nodes, whoever holds the group: the second one may fail for want of its address, or write to data that the first one uses. Only the cluster should start it. Packages switch their services on when they are installed, so look again after an installation, on both nodes."
        Haresources "alpha 10.77.0.100/24/eth0 systemd::nginx"

    BadToml "HB140" "hb.toml is not TOML"
        "The text does not follow the rules of TOML 1.1: a key is given twice, a quote or bracket is missing, a value is of no kind that TOML knows. See toml.io."
        HbToml "[agents]\nstop-retries = 5\nstop-retries = 6"
    UnknownKey "HB141" "unknown key in hb.toml"
        "Tables and keys of hb.toml are spelled exactly; hb.toml(5) lists them. An unknown one is refused, because a misspelled setting would otherwise be silently without effect."
        HbToml "[agents]\nstart-timout = \"30s\""
    BadValue "HB142" "value does not fit its key"
        "The value is of another kind than the key takes, or out of its range. Times are written in quotes with a unit, `\"60s\"` for example: ms, s, min and h are known."
        HbToml "[agents]\nstart-timeout = 30"
    SaidTwice "HB143" "hb.toml and ha.cf disagree"
        "The same thing is set in both files, with different values. What hb.toml says counts."
        HbToml "[agents]\nstop-retries = 5   # and in ha.cf: env STOPRETRYMAX=3"
    NotStaged "HB144" "group cannot be staged"
        "A staged address is on both nodes, and only a table of nf_tables keeps the one that does not hold it mute. So its group must be leased by that, exist, and have an address that can stand on the loopback interface. Where IPsrcaddr makes a floating address the source of what a node sends, the other one would not even take its heartbeats."
        HbToml "[lease]\nby = \"lifetime\"\nstaged = [\"10.77.0.100/24/eth0\"]"
    NotMonitored "HB145" "monitored group does not exist"
        "Groups are named by their first resource, spelled as in haresources. A name that belongs to none would leave the group that was meant without monitoring, silently. Leave `groups` out to have all groups looked at."
        HbToml "[monitor]\ninterval = \"10s\"\ngroups = [\"10.77.0.10/24/eth0\"]"
    NoOwnReset "HB146" "nothing resets this node"
        "`stop-failed = \"fence\"` lets a node reset itself when it cannot stop a group. The options of a fence agent usually name the device of the other node, which it would switch off instead. So it needs options of its own, or `{node}` among the common ones, which stands for the name of the node that is reset."
        HbToml "[agents]\nstop-failed = \"fence\"\n[fencing]\nagent = \"fence_ipmilan\"\noptions = [\"ip=10.77.0.9\"]"
    IdleFencing "HB147" "nothing uses this setting of fencing"
        "`options` and `own-options` are read by the agent that `agent` names, and `delay` and `timeout` need an agent or a device of ha.cf. Without that a dead node is not reset, and its groups are taken at once."
        HbToml "[fencing]\noptions = [\"ip=10.77.0.9\"]"
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Code;

    #[test]
    fn every_code_is_named_once_in_order_and_explained() {
        let ids: Vec<&str> = Code::ALL.iter().map(|code| code.id()).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        for code in Code::ALL {
            assert!(code.id().starts_with("HB") && code.id().len() == 5, "{code:?}");
            assert!(!code.title().ends_with('.') && code.explanation().ends_with('.'), "{code:?}");
            assert_eq!(Code::from_id(&code.id().to_lowercase()), Some(*code));
        }
    }
}
