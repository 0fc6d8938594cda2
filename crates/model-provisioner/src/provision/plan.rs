use catalog_core::{CatalogEntry, Digest, LifecycleState};

use super::request::Freshness;
use crate::means::Step;
use crate::policy::{Policy, StagingMode};

/// What a call is going to do. A value of what is known, so tests need no disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// What the bytes must be.
    pub(super) expected: Option<Digest>,
    pub(super) step: Step,
    /// What to do if the bytes here are not the expected ones, or the step cannot be done.
    pub(super) or_else: Option<Step>,
    /// What to do if nothing is here, or a repair cannot be done.
    pub(super) acquire: Step,
}

/// What is known before anything is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'f> {
    /// The digest of this call, canonical.
    pub(super) given: Option<&'f Digest>,
    /// What the catalog knows.
    pub(super) entry: Option<&'f CatalogEntry>,
    /// Whether the entry's artifact is there.
    pub(super) is_here: bool,
    /// Whether it lies in the artifact store.
    pub(super) is_managed: bool,
    /// Whether its bytes are proved to be those of the entry's digest.
    pub(super) is_proved: bool,
    /// Whether the reference is to a local path.
    pub(super) is_local: bool,
    /// Whether the fetcher stages what such a reference names.
    pub(super) can_stage: bool,
    /// Whether there is an artifact store.
    pub(super) has_store: bool,
}

