use catalog_core::{
    FsCatalog, HostOrigin, ModelFetcher, ModelRef, OutboundGate, ResolvedModel, SourceHost,
};
use model_provisioner::{Filter, ModelProvisioner, Policy};

use crate::util::Host;

/// Would ask a host, and must not be asked to.
struct Forbidden;

impl ModelFetcher for Forbidden {
    fn ensure_present(&self, mr: &ModelRef) -> catalog_core::Result<ResolvedModel> {
        panic!("{mr} was to be refused")
    }
    fn source_host(&self, mr: &ModelRef) -> SourceHost {
        let host = match mr {
            ModelRef::Hf { .. } => Some("hub.example.org".to_owned()),
            _ => mr.host(),
        };
        host.map_or(SourceHost::ThisHost, SourceHost::Other)
    }
}

/// PROV-170
#[test]
fn outbound_rules_decide_before_the_fetcher_is_asked() {
    let with = |change: &dyn Fn(&mut Policy)| {
        let mut policy = Policy::default();
        change(&mut policy);
        policy
    };
    for (policy, text, rule) in [
        (with(&|p| p.offline = true), "hf:org/repo", "offline"),
        (with(&|p| p.offline = true), "https://host/m", "offline"),
        (
            with(&|p| p.outbound.schemes = Filter::only(["hf", "s3"])),
            "https://host/m",
            "outbound.schemes.allow",
        ),
        (
            with(&|p| p.outbound.schemes = Filter::except(["HTTP"])),
            "http://host/m",
            "outbound.schemes.deny",
        ),
        (
            with(&|p| p.outbound.hosts = Filter::only(["hub.example.com"])),
            "hf:org/repo",
            "outbound.hosts.allow",
        ),
        (
            with(&|p| p.outbound.hosts = Filter::except([".example.org"])),
            "hf:org/repo",
            "outbound.hosts.deny",
        ),
        (
            with(&|p| p.outbound.hosts = Filter::except(["host"])),
            "https://user@HOST.:8443/m",
            "outbound.hosts.deny",
        ),
        (
            with(&|p| p.outbound.hosts = Filter::except(["[::1]:80", "x.test."])),
            "http://[0:0::1]/m",
            "outbound.hosts.deny",
        ),
        (
            with(&|p| p.outbound.hosts = Filter::except(["127.0.0.1"])),
            "http://127.1/m",
            "outbound.hosts.allow",
        ),
        (
            with(&|p| p.outbound.hosts = Filter::except(["x.test."])),
            "http://X.test/m",
            "outbound.hosts.deny",
        ),
        (
            with(&|p| p.outbound.organisations = Filter::only(["good"])),
            "hf:org/repo",
            "outbound.organisations.allow",
        ),
        (
            with(&|p| p.outbound.organisations = Filter::except(["ORG"])),
            "hf:org/repo@v1/x.gguf",
            "outbound.organisations.deny",
        ),
    ] {
        let host = Host::new();
        let catalog = FsCatalog::new(host.cache()).unwrap();
        let provisioner = ModelProvisioner::new(catalog, Forbidden)
            .with_policy(policy)
            .unwrap();
        let error = provisioner.ensure_present_str(text, None).unwrap_err();
        assert_eq!(error.code(), "policy_refused", "{error}");
        assert!(error.to_string().contains(&format!("`{rule}`")), "{error}");
    }
}

/// PROV-172
#[test]
fn a_policy_guards_each_host_and_address_of_a_network_fetcher() {
    let mut policy = Policy::default();
    policy.outbound.hosts = Filter::except(["bad.test", "203.0.113.7"]);
    policy.outbound.schemes = Filter::except(["http"]);
    let gate: &dyn OutboundGate = &policy;
    use HostOrigin::{Named, Redirected};
    assert_eq!(gate.check_host("https", "good.test", 443, Named), Ok(()));
    for (scheme, host, rule) in [
        ("https", "BAD.test.", "outbound.hosts.deny"),
        ("http", "good.test", "outbound.schemes.deny"),
    ] {
        let refusal = gate.check_host(scheme, host, 443, Redirected).unwrap_err();
        assert!(refusal.contains(rule), "{refusal}");
    }
    let address = |text: &str| text.parse().unwrap();
    for (text, origin, is_allowed) in [
        ("198.51.100.1", Redirected, true),
        ("203.0.113.7", Named, false),
        ("::ffff:203.0.113.7", Named, false),
        // The caller may name a host of its own network. A redirect may not lead there.
        ("192.168.1.2", Named, true),
        ("192.168.1.2", Redirected, false),
        ("127.0.0.1", Redirected, false),
        ("169.254.169.254", Redirected, false),
        ("100.100.100.200", Redirected, false),
        ("168.63.129.16", Redirected, false),
        ("0.0.0.0", Redirected, false),
        ("::1", Redirected, false),
        ("fd00:ec2::254", Redirected, false),
        ("fe80::1", Redirected, false),
        ("::ffff:10.0.0.1", Redirected, false),
        ("64:ff9b::a00:1", Redirected, false),
        ("64:ff9b::c633:6401", Redirected, true),
        ("2002:7f00:1::", Redirected, false),
        ("64:ff9b:1::7f00:1", Redirected, false),
        ("::127.0.0.1", Redirected, false),
        ("fec0::1", Redirected, false),
        ("2001:db8::1", Redirected, true),
    ] {
        let decision = gate.check_address("good.test", address(text), origin);
        assert_eq!(decision.is_ok(), is_allowed, "{text}: {decision:?}");
    }
    let mut mapped = Policy::default();
    mapped.outbound.hosts = Filter::except(["::ffff:10.1.2.3"]);
    assert!(
        mapped
            .check_address("h", address("10.1.2.3"), Named)
            .is_err()
    );
    let mut inner = Policy::default();
    inner.outbound.hosts = Filter::only(["mirror.test", "10.0.0.1"]);
    assert_eq!(
        inner.check_address("mirror.test", address("10.0.0.1"), Redirected),
        Ok(())
    );
    inner.offline = true;
    assert!(
        inner
            .check_host("https", "mirror.test", 443, Named)
            .is_err()
    );
}

/// PROV-171
#[test]
fn a_policy_is_plain_data() {
    let text = r#"{"on_mismatch": "warn", "offline": true,
                   "outbound": {"hosts": {"allow": ["huggingface.co"]}}, "max_bytes": 7}"#;
    let policy: Policy = serde_json::from_str(text).unwrap();
    assert!(policy.offline);
    assert_eq!(policy.outbound.hosts, Filter::only(["huggingface.co"]));
    assert_eq!(
        policy.outbound.schemes,
        Filter::default(),
        "the rest is as by default"
    );
    for typo in [
        r#"{"offine": true}"#,
        r#"{"outbound": {"host": {}}}"#,
        r#"{"outbound": {"hosts": {"allowed": []}}}"#,
    ] {
        assert!(
            serde_json::from_str::<Policy>(typo).is_err(),
            "{typo} allows nothing in silence"
        );
    }
    let again: Policy = serde_json::from_str(&serde_json::to_string(&policy).unwrap()).unwrap();
    assert_eq!(again, policy);
}
