//! `hb-ctl lab`: two nodes and a client in namespaces.

use hb_lab::LabOptions;

use crate::Done;
use crate::arguments::Lab;
use crate::output::Failure;

/// Runs the lab.
pub(crate) fn lab(arguments: Lab) -> Done {
    let Lab { faults, keepalive, deadtime, runs, json, peers, hb_node, files, ipv6 } = arguments;
    let options = LabOptions {
        faults,
        keepalive,
        deadtime,
        runs,
        json,
        peers,
        hb_node,
        files,
        ipv6,
        ..LabOptions::default()
    };
    hb_lab::lab(options).map_err(|error| Failure::of(&error))
}
