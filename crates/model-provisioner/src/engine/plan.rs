use catalog_core::managed::RegisteredModel;
use catalog_core::{Digest, LifecycleState};

use super::facts::Facts;
use crate::policy::{Policy, StagingMode};
use crate::request::Freshness;
use crate::steps::Step;

/// The requirements of a caller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes<'w> {
    /// The digest that the request states, in its canonical form.
    pub(super) given: Option<&'w Digest>,
    pub(super) freshness: Freshness,
    pub(super) policy: &'w Policy,
}

/// The reason why a step did not provide the model, if another step may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Miss {
    /// The bytes do not have the expected digest, or some are missing.
    BytesDiffer,
    /// The source no longer has the files.
    SourceLacksFiles,
    /// The source has the same revision as the registered model.
    SourceUnchanged,
    /// The source has another revision.
    SourceMoved,
    /// The published artifact does not agree with the call.
    OtherArtifact,
}

/// Returns the digest that the bytes must have. If the request states no digest, this is the digest
/// that an earlier call pinned.
pub(super) fn expected<'f>(facts: &'f Facts, wishes: &Wishes<'f>) -> Option<&'f Digest> {
    match given(facts, wishes) {
        Some(given) => Some(given),
        // The source may have replaced the model, or the model gets more files.
        None if facts.has_moved || facts.lacks_files => None,
        None => pinned(facts),
    }
}

/// Returns the first step of a call.
///
/// If the stated digest and the pinned digest differ but have the same algorithm, the local bytes
/// cannot have the stated digest, so the model is acquired again. If the algorithms differ, the
/// local bytes may have both digests.
pub(super) fn first_step(facts: &Facts, wishes: &Wishes<'_>) -> Step {
    let Some(known) = &facts.known else {
        return published_or_acquired(facts, wishes);
    };
    let is_replacement = match (given(facts, wishes), pinned(facts)) {
        (Some(given), Some(pinned)) => given.algo == pinned.algo && given != pinned,
        _ => false,
    };
    let is_to_move = acquisition(facts, wishes) == Step::Import && !known.is_managed;
    if is_replacement || is_to_move {
        return published_or_acquired(facts, wishes);
    }
    let revalidates = wishes.freshness == Freshness::Revalidate && !facts.is_source_asked;
    if revalidates && acquisition(facts, wishes) == Step::Fetch {
        return Step::Revalidate;
    }
    if facts.lacks_files {
        return published_or_acquired(facts, wishes);
    }
    if !known.is_here {
        return match can_repair(facts, wishes) {
            true => Step::Repair,
            false => published_or_acquired(facts, wishes),
        };
    }
    let is_proved = known.proof.is_some() && asks_nothing_new(facts, wishes) && !revalidates;
    if expected(facts, wishes).is_none() || is_proved {
        return match known.entry.lifecycle {
            LifecycleState::Active => Step::Use,
            LifecycleState::Retired => Step::Activate,
        };
    }
    Step::Verify
}

/// Returns the step after a step that did not provide the model. If it returns `None`, the call
/// fails with the error of that step.
pub(super) fn next_step(
    facts: &Facts,
    wishes: &Wishes<'_>,
    last: Step,
    miss: Miss,
) -> Option<Step> {
    let repair = can_repair(facts, wishes).then_some(Step::Repair);
    let acquire = acquisition(facts, wishes);
    let is_here = facts.known.as_ref().is_some_and(|known| known.is_here);
    match (last, miss) {
        (Step::RegisterPublished, _) => Some(acquire),
        (Step::Revalidate, Miss::SourceMoved) => Some(Step::Fetch),
        (Step::Revalidate, Miss::SourceUnchanged) if facts.lacks_files => Some(acquire),
        (Step::Revalidate, Miss::SourceUnchanged) if is_here => Some(Step::Verify),
        (Step::Revalidate, Miss::SourceUnchanged) => Some(repair.unwrap_or(acquire)),
        // If the request states no new digest, bytes that differ from the pinned digest are
        // damaged. Outside the store, their owner must decide. If the request states a new digest,
        // the local bytes were never the requested ones, so the model is acquired.
        (Step::Verify, Miss::BytesDiffer) => {
            let anew = !asks_nothing_new(facts, wishes) && !facts.is_local;
            repair.or(anew.then_some(acquire))
        }
        (Step::Repair, Miss::BytesDiffer | Miss::SourceLacksFiles) => Some(acquire),
        _ => None,
    }
}

