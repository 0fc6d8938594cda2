//! Reads the text of a trace into the changes that a process made to files below a root.
//!
//! An unknown call is an error: without a model of its effect, its crash states would not be tried.

use crate::disk_model::{Action, Tree};

mod files;
#[cfg(test)]
mod tests;
mod threads;

use files::Files;
pub use threads::{Unread, read_together};

/// Calls that change neither bytes nor names: calls about the process itself, looks, locks, calls about sockets, and
/// changes of owners, modes and times.
const WITHOUT_EFFECT: [&str; 69] = [
    "access",
    "arch_prctl",
    "brk",
    "chmod",
    "clock_gettime",
    "clock_nanosleep",
    "connect",
    "execve",
    "exit",
    "exit_group",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fchmod",
    "fchmodat",
    "flock",
    "fstat",
    "fstatfs",
    "futex",
    "getcwd",
    "getdents64",
    "geteuid",
    "getpeername",
    "getpid",
    "getppid",
    "getrandom",
    "getsockname",
    "getsockopt",
    "gettid",
    "getuid",
    "getxattr",
    "lstat",
    "madvise",
    "mprotect",
    "mremap",
    "munmap",
    "name_to_handle_at",
    "nanosleep",
    "newfstatat",
    "poll",
    "ppoll",
    "prctl",
    "pread64",
    "prlimit64",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "recvfrom",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "sched_getaffinity",
    "sched_yield",
    "sendto",
    "set_robust_list",
    "set_tid_address",
    "setsockopt",
    "shutdown",
    "sigaltstack",
    "socket",
    "stat",
    "statfs",
    "statx",
    "sysinfo",
    "umask",
    "uname",
    "utimensat",
];

/// Reads the trace of a workload's first thread, which was recorded with all text in hexadecimal.
/// `others` are those of the other threads, and `before` was there.
///
/// # Errors
///
/// A call whose effect is unknown, or any with an effect in another thread: nobody knows when it was.
pub fn read(
    trace: &str,
    others: &[String],
    root: &str,
    answers: &str,
    before: &Tree,
) -> std::result::Result<Vec<Action>, String> {
    let mut files = Files::new(root, before);
    let answers = format!("{answers}/");
    let mut is_begun = false;
    for line in trace.lines() {
        let Some(call) = Call::parse(line) else {
            continue;
        };
        is_begun |= call.name == "getppid";
        let is_known = apply(&call, &answers, &mut files);
        if is_begun && !is_known {
            return Err(format!("the effect of this call is unknown: {line}"));
        }
    }
    let elsewhere = others.iter().flat_map(|trace| trace.lines());
    for line in elsewhere {
        let is_harmless = Call::parse(line).is_none_or(|call| match call.name {
            "openat" => !call.arguments.iter().any(|word| word.contains("O_CREAT")),
            "close" | "fcntl" | "lseek" | "mmap" => apply(&call, &answers, &mut files),
            name => WITHOUT_EFFECT.contains(&name),
        });
        if !is_harmless {
            return Err(format!("a call with an effect in another thread: {line}"));
        }
    }
    Ok(files.into_actions())
}

/// A call that succeeded.
struct Call<'t> {
    name: &'t str,
    arguments: Vec<&'t str>,
    result: &'t str,
}

impl<'t> Call<'t> {
    fn parse(line: &'t str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        if result.starts_with('-') {
            return None;
        }
        let arguments = arguments.trim_end().trim_end_matches(')');
        Some(Self {
            name,
            arguments: arguments.split(", ").collect(),
            result: result.split(' ').next().unwrap_or_default(),
        })
    }
}

