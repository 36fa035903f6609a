//! Configuration files for tests, and what is read from them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use hb_config::Checked;

use crate::configuration;
use crate::options::Options;

/// What the node `name` reads from files like these, and the directory in which they were.
pub(crate) fn checked(name: &str, ha_cf: &str, haresources: &str) -> (Checked, PathBuf) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("hb-daemon-{}-{number}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    for (file, content) in [("ha.cf", ha_cf), ("authkeys", "auth 1\n1 crc\n"), ("haresources", haresources)] {
        fs::write(dir.join(file), content).unwrap();
        fs::set_permissions(dir.join(file), Permissions::from_mode(0o600)).unwrap();
    }
    let options = Options { config_dir: dir.clone(), node_name: Some(name.to_owned()), ..Options::default() };
    let loaded = configuration::load(&options);
    let report = loaded.render(false);
    fs::remove_dir_all(&dir).unwrap();
    (loaded.config.unwrap_or_else(|| panic!("{report}")), dir)
}
