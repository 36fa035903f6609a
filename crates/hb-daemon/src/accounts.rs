//! Numbers of users and groups, from `/etc/passwd` and `/etc/group`.
//!
//! Only these files: a directory service may be down when the daemon starts.

/// The number of a group.
pub(crate) fn group_id(name: &str) -> Option<u32> {
    id_in(&std::fs::read_to_string("/etc/group").ok()?, name)
}

/// The number of a user.
pub(crate) fn user_id(name: &str) -> Option<u32> {
    id_in(&std::fs::read_to_string("/etc/passwd").ok()?, name)
}

/// Both files have the name in the first and the number in the third field.
fn id_in(table: &str, name: &str) -> Option<u32> {
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let number = (fields.next()? == name).then(|| fields.nth(1))?;
        number?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_the_whole_name() {
        let table = "root:x:0:\nhaclient2:x:7:\nbroken\nhaclient:x:105:hacluster\n";
        assert_eq!(id_in(table, "haclient"), Some(105));
        assert_eq!(id_in(table, "hacl"), None);
        assert_eq!(id_in(table, "broken"), None);
        assert_eq!(user_id("root"), Some(0));
    }
}
