use catalog_core::{FileFetcher, ModelFetcher, ModelRef};
use model_provisioner::SchemeRouter;

/// PROV-420
#[test]
fn an_unrouted_scheme_says_what_to_compose_and_shows_no_secret() {
    let router = SchemeRouter::new().route("FILE", FileFetcher);
    for (text, hint) in [
        ("hf:org/repo", "HfCliFetcher"),
        (
            "https://user:canary@host/m.gguf?token=canary",
            "a fetcher for it",
        ),
        ("oci://ghcr.io/org/model:1", "a fetcher for it"),
    ] {
        let mr = ModelRef::parse(text).unwrap();
        let error = router.ensure_present(&mr).unwrap_err();
        assert_eq!(error.code(), "no_fetcher");
        let message = error.to_string();
        assert!(message.contains(hint), "{message}");
        assert!(!message.contains("canary"), "{message}");
        assert!(!router.can_stage(&mr));
        assert_eq!(router.outbound_host(&mr), None, "it would ask nobody");
    }
    assert_eq!(format!("{router:?}"), "SchemeRouter([\"file\"])");
}
