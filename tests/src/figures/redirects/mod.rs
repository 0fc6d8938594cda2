//! Redirects: where they may lead, and what goes along.

use std::sync::Arc;

use catalog_core::FetchProblem;
use catalog_core::{CatalogError, CatalogStore};
use model_provisioner::{ModelProvisioner, ProvisionError};

use super::net_faults::{bytes, digest, network};
use crate::figure::{Measured, Outcome, Sabotage, Trial};
use crate::web::{Reply, WebServer};

/// A token that only the first server may receive, and its form in the header.
const TOKEN: &str = "canary-token-31415";
const BASIC: &str = "Basic dXNlcjpjYW5hcnktdG9rZW4tMzE0MTU=";

/// A server that redirects, and the outcome that its redirect must have.
struct Case {
    name: &'static str,
    /// Returns the target for a request to the first server. `other` is the URL of the second server.
    target: fn(path: &str, other: &str) -> Option<String>,
    must_succeed: bool,
}

const CASES: [Case; 13] = [
    Case {
        name: "to another origin",
        target: |_, other| Some(format!("{other}/model.bin?sig=canary-signature-27182")),
        must_succeed: true,
    },
    Case {
        name: "to another path of the same origin",
        target: |path, _| (path != "/model.bin").then(|| "/model.bin".to_owned()),
        must_succeed: true,
    },
    Case {
        name: "relative to its folder",
        target: |path, _| (path != "/model.bin").then(|| "./x/../model.bin".to_owned()),
        must_succeed: true,
    },
    Case {
        name: "to another origin with a user name",
        target: |_, other| Some(other.replace("//", "//someone:else@") + "/model.bin"),
        must_succeed: true,
    },
    Case {
        name: "ten times",
        target: |path, _| next_of(path, 10),
        must_succeed: true,
    },
    Case {
        name: "eleven times",
        target: |path, _| next_of(path, 11),
        must_succeed: false,
    },
    Case {
        name: "in a circle",
        target: |path, _| Some(path.to_owned()),
        must_succeed: false,
    },
    Case {
        name: "to a file",
        target: |_, _| Some("file:///etc/passwd".to_owned()),
        must_succeed: false,
    },
    Case {
        name: "to ftp",
        target: |_, _| Some("ftp://127.0.0.1/model.bin".to_owned()),
        must_succeed: false,
    },
    Case {
        name: "to plain http at a name",
        target: |_, other| Some(other.replace("127.0.0.1", "localhost") + "/model.bin"),
        must_succeed: false,
    },
    Case {
        name: "to a malformed target",
        target: |_, _| Some("http://[::1/model.bin".to_owned()),
        must_succeed: false,
    },
    Case {
        name: "to a target without a host",
        target: |_, _| Some("http:///model.bin".to_owned()),
        must_succeed: false,
    },
    Case {
        name: "to a metadata service",
        target: |_, _| Some("http://169.254.169.254/model.bin".to_owned()),
        must_succeed: false,
    },
];

/// Returns the target of a chain of redirects: `/begin`, `/1`, `/2` and so on, up to the file.
fn next_of(path: &str, redirects: usize) -> Option<String> {
    let at: usize = match path {
        "/begin" => 0,
        path => path.trim_start_matches('/').parse().ok()?,
    };
    Some(match at + 1 == redirects {
        true => "/model.bin".to_owned(),
        false => format!("/{}", at + 1),
    })
}

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::of(trial);
    for case in &CASES {
        if let Err(violation) = follow(trial, case) {
            measured.violation(format!("a redirect {}: {violation}", case.name));
        }
        if measured.is_hopeless() {
            break;
        }
    }
    measured.count("redirects", CASES.len());
    Outcome::Measured(measured)
}

fn follow(trial: Trial, case: &'static Case) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let first = WebServer::start("127.0.0.1").map_err(|error| text(&error))?;
    let second = WebServer::start("127.0.0.1").map_err(|error| text(&error))?;
    let content = bytes(5, 3 << 20);
    first.put("/model.bin", Arc::clone(&content), Some("\"a\""));
    second.put("/model.bin", Arc::clone(&content), Some("\"a\""));
    let other = second.url("");
    first.lie(move |_, request, reply| {
        let path = request.path.split('?').next().unwrap_or_default();
        let Some(mut target) = (case.target)(path, &other) else {
            return reply;
        };
        if trial.sabotage == Sabotage::TokenInTarget {
            target.push_str(&format!("?token={TOKEN}"));
        }
        match path == "/model.bin" && case.name.contains("times") {
            true => reply,
            false => Reply::new("302 Found").with("Location", target),
        }
    });
    let root = tempfile::tempdir().map_err(|error| text(&error))?;
    let provisioner = ModelProvisioner::with_network(root.path(), network().retries(0));
    let provisioner = provisioner.map_err(|error| text(&error))?;
    let url = first
        .url("/begin")
        .replace("//", &format!("//user:{TOKEN}@"));
    let outcome = provisioner.ensure_present_str(&url, None);
    for request in first.requests() {
        if request.header("authorization") != Some(BASIC) {
            return Err(format!("the first server got {request:?}"));
        }
    }
    for request in second.requests() {
        let shown = format!("{request:?}");
        if shown.contains(TOKEN) || shown.contains("authorization") {
            return Err(format!("the token reached the second server: {shown}"));
        }
    }
    match (outcome, case.must_succeed) {
        (Ok(_), true) => {
            let entries = provisioner.catalog().list().map_err(|error| text(&error))?;
            match entries[0].digest == Some(digest(&content)) {
                true => Ok(()),
                false => Err(format!("the result is {entries:?}")),
            }
        }
        (Err(error), false) => check_refusal(&error),
        (outcome, _) => Err(format!("the outcome is {outcome:?}")),
    }
}

/// Checks that an error is typed and shows no secret.
fn check_refusal(error: &ProvisionError) -> Result<(), String> {
    let shown = format!("{error} {error:?}");
    if shown.contains(TOKEN) || shown.contains("canary-signature") {
        return Err(format!("the error shows a secret: {shown}"));
    }
    match error {
        ProvisionError::Catalog(CatalogError::Fetch {
            problem: FetchProblem::Refused | FetchProblem::Forbidden,
            ..
        }) => Ok(()),
        other => Err(format!("the error is {other:?}")),
    }
}