/// Returns the digest that the request states for the whole model. The digest of some of its files is
/// none: the manifest says that these files have it, and the pinned digest proves all files.
fn given<'w>(facts: &Facts, wishes: &Wishes<'w>) -> Option<&'w Digest> {
    wishes.given.filter(|_| !facts.is_given_of_some)
}

fn pinned(facts: &Facts) -> Option<&Digest> {
    let known: &RegisteredModel = facts.known.as_ref()?;
    known.entry.digest.as_ref()
}

/// Returns the step that acquires a model that is not on this host.
fn acquisition(facts: &Facts, wishes: &Wishes<'_>) -> Step {
    match (facts.is_local, wishes.policy.staging) {
        (true, StagingMode::Managed) if facts.has_store => Step::Import,
        (false, _) if facts.has_store && facts.is_stageable => Step::Fetch,
        _ => Step::UseInPlace,
    }
}

fn published_or_acquired(facts: &Facts, wishes: &Wishes<'_>) -> Step {
    let acquire = acquisition(facts, wishes);
    match facts.published.is_some() && acquire != Step::UseInPlace {
        true => Step::RegisterPublished,
        false => acquire,
    }
}

fn asks_nothing_new(facts: &Facts, wishes: &Wishes<'_>) -> bool {
    let given = given(facts, wishes);
    given.is_none() || given == pinned(facts)
}

/// Returns true if single files can be fetched again. They are compared with the manifest, so the
/// expected digest must be the pinned digest.
fn can_repair(facts: &Facts, wishes: &Wishes<'_>) -> bool {
    let is_managed = facts.known.as_ref().is_some_and(|known| known.is_managed);
    is_managed && asks_nothing_new(facts, wishes) && pinned(facts).is_some()
}

#[cfg(test)]
mod tests {
    use catalog_core::{Assurance, CatalogEntry};

    use super::*;

    fn digest(algo: &str, digit: &str) -> Option<Digest> {
        Some(Digest {
            algo: algo.to_owned(),
            value: digit.repeat(64),
        })
    }

    fn model(digest: Option<Digest>, lifecycle: LifecycleState) -> RegisteredModel {
        let mut model = RegisteredModel::of_entry(CatalogEntry {
            id: "id".to_owned(),
            local_path: "/nothing/is/here".into(),
            lifecycle,
            digest,
            last_verified_ms: None,
        })
        .unwrap();
        model.is_here = true;
        model
    }

    fn proved(mut model: RegisteredModel) -> RegisteredModel {
        model.proof = Some(Assurance::default());
        model
    }

    /// Facts about a model of the hub.
    fn remote(known: Option<RegisteredModel>) -> Facts {
        Facts {
            known,
            is_local: false,
            is_stageable: true,
            has_store: true,
            published: None,
            is_source_asked: false,
            has_moved: false,
            lacks_files: false,
            is_given_of_some: false,
        }
    }

    fn local(known: Option<RegisteredModel>) -> Facts {
        Facts {
            is_local: true,
            is_stageable: false,
            ..remote(known)
        }
    }

    fn in_store(mut model: RegisteredModel) -> Option<RegisteredModel> {
        model.is_managed = true;
        Some(model)
    }

    fn gone(known: Option<RegisteredModel>) -> Option<RegisteredModel> {
        known.map(|mut model| {
            model.is_here = false;
            model.proof = None;
            model
        })
    }

