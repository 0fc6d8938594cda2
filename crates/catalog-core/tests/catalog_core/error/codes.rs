//! The codes of errors, and the reactions that they call for.

use std::collections::BTreeSet;
use std::io;

use catalog_core::{CatalogError, FetchProblem, ModelRef, Retry};

use super::chain::one_of_each;

/// Returns an error of each code.
fn one_of_each_code() -> Vec<CatalogError> {
    let mr = ModelRef::parse("hf:org/repo").unwrap();
    let problems = [
        FetchProblem::ToolMissing,
        FetchProblem::NotFound,
        FetchProblem::RevisionNotFound,
        FetchProblem::FileNotFound,
        FetchProblem::AccessDenied,
        FetchProblem::Unreachable,
        FetchProblem::Offline,
        FetchProblem::NoSpace,
        FetchProblem::Refused,
        FetchProblem::Forbidden,
        FetchProblem::Untrusted,
        FetchProblem::Misconfigured,
        FetchProblem::SourceChanged,
        FetchProblem::Renamed,
        FetchProblem::RateLimited,
        FetchProblem::Failed,
    ];
    let fetches = problems.map(|problem| CatalogError::fetch(&mr, problem, "it failed"));
    one_of_each().into_iter().chain(fetches).collect()
}

/// CAT-602
#[test]
fn each_variant_has_one_stable_code_and_each_code_a_meaning() {
    let errors = one_of_each_code();
    let used: Vec<&str> = errors.iter().map(CatalogError::code).collect();
    let listed: Vec<&str> = CatalogError::codes().iter().map(|code| code.name).collect();
    let mut sorted = used.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, listed, "each variant, and nothing twice");
    for code in CatalogError::codes() {
        assert!(code.meaning.ends_with('.'), "{code:?}");
        assert!((400..=599).contains(&code.http_status), "{code:?}");
    }
    for error in errors {
        let code = CatalogError::codes()
            .iter()
            .find(|code| code.name == error.code());
        assert_eq!(error.http_status(), code.unwrap().http_status, "{error}");
    }
}

/// CAT-603
#[test]
fn only_what_may_pass_by_itself_is_retryable() {
    let retryable: BTreeSet<&str> = one_of_each_code()
        .iter()
        .filter(|error| error.is_retryable())
        .map(CatalogError::code)
        .collect();
    let expected = [
        "artifact_changed",
        "conflict",
        "deadline_exceeded",
        "fetch_no_space",
        "fetch_rate_limited",
        "fetch_source_changed",
        "fetch_unreachable",
        "in_use",
        "lock_timeout",
        "no_space",
        "out_of_handles",
    ];
    assert_eq!(retryable, BTreeSet::from(expected));
    let listed = CatalogError::codes().iter();
    let listed = listed
        .filter(|code| code.retry == Retry::Yes)
        .map(|code| code.name);
    assert_eq!(listed.collect::<Vec<_>>(), expected);
    let io = |kind| CatalogError::Io {
        action: "read",
        path: "/x".into(),
        source: io::Error::from(kind),
    };
    assert!(io(io::ErrorKind::Interrupted).is_retryable());
    assert!(!io(io::ErrorKind::PermissionDenied).is_retryable());
}
