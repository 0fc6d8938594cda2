use catalog_core::{
    CatalogError, FetchProblem, FileFetcher, MemoryCatalog, ModelFetcher, ModelRef, ResolvedModel,
    Result, SourceHost,
};
use model_provisioner::{Filter, ModelProvisioner, Policy, SchemeRouter};

/// PROV-420
#[test]
fn an_unrouted_scheme_says_what_to_compose_and_shows_no_secret() {
    let router = SchemeRouter::new().with(FileFetcher);
    for (text, hint) in [
        ("hf:org/repo", "`ModelProvisioner::with_network`"),
        ("hf:org/repo", "the feature `hf-cli` has an"),
        (
            "https://user:canary@host/m.gguf?token=canary",
            "the feature `http`",
        ),
        ("oci://ghcr.io/org/model:1", "a `ModelFetcher` of your own"),
    ] {
        let mr = ModelRef::parse(text).unwrap();
        let error = router.ensure_present(&mr).unwrap_err();
        assert_eq!(error.code(), "no_fetcher");
        let message = error.to_string();
        assert!(message.contains(hint), "{message}");
        assert!(message.contains("the served schemes are file"), "{message}");
        assert!(!message.contains("canary"), "{message}");
        assert!(!router.supports(&mr));
        assert_eq!(router.source_host(&mr), SourceHost::Unknown);
    }
    assert_eq!(format!("{router:?}"), "SchemeRouter([\"file\"])");

    // Rules about hosts do not hide that nobody serves the scheme.
    let folder = tempfile::tempdir().unwrap();
    let mut policy = Policy::default();
    policy.outbound.hosts = Filter::except(["evil.test"]);
    let catalog = MemoryCatalog::new(folder.path().join("root")).unwrap();
    let provisioner = ModelProvisioner::new(catalog, router);
    let provisioner = provisioner.with_policy(policy).unwrap();
    let error = provisioner.ensure_present_str("hf:org/repo", None);
    assert_eq!(error.unwrap_err().code(), "no_fetcher");
}

/// Supports the references of one scheme whose text has a word in it, and fails with its own name.
struct Picky {
    name: &'static str,
    word: &'static str,
}

impl ModelFetcher for Picky {
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        Err(CatalogError::fetch(mr, FetchProblem::Failed, self.name))
    }
    fn schemes(&self) -> Vec<&str> {
        vec!["share"]
    }
    fn supports(&self, mr: &ModelRef) -> bool {
        mr.scheme() == "share" && mr.to_string().contains(self.word)
    }
}

/// PROV-422
#[test]
fn the_first_fetcher_that_supports_a_reference_is_asked_and_no_other() {
    let picky = |name, word| Picky { name, word };
    let router = SchemeRouter::new()
        .with(FileFetcher)
        .with(picky("first", "gguf"))
        .with(picky("second", "team"));
    assert_eq!(router.schemes(), ["file", "share"]);
    for (text, asked) in [
        ("share://team/m.gguf", Some("first")),
        ("share://team/m.bin", Some("second")),
        ("share://other/m.bin", None),
    ] {
        let mr = ModelRef::parse(text).unwrap();
        assert_eq!(router.supports(&mr), asked.is_some(), "{text}");
        let error = router.ensure_present(&mr).unwrap_err();
        let (code, word) = match asked {
            Some(name) => ("fetch_failed", name),
            None => (
                "no_fetcher",
                "no fetcher of this scheme supports this reference",
            ),
        };
        assert_eq!(error.code(), code, "{text}: {error}");
        assert!(error.to_string().contains(word), "{text}: {error}");
    }
}
