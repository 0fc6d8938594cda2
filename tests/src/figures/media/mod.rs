//! Media that cannot be written, synced or renamed on. Models are used where they lie on them, with and
//! without a digest, also after they were mounted again; and roots on them serve what they hold.

use crate::figure::{Measured, Outcome, Trial};

mod in_place;
mod medium;
mod roots;

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::of(trial);
    let mut skipped = Vec::new();
    let sources = match in_place::Sources::new() {
        Ok(sources) => sources,
        Err(error) => return Outcome::Skipped(error),
    };
    let (mut media, mut refuse_sync, mut calls) = (0, 0, 0);
    // One after the other, as each image takes a loop device.
    for medium in &medium::ALL {
        if measured.is_hopeless() {
            return Outcome::Measured(measured);
        }
        match (medium.mount)(&sources.right) {
            Err(reason) => skipped.push(format!("[{}: {reason}]", medium.name)),
            Ok(mounts) => {
                media += 1;
                refuse_sync += usize::from(mounts.refuses_sync());
                match in_place::try_medium(medium, &mounts, &sources, trial.sabotage) {
                    Ok(made) => calls += made,
                    Err(error) => measured.violation(format!("{}: {error}", medium.name)),
                }
            }
        }
    }
    measured.count("media of models in place", media);
    measured.count("of them refuse a sync", refuse_sync);
    let mut roots = 0;
    for (name, try_root) in roots::ALL {
        match try_root(&mut measured) {
            Ok(made) => {
                roots += 1;
                calls += made;
            }
            Err(reason) => skipped.push(format!("[{name}: {reason}]")),
        }
    }
    measured.count("roots", roots);
    measured.count("calls", calls);
    if !skipped.is_empty() {
        measured.count(
            "skipped",
            format!("{} {}", skipped.len(), skipped.join(" ")),
        );
    }
    Outcome::Measured(measured)
}
