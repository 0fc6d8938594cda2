use catalog_core::{Digest, VerificationOutcomeKind as Kind, verify_digest};

fn literal(algo: &str, value: &str) -> Digest {
    Digest {
        algo: algo.to_owned(),
        value: value.to_owned(),
    }
}

/// CAT-210
#[test]
fn the_outcome_follows_from_actual_and_expected() {
    let a = literal("sha256", &"a".repeat(64));
    let upper = literal("SHA256", &"A".repeat(64));
    let b = literal("sha256", &"b".repeat(64));
    let long = literal("sha512", &"a".repeat(128));
    let tree = literal("sha256-tree", &"a".repeat(64));
    let nonsense = [
        literal("", ""),
        literal("sha256", ""),
        literal("sha256", "yes"),
        literal("sha256", &"z".repeat(64)),
        literal("sha256", &"é".repeat(32)),
        literal("md5", &"a".repeat(32)),
        literal("sha256", &"a".repeat(65)),
    ];
    let kind = |actual: Option<&Digest>, expected: Option<&Digest>| {
        let outcome = verify_digest(actual, expected);
        let is_pass = outcome.kind == Kind::Pass;
        assert_eq!(
            outcome.reason.is_none(),
            is_pass,
            "all but a pass have a reason"
        );
        outcome.kind
    };
    assert_eq!(kind(Some(&a), Some(&a)), Kind::Pass);
    assert_eq!(kind(Some(&a), Some(&upper)), Kind::Pass);
    assert_eq!(kind(Some(&long), Some(&long)), Kind::Pass);
    assert_eq!(kind(Some(&a), None), Kind::Warn);
    assert_eq!(kind(None, None), Kind::Warn);
    assert_eq!(kind(None, Some(&a)), Kind::Fail);
    assert_eq!(kind(Some(&b), Some(&a)), Kind::Fail);
    assert_eq!(kind(Some(&long), Some(&a)), Kind::Fail);
    assert_eq!(
        kind(Some(&tree), Some(&a)),
        Kind::Fail,
        "a folder's proves no file"
    );
    for nonsense in &nonsense {
        assert_eq!(
            kind(Some(nonsense), Some(nonsense)),
            Kind::Fail,
            "{nonsense:?}"
        );
        assert_eq!(kind(Some(nonsense), Some(&a)), Kind::Fail, "{nonsense:?}");
        assert_eq!(kind(Some(&a), Some(nonsense)), Kind::Fail, "{nonsense:?}");
        assert_eq!(kind(None, Some(nonsense)), Kind::Fail, "{nonsense:?}");
    }
}

/// CAT-210
#[test]
fn a_failure_says_what_was_expected_and_what_was_found() {
    let a = literal("sha256", &"a".repeat(64));
    let b = literal("sha256", &"b".repeat(64));
    let reason = verify_digest(Some(&b), Some(&a)).reason.unwrap();
    assert!(
        reason.contains(&a.to_string()) && reason.contains(&b.to_string()),
        "{reason}"
    );
    assert!(reason.contains("digest mismatch"), "{reason}");
}
