use super::{Unread, read, read_together};
use crate::disk_model::{Action, Tree};

/// Text as a trace shows it.
fn hex(text: &str) -> String {
    let digits = text.bytes().map(|byte| format!("\\x{byte:02x}"));
    format!("\"{}\"", digits.collect::<String>())
}

fn before() -> Tree {
    let mut tree = Tree::default();
    tree.files
        .insert("index.json".to_owned(), (7, b"old"[..].into()));
    tree.files
        .insert(".spare".to_owned(), (8, b"00000000"[..].into()));
    tree
}

fn actions(lines: &[String]) -> std::result::Result<Vec<Action>, String> {
    let trace = format!("getppid() = 1\n{}", lines.join("\n"));
    read(&trace, &[], "/r", "/answers", &before())
}

fn exchange(from: &str) -> String {
    let (from, to) = (hex(from), hex("/r/index.json"));
    format!("renameat2(AT_FDCWD, {from}, AT_FDCWD, {to}, RENAME_EXCHANGE) = 0")
}

/// CAT-710
#[test]
fn the_trace_of_an_exchanged_index_is_read() {
    let new = hex("/r/.index.json.new");
    let found = actions(&[
        format!("openat(AT_FDCWD, {new}, O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0666) = 5"),
        format!("write(5, {}, 3) = 3", hex("NEW")),
        "fsync(5)                                = 0".to_owned(),
        exchange("/r/.index.json.new"),
        format!("rename({new}, {}) = 0", hex("/r/index.json.previous")),
        format!("openat(AT_FDCWD, {}, O_RDONLY|O_CLOEXEC) = 6", hex("/r")),
        "fsync(6) = 0".to_owned(),
    ]);
    let name = |name: &str| name.to_owned();
    assert_eq!(
        found.expect("all calls are known"),
        [
            Action::Create {
                name: name(".index.json.new"),
                file: 1
            },
            Action::Write {
                file: 1,
                content: b"NEW".to_vec()
            },
            Action::SyncFile { file: 1 },
            Action::Exchange {
                one: name(".index.json.new"),
                file: 1,
                other: name("index.json"),
                other_file: 7
            },
            // What has the name of the new one now is the old one.
            Action::Rename {
                from: name(".index.json.new"),
                to: name("index.json.previous"),
                file: 7
            },
            Action::SyncFolder { name: name("") },
        ]
    );
}

/// CAT-710
#[test]
fn the_trace_of_a_spare_that_is_written_over_is_read() {
    let found = actions(&[
        format!(
            "openat(AT_FDCWD, {}, O_RDWR|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC) = 5",
            hex("/r/.spare")
        ),
        format!("pwrite64(5, {}, 3, 0) = 3", hex("NEW")),
        "ftruncate(5, 3) = 0".to_owned(),
        "fsync(5) = 0".to_owned(),
        exchange("/r/.spare"),
        format!("utimensat(AT_FDCWD, {}, NULL, 0) = 0", hex("/r/.spare")),
    ]);
    let written = |content: &[u8]| Action::Write {
        file: 8,
        content: content.to_vec(),
    };
    let found = found.expect("all calls are known");
    assert_eq!(found[..2], [written(b"NEW00000"), written(b"NEW")]);
    assert!(matches!(&found[3], Action::Exchange { one, .. } if one == ".spare"));
    assert_eq!(found.len(), 4);
}

/// CAT-710
#[test]
fn a_call_whose_effect_is_unknown_is_an_error() {
    for line in [
        format!("symlink({}, {}) = 0", hex("a"), hex("/r/b")),
        "io_uring_enter(5, 1, 0, 0, NULL, 8) = 1".to_owned(),
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 5, 0) = 0x7f".to_owned(),
        exchange("/r/nothing"),
    ] {
        assert!(actions(std::slice::from_ref(&line)).is_err(), "{line}");
    }
    // One that failed had no effect.
    let failed = "symlink(\"\", \"\") = -1 EPERM (Operation not permitted)";
    assert_eq!(actions(&[failed.to_owned()]), Ok(Vec::new()));
}

/// CAT-710
#[test]
fn another_thread_may_look_and_compute_but_change_nothing() {
    let thread = |line: &str| {
        let others = [format!(
            "set_robust_list(0x7f, 24) = 0\n{line}\nexit(0) = ?"
        )];
        read("getppid() = 1", &others, "/r", "/answers", &before())
    };
    assert_eq!(thread("read(5, \"\\x00\", 1) = 1"), Ok(Vec::new()));
    let name = hex("/r/index.json");
    assert!(thread(&format!("unlink({name}) = 0")).is_err());
}

/// The changes in a trace of two threads, of which the first one begins the calls.
fn together(lines: &[String]) -> std::result::Result<Vec<Action>, Unread> {
    let trace = format!("1 getppid() = 1\n{}", lines.join("\n"));
    read_together(&trace, "/r", "/answers", &before())
}

/// CAT-710
#[test]
fn the_changes_of_threads_are_read_in_their_order() {
    let spare = hex("/r/.spare");
    let found = together(&[
        "2 socket(AF_INET, SOCK_STREAM, IPPROTO_IP) = 4".to_owned(),
        format!("1   openat(AT_FDCWD, {spare}, O_RDWR|O_CLOEXEC <unfinished ...>"),
        format!("2 sendto(4, {}, 3, MSG_NOSIGNAL, NULL, 0) = 3", hex("GET")),
        format!("2 write(4, {}, 3) = 3", hex("GET")),
        "1   <... openat resumed>) = 5".to_owned(),
        format!("2 pwrite64(5, {}, 3, 0 <unfinished ...>", hex("NEW")),
        "1 futex(0x7f, FUTEX_WAKE, 1) = 1".to_owned(),
        "2 <... pwrite64 resumed>) = 3".to_owned(),
        "1 fdatasync(5) = 0".to_owned(),
        "2 close(5 <unfinished ...>".to_owned(),
        format!("1 openat(AT_FDCWD, {}, O_RDONLY) = 5", hex("/r")),
        "2 <... close resumed>) = 0".to_owned(),
        "1 fsync(5) = 0".to_owned(),
    ]);
    let written = Action::Write {
        file: 8,
        content: b"NEW00000".to_vec(),
    };
    let folder = Action::SyncFolder {
        name: String::new(),
    };
    assert_eq!(
        found,
        Ok(vec![written, Action::SyncFile { file: 8 }, folder])
    );
}

/// CAT-710
#[test]
fn changes_of_threads_at_the_same_time_have_no_order() {
    let opened = format!("1 openat(AT_FDCWD, {}, O_RDWR) = 5", hex("/r/.spare"));
    let written = format!("2 pwrite64(5, {}, 3, 0 <unfinished ...>", hex("NEW"));
    let end = "2 <... pwrite64 resumed>) = 3".to_owned();
    let sync = "1 fdatasync(5) = 0".to_owned();
    let sync_begun = "1 fdatasync(5 <unfinished ...>".to_owned();
    let sync_ended = "1 <... fdatasync resumed>) = 0".to_owned();
    for lines in [
        vec![written.clone(), sync, end.clone()],
        vec![
            sync_begun.clone(),
            written.clone(),
            end.clone(),
            sync_ended.clone(),
        ],
        vec![sync_begun, written, sync_ended, end],
    ] {
        let all: Vec<String> = std::iter::once(opened.clone()).chain(lines).collect();
        assert!(matches!(together(&all), Err(Unread::NoOrder(_))), "{all:?}");
    }
}
