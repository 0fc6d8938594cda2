//! The policy decides before each connection: about hosts, about addresses, and after each redirect.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog_core::AddressSet;
use model_fetchers::{NetworkConfig, Resolve};
use model_provisioner::{AddressRules, Filter, ModelProvisioner, Outbound, Policy};

use super::net_faults::{bytes, network};
use crate::figure::{Measured, Outcome, Sabotage, Trial};
use crate::web::{Reply, WebServer};

/// A resolver that gives the next answer with each call, and the last answer for ever.
#[derive(Debug)]
struct Answers {
    calls: Arc<AtomicUsize>,
    addresses: Vec<Vec<IpAddr>>,
}

impl Resolve for Answers {
    fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(self.addresses[call.min(self.addresses.len() - 1)].clone())
    }
}

/// A call that a policy decides.
struct Case {
    name: &'static str,
    /// The host of the reference.
    host: &'static str,
    /// The target of a redirect, if the server redirects. `PORT` stands for its port.
    redirect: Option<&'static str>,
    policy: fn() -> Policy,
    /// The addresses of each name, in the order of the calls of the resolver.
    addresses: &'static [&'static [&'static str]],
    is_allowed: bool,
}

fn hosts(filter: Filter) -> Policy {
    let mut outbound = Outbound::default();
    outbound.hosts = filter;
    Policy::default().outbound(outbound)
}

fn addresses(rules: AddressRules) -> Policy {
    let mut outbound = Outbound::default();
    outbound.addresses = rules;
    Policy::default().outbound(outbound)
}

const LOOPBACK: &[&[&str]] = &[&["127.0.0.1"]];

const fn case(
    name: &'static str,
    host: &'static str,
    policy: fn() -> Policy,
    is_allowed: bool,
) -> Case {
    Case {
        name,
        host,
        redirect: None,
        policy,
        addresses: LOOPBACK,
        is_allowed,
    }
}

const CASES: [Case; 14] = [
    case(
        "a host that nothing forbids",
        "a.test",
        Policy::default,
        true,
    ),
    case(
        "a literal address of this host",
        "127.0.0.1",
        Policy::default,
        true,
    ),
    case("offline", "a.test", || Policy::default().offline(), false),
    case(
        "a denied host",
        "a.test",
        || hosts(Filter::except(["a.test"])),
        false,
    ),
    case(
        "a host below a denied one",
        "x.a.test",
        || hosts(Filter::except([".a.test"])),
        false,
    ),
    case(
        "a host that is not allowed",
        "a.test",
        || hosts(Filter::only(["b.test"])),
        false,
    ),
    case(
        "an allowed host",
        "a.test",
        || hosts(Filter::only(["a.test"])),
        true,
    ),
    case(
        "a denied address",
        "a.test",
        || hosts(Filter::except(["127.0.0.1"])),
        false,
    ),
    case(
        "a denied set of addresses",
        "a.test",
        || addresses(AddressRules::default().deny(AddressSet::Loopback)),
        false,
    ),
    Case {
        addresses: &[&["169.254.169.254"]],
        ..case(
            "a name of a metadata service",
            "a.test",
            Policy::default,
            false,
        )
    },
    Case {
        addresses: &[&["::ffff:169.254.169.254"]],
        ..case("the same, mapped to IPv6", "a.test", Policy::default, false)
    },
    Case {
        addresses: &[&["127.0.0.1"], &["169.254.169.254"]],
        ..case(
            "a name server that changes its answer",
            "a.test",
            Policy::default,
            true,
        )
    },
    Case {
        redirect: Some("http://denied.test:PORT/model.bin"),
        ..case(
            "a redirect to a denied host",
            "a.test",
            || hosts(Filter::except(["denied.test"])),
            false,
        )
    },
    Case {
        redirect: Some("http://other.test:PORT/model.bin"),
        ..case(
            "a redirect between private hosts",
            "a.test",
            Policy::default,
            true,
        )
    },
];

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::of(trial);
    for case in &CASES {
        if let Err(violation) = decide(trial, case) {
            measured.violation(format!("{}: {violation}", case.name));
        }
        if measured.is_hopeless() {
            break;
        }
    }
    measured.count("policies", CASES.len());
    Outcome::Measured(measured)
}

fn decide(trial: Trial, case: &Case) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let server = WebServer::start("127.0.0.1").map_err(|error| text(&error))?;
    server.put("/model.bin", bytes(9, 20 << 20), Some("\"a\""));
    let port = server.port().to_string();
    if let Some(target) = case.redirect {
        let target = target.replace("PORT", &port);
        server.lie(move |number, _, reply| match number {
            0 => Reply::new("302 Found").with("Location", &target),
            _ => reply,
        });
    }
    let calls = Arc::new(AtomicUsize::new(0));
    let parsed = case.addresses.iter().map(|answer| {
        let addresses = answer.iter().map(|address| address.parse());
        addresses.collect::<Result<Vec<IpAddr>, _>>()
    });
    let resolver = Answers {
        calls: Arc::clone(&calls),
        addresses: parsed
            .collect::<Result<_, _>>()
            .map_err(|error| text(&error))?,
    };
    let config: NetworkConfig = network().allow_http().retries(0).resolver(resolver);
    let root = tempfile::tempdir().map_err(|error| text(&error))?;
    let policy = match trial.sabotage {
        Sabotage::NoPolicy => Policy::default(),
        _ => (case.policy)(),
    };
    let provisioner = ModelProvisioner::with_network(root.path(), config)
        .and_then(|provisioner| provisioner.with_policy(policy))
        .map_err(|error| text(&error))?;
    let url = format!("http://{}:{port}/model.bin", case.host);
    let outcome = provisioner.ensure_present_str(&url, None);
    let expected_requests = match (case.is_allowed, case.redirect) {
        (false, None) => 0,
        (false, Some(_)) => 1,
        (true, _) => usize::MAX,
    };
    let requests = server.requests().len();
    if requests > expected_requests || (expected_requests == 0 && server.connections() > 0) {
        return Err(format!(
            "the server was connected, and got {requests} requests"
        ));
    }
    match (&outcome, case.is_allowed) {
        (Ok(_), true) => {}
        (Err(error), false) => {
            let code = error.code();
            if !["policy_refused", "fetch_forbidden"].contains(&code) {
                return Err(format!("the error has the code {code}: {error}"));
            }
        }
        _ => return Err(format!("the outcome is {outcome:?}")),
    }
    let names = 1 + usize::from(case.redirect.is_some());
    match calls.load(Ordering::SeqCst) {
        resolved if resolved <= names => Ok(()),
        resolved => Err(format!("{names} names were resolved {resolved} times")),
    }
}
