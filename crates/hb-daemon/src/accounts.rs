//! Numbers of users and groups, from `/etc/passwd` and `/etc/group`.
//!
//! Only these files: a directory service may be down when the daemon starts.

/// A user with its groups, as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: u32,
    /// The user's own group.
    pub(crate) group: u32,
    /// The groups that name the user as a member.
    pub(crate) groups: Vec<u32>,
}

/// The account of a user.
pub(crate) fn account(name: &str) -> Option<Account> {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    account_in(&std::fs::read_to_string("/etc/passwd").ok()?, &groups, name)
}

fn account_in(users: &str, groups: &str, name: &str) -> Option<Account> {
    let user = id_in(users, name)?;
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let group = line.split(':').nth(3)?.parse().ok()?;
    let is_member =
        |line: &&str| line.split(':').nth(3).is_some_and(|members| members.split(',').any(|one| one == name));
    let number = |line: &str| line.split(':').nth(2)?.parse().ok();
    Some(Account { user, group, groups: groups.lines().filter(is_member).filter_map(number).collect() })
}

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
    fn an_account_has_the_groups_that_name_it() {
        let users = "root:x:0:0:root:/root:/bin/sh\nhacluster:x:102:105::/:/bin/false\nbroken:x:7\n";
        let groups =
            "root:x:0:\nhaclient:x:105:\ndisk:x:6:hacluster\nadm:x:4:syslog,hacluster2\nx:x:9:a,hacluster\n";
        let account = Account { user: 102, group: 105, groups: vec![6, 9] };
        assert_eq!(account_in(users, groups, "hacluster"), Some(account));
        assert_eq!(account_in(users, groups, "broken"), None);
        assert_eq!(account_in(users, groups, "nobody"), None);
    }

    #[test]
    fn numbers_are_found_by_the_whole_name() {
        let table = "root:x:0:\nhaclient2:x:7:\nbroken\nhaclient:x:105:hacluster\n";
        assert_eq!(id_in(table, "haclient"), Some(105));
        assert_eq!(id_in(table, "hacl"), None);
        assert_eq!(id_in(table, "broken"), None);
        assert_eq!(user_id("root"), Some(0));
    }
}
