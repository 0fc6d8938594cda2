use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const READ: u32 = 0o4;
const WRITE: u32 = 0o2;
const SEARCH: u32 = 0o1;

/// The account of a process, as the kernel compares it with the modes of files.
#[derive(Debug, Default)]
struct Account {
    user: u32,
    groups: Vec<u32>,
}

/// The part of a mode that applies to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Owner,
    Group,
    Others,
}

/// Describes the permission whose lack made an operation on a path fail, and the repair.
pub(super) fn missing_permission(path: &Path, denial: &io::Error) -> String {
    /// `EPERM`: no mode of the path permits the operation.
    const NOT_PERMITTED: i32 = 1;
    let account = Account::of_this_process();
    if denial.raw_os_error() == Some(NOT_PERMITTED) {
        let owner = fs::symlink_metadata(path).map(|metadata| metadata.uid());
        return match owner {
            Ok(owner) if owner != account.user => format!(
                "the file belongs to account {owner}, and account {} lacks the permission; run the \
                 operation as account {owner}",
                account.user
            ),
            _ => {
                "the kernel forbids it; look for an immutable file or a security module".to_owned()
            }
        };
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let folders: Vec<&Path> = path.ancestors().skip(1).collect();
    for folder in folders.iter().rev() {
        match account.describe_missing(folder, SEARCH) {
            None => {}
            Some(text) => return text,
        }
    }
    let is_there = fs::symlink_metadata(&path).is_ok();
    let wanted = if is_there { READ | WRITE } else { 0 };
    let parent = folders.first().map(|parent| parent.to_path_buf());
    let of_parent = |parent: PathBuf| account.describe_missing(&parent, WRITE | SEARCH);
    account
        .describe_missing(&path, wanted)
        .or_else(|| parent.and_then(of_parent))
        .unwrap_or_else(|| {
            format!(
                "the modes of the path permit it to account {}; look for an access control list or a \
                 security module",
                account.user
            )
        })
}

impl Account {
    /// Reads the account of this thread from `/proc`: see proc(5).
    fn of_this_process() -> Self {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let numbers = |field: &str| -> Vec<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(field));
            let words = line.unwrap_or_default().split_whitespace();
            words.filter_map(|word| word.parse().ok()).collect()
        };
        // The last number is the one for files.
        let last = |field: &str| numbers(field).last().copied();
        let mut groups = numbers("Groups:");
        groups.extend(last("Gid:"));
        Self {
            user: last("Uid:").unwrap_or_default(),
            groups,
        }
    }

    /// Describes the permissions among the `wanted` ones that this account lacks on a file or
    /// folder.
    fn describe_missing(&self, path: &Path, wanted: u32) -> Option<String> {
        const ROOT: u32 = 0;
        let metadata = fs::symlink_metadata(path).ok()?;
        let (owner, group, mode) = (metadata.uid(), metadata.gid(), metadata.mode());
        let (class, granted) = match () {
            () if owner == self.user => (Class::Owner, mode >> 6),
            () if self.groups.contains(&group) => (Class::Group, mode >> 3),
            () => (Class::Others, mode),
        };
        let missing = wanted & !granted;
        if missing == 0 || self.user == ROOT {
            return None;
        }
        let words = [
            (READ, "read", "r"),
            (WRITE, "write", "w"),
            (SEARCH, "search", "x"),
        ];
        let words = words.iter().filter(|(bit, ..)| missing & bit != 0);
        let (names, letters): (Vec<&str>, String) =
            words.map(|(_, name, letter)| (*name, *letter)).unzip();
        let path = path.display();
        let repair = match class {
            Class::Owner => format!("run `chmod u+{letters} {path}`"),
            Class::Group => format!("its owner can run `chmod g+{letters} {path}`"),
            // No repair makes an account a member of the group of the administrator.
            Class::Others if group == ROOT => {
                "use a folder that the account owns, or change the owner or the group of this one"
                    .to_owned()
            }
            Class::Others if wanted & !(mode >> 3) == 0 => {
                format!("add the account to the group {group}")
            }
            Class::Others => {
                format!("add the account to the group {group} and run `chmod g+{letters} {path}`")
            }
        };
        Some(format!(
            "account {} has no {} permission on {path}, which has owner {owner}, group {group} and \
             mode {:o}; {repair}",
            self.user,
            names.join(" and "),
            mode & 0o7777
        ))
    }
}
