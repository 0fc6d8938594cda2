use std::path::PathBuf;

use catalog_core::{CatalogEntry, Digest};

/// What a call is going to do. A value of what is known, so tests need no disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// What the bytes must be.
    pub(super) expected: Option<Digest>,
    pub(super) source: Source,
}

/// Where the bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// They are where the catalog says.
    Registered {
        /// Where that is.
        path: PathBuf,
        /// Whether the fetcher is to bring others if they are not the expected ones: only if they
        /// never were proved to be, as else they are damaged, and that is for people to know.
        is_replaceable: bool,
    },
    /// The fetcher brings or finds them.
    Fetcher,
}

/// Decides what to do.
///
/// - `given`: the digest of this call, canonical
/// - `entry`: what the catalog knows
/// - `is_on_disk`: whether the entry's artifact is there
///
/// A digest pinned by an earlier call stays the expectation when this one gives none. Another
/// digest of the same algorithm cannot be that of the bytes here, so it asks for new ones; of
/// another algorithm, it can.
pub(super) fn plan(given: Option<&Digest>, entry: Option<&CatalogEntry>, is_on_disk: bool) -> Plan {
    let pinned = entry.and_then(|entry| entry.digest.as_ref());
    let is_replacement = match (given, pinned) {
        (Some(given), Some(pinned)) => given.algo == pinned.algo && given != pinned,
        _ => false,
    };
    Plan {
        expected: given.or(pinned).cloned(),
        source: match entry {
            Some(entry) if is_on_disk && !is_replacement => Source::Registered {
                path: entry.local_path.clone(),
                is_replaceable: given.is_some() && given != pinned,
            },
            _ => Source::Fetcher,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog_core::LifecycleState;

    /// PROV-101: the decision table.
    #[test]
    fn the_plan_follows_from_digest_entry_and_disk() {
        let digest = |algo: &str, digit: &str| {
            Some(Digest {
                algo: algo.to_owned(),
                value: digit.repeat(64),
            })
        };
        let entry = |digest| CatalogEntry {
            id: "id".to_owned(),
            local_path: "/m".into(),
            lifecycle: LifecycleState::Retired,
            digest,
            last_verified_ms: None,
        };
        let here = |is_replaceable| Source::Registered {
            path: "/m".into(),
            is_replaceable,
        };
        let (a, b) = (digest("sha256", "a"), digest("sha256", "b"));
        let other = digest("sha512", "a");
        for (given, known, is_on_disk, expected, source) in [
            (None, None, false, None, Source::Fetcher),
            (a.clone(), None, false, a.clone(), Source::Fetcher),
            (None, Some(None), false, None, Source::Fetcher),
            (None, Some(None), true, None, here(false)),
            (None, Some(a.clone()), true, a.clone(), here(false)),
            (None, Some(a.clone()), false, a.clone(), Source::Fetcher),
            (a.clone(), Some(None), true, a.clone(), here(true)),
            (a.clone(), Some(a.clone()), true, a.clone(), here(false)),
            (b.clone(), Some(a.clone()), true, b, Source::Fetcher),
            (other.clone(), Some(a), true, other, here(true)),
        ] {
            let known = known.map(entry);
            let plan = plan(given.as_ref(), known.as_ref(), is_on_disk);
            assert_eq!(plan, Plan { expected, source }, "{given:?} {known:?}");
        }
    }
}