/// Decides what to do.
///
/// A digest pinned by an earlier call stays the expectation when this one gives none. Another
/// digest of the same algorithm cannot be that of the bytes here, so it asks for new ones; of
/// another algorithm, it can.
pub(super) fn plan(facts: &Facts<'_>, policy: &Policy, freshness: Freshness) -> Plan {
    let given = facts.given;
    let pinned = facts.entry.and_then(|entry| entry.digest.as_ref());
    let acquire = match (facts.is_local, policy.staging) {
        (true, StagingMode::Managed) if facts.has_store => Step::Import,
        (false, _) if facts.has_store && facts.can_stage => Step::Fetch,
        _ => Step::UseInPlace,
    };
    let expected = given.or(pinned).cloned();
    let to_do = |step, or_else| Plan {
        expected: expected.clone(),
        step,
        or_else,
        acquire,
    };
    let Some(entry) = facts.entry else {
        return to_do(acquire, None);
    };
    let is_replacement = match (given, pinned) {
        (Some(given), Some(pinned)) => given.algo == pinned.algo && given != pinned,
        _ => false,
    };
    let is_to_move = acquire == Step::Import && !facts.is_managed;
    if is_replacement || is_to_move {
        return to_do(acquire, None);
    }
    let asks_nothing_new = given.is_none() || given == pinned;
    // What is brought for a repair is compared with what was staged: that has to be what is expected.
    let can_repair = facts.is_managed && asks_nothing_new && pinned.is_some();
    let repair = can_repair.then_some(Step::Repair);
    let looks_again = freshness == Freshness::LookAgain;
    if looks_again && acquire == Step::Fetch {
        return to_do(Step::LookAgain, repair);
    }
    if !facts.is_here {
        return to_do(repair.unwrap_or(acquire), None);
    }
    if expected.is_none() || (facts.is_proved && asks_nothing_new && !looks_again) {
        return match entry.lifecycle {
            LifecycleState::Active => to_do(Step::Nothing, None),
            LifecycleState::Retired => to_do(Step::Activate, None),
        };
    }
    // Bytes that were proved once are damaged if they are not the expected ones: outside of the
    // store, that is for people to know. Others were never the right ones.
    let anew = (!asks_nothing_new && !facts.is_local).then_some(acquire);
    to_do(Step::Check, repair.or(anew))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(algo: &str, digit: &str) -> Option<Digest> {
        Some(Digest {
            algo: algo.to_owned(),
            value: digit.repeat(64),
        })
    }

    fn entry(digest: Option<Digest>, lifecycle: LifecycleState) -> CatalogEntry {
        CatalogEntry {
            id: "id".to_owned(),
            local_path: "/m".into(),
            lifecycle,
            digest,
            last_verified_ms: None,
        }
    }

    fn facts<'f>(given: Option<&'f Digest>, entry: Option<&'f CatalogEntry>) -> Facts<'f> {
        Facts {
            given,
            entry,
            is_here: entry.is_some(),
            is_managed: false,
            is_proved: false,
            is_local: false,
            can_stage: true,
            has_store: true,
        }
    }

    fn steps(facts: &Facts<'_>, policy: &Policy, freshness: Freshness) -> (Step, Option<Step>) {
        let plan = plan(facts, policy, freshness);
        (plan.step, plan.or_else)
    }

    /// PROV-101: what is not here, by where it comes from.
    #[test]
    fn what_is_not_here_is_acquired_as_reference_fetcher_and_policy_say() {
        use Step::{Fetch, Import, UseInPlace};
        let managed = Policy {
            staging: StagingMode::Managed,
            ..Policy::default()
        };
        for (is_local, can_stage, has_store, in_place, in_store) in [
            (true, false, true, UseInPlace, Import),
            (true, false, false, UseInPlace, UseInPlace),
            (false, true, true, Fetch, Fetch),
            (false, true, false, UseInPlace, UseInPlace),
            (false, false, true, UseInPlace, UseInPlace),
        ] {
            let facts = Facts {
                is_local,
                can_stage,
                has_store,
                ..facts(None, None)
            };
            for freshness in [Freshness::UseLocal, Freshness::LookAgain] {
                let by_default = steps(&facts, &Policy::default(), freshness);
                assert_eq!(by_default, (in_place, None), "{facts:?}");
                assert_eq!(
                    steps(&facts, &managed, freshness),
                    (in_store, None),
                    "{facts:?}"
                );
            }
        }
    }

    /// PROV-101: what is here, by what is known and given of its bytes.
    #[test]
    fn what_is_here_is_used_checked_or_replaced_as_its_digests_say() {
        use Step::{Check, Fetch, Nothing};
        let (a, b) = (digest("sha256", "a"), digest("sha256", "b"));
        let other = digest("sha512", "a");
        for (given, pinned, is_proved, expected, step, or_else) in [
            (None, None, false, None, Nothing, None),
            (None, a.clone(), false, a.clone(), Check, None),
            (None, a.clone(), true, a.clone(), Nothing, None),
            (a.clone(), a.clone(), true, a.clone(), Nothing, None),
            (a.clone(), a.clone(), false, a.clone(), Check, None),
            (a.clone(), None, false, a.clone(), Check, Some(Fetch)),
            (b.clone(), a.clone(), true, b.clone(), Fetch, None),
            (b.clone(), a.clone(), false, b, Fetch, None),
            (other.clone(), a, true, other, Check, Some(Fetch)),
        ] {
            let entry = entry(pinned, LifecycleState::Active);
            let facts = Facts {
                is_proved,
                ..facts(given.as_ref(), Some(&entry))
            };
            let plan = plan(&facts, &Policy::default(), Freshness::UseLocal);
            let wanted = Plan {
                expected,
                step,
                or_else,
                acquire: Fetch,
            };
            assert_eq!(plan, wanted, "{facts:?}");
        }
    }

    /// PROV-101: state, place and freshness.
    #[test]
    fn state_place_and_freshness_decide_the_rest() {
        use Step::{Activate, Check, Fetch, Import, LookAgain, Nothing, Repair, UseInPlace};
        let a = digest("sha256", "a");
        let active = entry(a.clone(), LifecycleState::Active);
        let retired = entry(a.clone(), LifecycleState::Retired);
        let unproved = entry(None, LifecycleState::Retired);
        let by_default = Policy::default();
        let managed = Policy {
            staging: StagingMode::Managed,
            ..Policy::default()
        };
        let local = |entry| Facts {
            is_local: true,
            can_stage: false,
            is_proved: true,
            ..facts(None, Some(entry))
        };
        let in_store = |entry| Facts {
            is_managed: true,
            is_proved: true,
            ..facts(None, Some(entry))
        };
        let gone = |facts| Facts {
            is_here: false,
            is_proved: false,
            ..facts
        };
        let doubted = |facts| Facts {
            is_proved: false,
            ..facts
        };
        let use_local = Freshness::UseLocal;
        let look_again = Freshness::LookAgain;
        for (facts, policy, freshness, step, or_else) in [
            (local(&active), &by_default, use_local, Nothing, None),
            (local(&retired), &by_default, use_local, Activate, None),
            (local(&unproved), &by_default, use_local, Activate, None),
            (local(&active), &by_default, look_again, Check, None),
            (local(&active), &managed, use_local, Import, None),
            (
                gone(local(&active)),
                &by_default,
                use_local,
                UseInPlace,
                None,
            ),
            (in_store(&active), &managed, use_local, Nothing, None),
            (
                in_store(&active),
                &by_default,
                look_again,
                LookAgain,
                Some(Repair),
            ),
            (
                gone(in_store(&active)),
                &by_default,
                look_again,
                LookAgain,
                Some(Repair),
            ),
            (
                gone(in_store(&unproved)),
                &by_default,
                use_local,
                Fetch,
                None,
            ),
            (
                doubted(in_store(&retired)),
                &by_default,
                use_local,
                Check,
                Some(Repair),
            ),
            (
                gone(in_store(&active)),
                &by_default,
                use_local,
                Repair,
                None,
            ),
        ] {
            assert_eq!(
                steps(&facts, policy, freshness),
                (step, or_else),
                "{facts:?} {freshness:?}"
            );
        }
    }
}