    fn managed() -> Policy {
        Policy {
            staging: StagingMode::Managed,
            ..Policy::default()
        }
    }

    fn wishes(policy: &Policy, freshness: Freshness) -> Wishes<'_> {
        Wishes {
            given: None,
            freshness,
            policy,
        }
    }

    /// PROV-101: a model that is not here.
    #[test]
    fn what_is_not_here_is_acquired_as_reference_fetcher_and_policy_say() {
        use Step::{Fetch, Import, RegisterPublished, UseInPlace};
        for (is_local, is_stageable, has_store, in_place, in_store) in [
            (true, false, true, UseInPlace, Import),
            (true, false, false, UseInPlace, UseInPlace),
            (false, true, true, Fetch, Fetch),
            (false, true, false, UseInPlace, UseInPlace),
            (false, false, true, UseInPlace, UseInPlace),
        ] {
            let facts = Facts {
                is_local,
                is_stageable,
                has_store,
                ..remote(None)
            };
            let published = Facts {
                published: Some("key".to_owned()),
                ..facts.clone()
            };
            for freshness in [Freshness::UseLocal, Freshness::Revalidate] {
                for (policy, step) in [(Policy::default(), in_place), (managed(), in_store)] {
                    let wishes = wishes(&policy, freshness);
                    assert_eq!(first_step(&facts, &wishes), step, "{facts:?}");
                    // An interrupted call published it: nothing is acquired, unless it is another.
                    let first = match step {
                        UseInPlace => UseInPlace,
                        _ => RegisterPublished,
                    };
                    assert_eq!(first_step(&published, &wishes), first, "{facts:?}");
                    let next =
                        next_step(&published, &wishes, RegisterPublished, Miss::OtherArtifact);
                    assert_eq!(next, Some(step));
                }
            }
        }
    }

    /// PROV-101: a model of the hub that is here, by what is known and given of its bytes.
    #[test]
    fn what_is_here_is_used_checked_or_replaced_as_its_digests_say() {
        use Step::{Fetch, Use, Verify};
        let (a, b) = (digest("sha256", "a"), digest("sha256", "b"));
        let other = digest("sha512", "a");
        for (given, pinned, is_proved, wanted, step, if_bytes_differ) in [
            (&None, &None, false, &None, Use, None),
            (&None, &a, false, &a, Verify, None),
            (&None, &a, true, &a, Use, None),
            (&a, &a, true, &a, Use, None),
            (&a, &a, false, &a, Verify, None),
            (&a, &None, false, &a, Verify, Some(Fetch)),
            (&b, &a, true, &b, Fetch, None),
            (&b, &a, false, &b, Fetch, None),
            (&other, &a, true, &other, Verify, Some(Fetch)),
        ] {
            let known = model(pinned.clone(), LifecycleState::Active);
            let facts = remote(Some(match is_proved {
                true => proved(known),
                false => known,
            }));
            let policy = Policy::default();
            let wishes = Wishes {
                given: given.as_ref(),
                ..wishes(&policy, Freshness::UseLocal)
            };
            assert_eq!(expected(&facts, &wishes), wanted.as_ref(), "{facts:?}");
            assert_eq!(first_step(&facts, &wishes), step, "{facts:?}");
            let next = next_step(&facts, &wishes, step, Miss::BytesDiffer);
            assert_eq!(next, if_bytes_differ, "{facts:?}");
        }
    }

    /// PROV-101: state, place and freshness.
    #[test]
    fn state_place_and_freshness_decide_the_rest() {
        use Freshness::{Revalidate as Anew, UseLocal};
        use Step::{Activate, Fetch, Import, Repair, Revalidate, Use, UseInPlace, Verify};
        let a = digest("sha256", "a");
        let active = || model(a.clone(), LifecycleState::Active);
        let retired = || model(a.clone(), LifecycleState::Retired);
        let unproved = || model(None, LifecycleState::Retired);
        let by_default = Policy::default();
        let managed = managed();
        let asked = |facts| Facts {
            is_source_asked: true,
            ..facts
        };
        for (facts, policy, freshness, step) in [
            (local(Some(proved(active()))), &by_default, UseLocal, Use),
            (
                local(Some(proved(retired()))),
                &by_default,
                UseLocal,
                Activate,
            ),
            (local(Some(unproved())), &by_default, UseLocal, Activate),
            (local(Some(proved(active()))), &by_default, Anew, Verify),
            (local(Some(proved(active()))), &managed, UseLocal, Import),
            (
                local(gone(Some(active()))),
                &by_default,
                UseLocal,
                UseInPlace,
            ),
            (local(in_store(proved(active()))), &managed, UseLocal, Use),
            (
                remote(in_store(proved(active()))),
                &by_default,
                Anew,
                Revalidate,
            ),
            (
                asked(remote(in_store(proved(active())))),
                &by_default,
                Anew,
                Use,
            ),
            (
                remote(gone(in_store(active()))),
                &by_default,
                Anew,
                Revalidate,
            ),
            (
                remote(gone(in_store(unproved()))),
                &by_default,
                UseLocal,
                Fetch,
            ),
            (remote(in_store(retired())), &by_default, UseLocal, Verify),
            (
                remote(gone(in_store(active()))),
                &by_default,
                UseLocal,
                Repair,
            ),
        ] {
            let found = first_step(&facts, &wishes(policy, freshness));
            assert_eq!(found, step, "{facts:?} {freshness:?}");
        }
    }

    /// PROV-101: the step after one that did not provide the model.
    #[test]
    fn what_a_step_lacks_decides_on_the_next_one() {
        use Miss::{BytesDiffer, SourceLacksFiles, SourceMoved, SourceUnchanged};
        use Step::{Fetch, Import, Repair, Revalidate, UseInPlace, Verify};
        let known = || model(digest("sha256", "a"), LifecycleState::Active);
        let unpinned = || model(None, LifecycleState::Active);
        let policy = Policy::default();
        let managed = managed();
        for (facts, policy, last, miss, next) in [
            (
                remote(in_store(known())),
                &policy,
                Revalidate,
                SourceMoved,
                Some(Fetch),
            ),
            (
                remote(in_store(known())),
                &policy,
                Revalidate,
                SourceUnchanged,
                Some(Verify),
            ),
            (
                remote(gone(in_store(known()))),
                &policy,
                Revalidate,
                SourceUnchanged,
                Some(Repair),
            ),
            (
                remote(gone(in_store(unpinned()))),
                &policy,
                Revalidate,
                SourceUnchanged,
                Some(Fetch),
            ),
            (
                remote(in_store(known())),
                &policy,
                Verify,
                BytesDiffer,
                Some(Repair),
            ),
            (remote(Some(known())), &policy, Verify, BytesDiffer, None),
            (local(Some(known())), &policy, Verify, BytesDiffer, None),
            (
                remote(in_store(known())),
                &policy,
                Repair,
                SourceLacksFiles,
                Some(Fetch),
            ),
            (
                local(in_store(known())),
                &managed,
                Repair,
                BytesDiffer,
                Some(Import),
            ),
            (remote(in_store(known())), &policy, Fetch, BytesDiffer, None),
            (local(None), &managed, Import, BytesDiffer, None),
            (local(None), &policy, UseInPlace, BytesDiffer, None),
        ] {
            let found = next_step(&facts, &wishes(policy, Freshness::UseLocal), last, miss);
            assert_eq!(found, next, "{facts:?} {last:?} {miss:?}");
        }
        // What the source has now may have another digest than the pinned one.
        let moved = Facts {
            has_moved: true,
            ..remote(in_store(known()))
        };
        assert_eq!(
            expected(&moved, &wishes(&policy, Freshness::Revalidate)),
            None
        );
    }
}
