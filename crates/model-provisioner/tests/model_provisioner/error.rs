use std::error::Error;

use catalog_core::{CatalogError, Digest, DigestError};
use model_provisioner::ProvisionError;

fn one_of_each() -> Vec<ProvisionError> {
    let digest = |digit: &str| {
        Box::new(Digest {
            algo: "sha256".to_owned(),
            value: digit.repeat(64),
        })
    };
    vec![
        ProvisionError::Catalog(CatalogError::ArtifactMissing { path: "/m".into() }),
        ProvisionError::Catalog(CatalogError::Io {
            action: "read",
            path: "/m".into(),
            source: std::io::Error::from(std::io::ErrorKind::Interrupted),
        }),
        ProvisionError::InvalidExpectedDigest {
            source: DigestError::MissingAlgorithm,
        },
        ProvisionError::PinnedDigestUnusable {
            id: "id".to_owned(),
            source: DigestError::UnknownAlgorithm("blake3".to_owned()),
        },
        ProvisionError::DigestMismatch {
            id: "id".to_owned(),
            path: "/m".into(),
            expected: digest("a"),
            actual: digest("b"),
        },
        ProvisionError::SourceMismatch {
            id: "id".to_owned(),
            origin: "hf:org/repo".to_owned(),
            expected: digest("a"),
            actual: digest("b"),
        },
        ProvisionError::NestedCall {
            id: "id".to_owned(),
        },
        ProvisionError::PolicyUnusable {
            rule: "staging",
            problem: "there is no store",
        },
        ProvisionError::Unsound {
            id: "id".to_owned(),
            path: "/m".into(),
            reason: "a is missing".to_owned(),
        },
        ProvisionError::PolicyRefused {
            id: "id".to_owned(),
            rule: "offline",
            detail: "it is not here".to_owned(),
        },
        ProvisionError::DeadlineExceeded {
            id: "id".to_owned(),
            after: std::time::Duration::from_secs(1),
            doing: "fetching",
            holder: None,
        },
        ProvisionError::FailedElsewhere {
            id: "id".to_owned(),
            code: "fetch_unreachable".to_owned(),
            detail: "the hub is down".to_owned(),
            is_retryable: true,
        },
    ]
}

/// PROV-201
#[test]
fn no_message_of_provisioning_repeats_its_source() {
    for error in one_of_each() {
        let mut messages = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            messages.push(cause.to_string());
            source = cause.source();
        }
        for (outer, inner) in messages.iter().zip(&messages[1..]) {
            assert!(
                !outer.contains(inner.as_str()),
                "{outer:?} repeats {inner:?}"
            );
        }
    }
}

/// PROV-205
#[test]
fn each_error_has_a_listed_code_and_the_status_of_that_code() {
    let codes = ProvisionError::codes();
    let names: Vec<&str> = codes.iter().map(|code| code.name).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "nothing twice: {names:?}");
    for error in one_of_each() {
        let code = match &error {
            ProvisionError::FailedElsewhere { code, .. } => code,
            error => error.code(),
        };
        let listed = codes.iter().find(|listed| listed.name == code).unwrap();
        assert_eq!(error.http_status(), listed.http_status, "{error}");
        assert!(names.contains(&error.code()), "{error}");
    }
}

/// PROV-202
#[test]
fn codes_and_retries_of_provisioning_are_stable() {
    let facts: Vec<(&str, bool)> = one_of_each()
        .iter()
        .map(|error| (error.code(), error.is_retryable()))
        .collect();
    assert_eq!(
        facts,
        [
            ("artifact_missing", false),
            ("io", true),
            ("invalid_expected_digest", false),
            ("pinned_digest_unusable", false),
            ("digest_mismatch", false),
            ("digest_mismatch", false),
            ("nested_call", false),
            ("policy_unusable", false),
            ("unsound", false),
            ("policy_refused", false),
            ("deadline_exceeded", true),
            ("failed_elsewhere", true),
        ]
    );
}
