//! Calls that lack a permission. The error names the permission and the repair.

use super::{MEMBERS, STRANGER};
use crate::account::{Stage, set_mode};
use crate::call::Call;
use crate::shared_root::SharedRoot;
use crate::steps::Step;

/// A refused call: its description, and the check of its error.
pub(super) type Refusal = (&'static str, fn(&Stage) -> Result<(), String>);

pub(super) const REFUSALS: [Refusal; 4] = [
    ("an account outside of the group reads", |stage| {
        let shared = SharedRoot::new(stage, 0o2770, MEMBERS[0].user)?;
        shared.succeed(stage, MEMBERS[0], &[Call::IMPORT])?;
        let answer = shared.call(stage, STRANGER, &[Call::Read])?;
        says(
            &answer,
            &[
                "permission_denied",
                "account 61004 has no search permission on",
                "group 62000",
            ],
        )
    }),
    ("an account outside of the group writes", |stage| {
        let shared = SharedRoot::new(stage, 0o755, MEMBERS[0].user)?;
        shared.succeed(stage, MEMBERS[0], &[Call::IMPORT])?;
        shared.succeed(stage, STRANGER, &[Call::Read, Call::Lease])?;
        let answer = shared.call(stage, STRANGER, &[Call::Step(Step::RetireM)])?;
        says(
            &answer,
            &["not_writable", "has no write permission on", "chmod g+w"],
        )
    }),
    ("a folder of another account has a wrong mode", |stage| {
        let shared = SharedRoot::new(stage, 0o2770, MEMBERS[0].user)?;
        shared.succeed(stage, MEMBERS[0], &[Call::IMPORT])?;
        set_mode(&shared.root.join("artifacts"), 0o2750)?;
        let answer = shared.call(stage, MEMBERS[1], &[Call::Step(Step::DeleteM)])?;
        says(
            &answer,
            &["has no write permission on", "/artifacts", "chmod g+w"],
        )
    }),
    ("a file of another account has a wrong mode", |stage| {
        let shared = SharedRoot::new(stage, 0o2770, MEMBERS[0].user)?;
        shared.succeed(stage, MEMBERS[0], &[Call::IMPORT])?;
        set_mode(&shared.root.join("index.json"), 0o600)?;
        let answer = shared.call(stage, MEMBERS[1], &[Call::Read])?;
        says(&answer, &["permission_denied", "index.json", "chmod g+rw"])
    }),
];

fn says(answer: &str, words: &[&str]) -> Result<(), String> {
    match words.iter().find(|word| !answer.contains(**word)) {
        None => Ok(()),
        Some(word) => Err(format!("{answer:?} does not say {word:?}")),
    }
}