/// Does to the files what a call does; returns false if that is unknown.
fn apply(call: &Call<'_>, answers: &str, files: &mut Files) -> bool {
    match (call.name, call.arguments.as_slice()) {
        // A file without a name, which no crash leaves; giving it one is not modelled.
        ("openat", [_, _, flags, ..]) if flags.contains("O_TMPFILE") => files.closed(call.result),
        ("openat", [folder, path, flags, ..]) => {
            files.opened(&files.path(folder, path), flags, call.result)
        }
        ("open", [path, flags, ..]) => files.opened(&files.path(HERE, path), flags, call.result),
        ("close", [descriptor]) => files.closed(descriptor),
        ("fcntl", [descriptor, word, ..]) if word.starts_with("F_DUPFD") => {
            files.duplicated(descriptor, call.result)
        }
        ("dup", [descriptor]) => files.duplicated(descriptor, call.result),
        ("fcntl", _) => true,
        // Whether a socket waits.
        ("ioctl", [_, "FIONBIO", ..]) => true,
        ("write", [descriptor, bytes, _]) => {
            files.written(descriptor, &taken(bytes, call.result), None)
        }
        ("pwrite64", [descriptor, bytes, _, position]) => match position.parse() {
            Ok(position) => files.written(descriptor, &taken(bytes, call.result), Some(position)),
            Err(_) => false,
        },
        ("copy_file_range", [from, "NULL", to, "NULL", ..]) => {
            files.copied(from, to, call.result.parse().unwrap_or(0))
        }
        ("lseek", [descriptor, _, word]) if !["SEEK_DATA", "SEEK_HOLE"].contains(word) => {
            files.sought(descriptor, call.result.parse().unwrap_or(0))
        }
        ("lseek", _) => true,
        ("ftruncate", [descriptor, length]) => files.resized(descriptor, length.parse().ok()),
        ("fallocate", [descriptor, "0", position, length]) => {
            match (position.parse::<usize>(), length.parse::<usize>()) {
                (Ok(position), Ok(length)) => files.extended(descriptor, position + length),
                _ => false,
            }
        }
        ("fallocate", [_, "FALLOC_FL_KEEP_SIZE", ..]) => true,
        ("fsync" | "fdatasync", [descriptor]) => files.synced(descriptor),
        ("rename", [from, to]) => files.renamed(&files.path(HERE, from), &files.path(HERE, to)),
        ("renameat2", [one, from, other, to, "RENAME_EXCHANGE"]) => {
            files.exchanged(&files.path(one, from), &files.path(other, to))
        }
        ("renameat", [one, from, other, to])
        | ("renameat2", [one, from, other, to, "0" | "RENAME_NOREPLACE"]) => {
            files.renamed(&files.path(one, from), &files.path(other, to))
        }
        ("link", [from, to]) => files.linked(&files.path(HERE, from), &files.path(HERE, to)),
        ("linkat", [one, from, other, to, ..]) => {
            files.linked(&files.path(one, from), &files.path(other, to))
        }
        ("unlink", [path]) => files.removed(&files.path(HERE, path)),
        ("rmdir", [path]) => files.removed_folder(&files.path(HERE, path)),
        ("unlinkat", [folder, path, flags]) if flags.contains("AT_REMOVEDIR") => {
            files.removed_folder(&files.path(folder, path))
        }
        ("unlinkat", [folder, path, ..]) => files.removed(&files.path(folder, path)),
        ("mkdir", [path, _]) if text(path).starts_with(answers) => files.answered(),
        ("mkdir", [path, _]) => files.made_folder(&files.path(HERE, path)),
        ("mkdirat", [folder, path, _]) => files.made_folder(&files.path(folder, path)),
        // What another thread does is looked at by itself.
        ("clone" | "clone3", flags) => flags.iter().any(|word| word.contains("CLONE_THREAD")),
        // Memory that is shared with a file could be written to unseen.
        ("mmap", [_, _, access, kind, ..]) => {
            !(access.contains("PROT_WRITE") && kind.contains("MAP_SHARED"))
        }
        (name, _) => WITHOUT_EFFECT.contains(&name),
    }
}

/// How a trace names the folder that a process is in.
const HERE: &str = "AT_FDCWD";

fn text(argument: &str) -> String {
    String::from_utf8_lossy(&unescape(argument)).into_owned()
}

/// Returns the bytes that the call took, by its result.
fn taken(argument: &str, result: &str) -> Vec<u8> {
    let mut bytes = unescape(argument);
    bytes.truncate(result.parse().unwrap_or(usize::MAX));
    bytes
}

/// The bytes of `"\x..\x.."`.
fn unescape(argument: &str) -> Vec<u8> {
    let digits = argument.trim_matches('"').split("\\x").skip(1);
    digits
        .filter_map(|hex| u8::from_str_radix(hex, 16).ok())
        .collect()
}
