//! Roots on media that cannot be written, or whose content lies in a layer that cannot.

use std::path::{Path, PathBuf};

use catalog_core::{CatalogError, FsCatalog};

use super::medium::{copy, make_squashfs};
use crate::call::{Call, OTHER};
use crate::figure::Measured;
use crate::mounts::Mount;
use crate::state::{describe, prepare};
use crate::steps::Step;

/// A kind of root. The function returns the number of calls, or the reason if this machine cannot make
/// it.
type Root = (&'static str, fn(&mut Measured) -> Result<usize, String>);

pub(super) const ALL: [Root; 3] = [
    ("a root in the lower layer of an overlay", try_overlay),
    ("a root on a read-only mount", try_read_only),
    ("a root on squashfs", try_squashfs),
];

/// The calls that write nothing, or whose writes are not needed.
const READING: [Call; 7] = [
    Call::List,
    Call::Read,
    Call::Pins,
    Call::Quarantined,
    Call::Lease,
    Call::Verify,
    Call::Ready,
];

/// Some calls that have to write.
const WRITING: [Call; 8] = [
    Call::Step(Step::RetireM),
    Call::Step(Step::DeleteM),
    Call::Step(Step::ForgetM),
    Call::Step(Step::UpgradeEngine),
    Call::ImportOther,
    Call::ProvisionPrivate,
    Call::Pin,
    Call::Rebuild,
];

/// Every call works where all files lie in the lower layer, whose folders cannot be renamed.
fn try_overlay(measured: &mut Measured) -> Result<usize, String> {
    let (lower, _) = prepared()?;
    let mut made = 0;
    // This call ends its process.
    let calls = Call::ALL_TRIED
        .iter()
        .filter(|call| **call != Call::Abandon);
    for call in calls {
        let upper = Mount::in_memory("size=8m")?;
        let overlay = Mount::overlay(&lower.path(), &upper.path())?;
        let root = overlay.path().join("root");
        let then = [
            *call,
            Call::Read,
            Call::Step(Step::Collect),
            Call::ImportOther,
        ];
        for call in then {
            made += 1;
            if let Err(error) = call.make(&root) {
                measured.violation(format!(
                    "overlay: {}, of {then:?}: {}",
                    call.name(),
                    describe(&error)
                ));
                break;
            }
        }
    }
    Ok(made)
}

fn try_read_only(measured: &mut Measured) -> Result<usize, String> {
    let (memory, root) = prepared()?;
    let mount = Mount::read_only(&memory.path())?;
    let again = mount.path().join("root");
    let is_proved = is_proved(&again).map_err(|error| describe(&error))?;
    measured.check(is_proved, || "read-only: a proof is lost".to_owned());
    let made = try_both("read-only", &again, measured);
    // The place itself, which entries outside of the root name.
    memory.make_read_only()?;
    if let Err(error) = Call::InPlace.make(&root) {
        measured.violation(format!("read-only: in place: {}", describe(&error)));
    }
    Ok(made + try_both("made read-only", &root, measured) + 1)
}

/// No proof holds on another file system, and none can be recorded: each call hashes.
fn try_squashfs(measured: &mut Measured) -> Result<usize, String> {
    let (memory, _) = prepared()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    copy(&memory.path(), folder.path())?;
    let mount = Mount::of_folder(folder.path(), make_squashfs)?;
    let root = mount.path().join("root");
    let made = try_both("squashfs", &root, measured);
    let is_proved = is_proved(&root).map_err(|error| describe(&error))?;
    measured.check(!is_proved, || {
        "squashfs: a proof of another file system holds".to_owned()
    });
    Ok(made + try_both("squashfs, again", &root, measured))
}

/// Calls that read succeed, and calls that write are refused by name.
fn try_both(place: &str, root: &Path, measured: &mut Measured) -> usize {
    for call in READING {
        if let Err(error) = call.make(root) {
            measured.violation(format!("{place}: {}: {}", call.name(), describe(&error)));
        }
    }
    for call in WRITING {
        let answer = call.make(root);
        let is_refused = matches!(&answer, Err(error) if error.code() == "not_writable");
        measured.check(is_refused, || {
            let answer = answer.map_err(|error| describe(&error));
            format!("{place}: {} was answered with {answer:?}", call.name())
        });
    }
    READING.len() + WRITING.len()
}

/// A root in memory, with each kind of file that the store knows.
fn prepared() -> Result<(Mount, PathBuf), String> {
    let memory = Mount::in_memory("size=16m")?;
    let root = memory.path().join("root");
    prepare(&root);
    for call in Call::ALL_MADE {
        call.make(&root)
            .map_err(|error| format!("{}: {}", call.name(), describe(&error)))?;
    }
    Ok((memory, root))
}

fn is_proved(root: &Path) -> Result<bool, CatalogError> {
    let known = FsCatalog::new(root)?.registered(OTHER, None)?;
    Ok(known.is_some_and(|known| known.proof.is_some()))
}
