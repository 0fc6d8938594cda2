//! The catalog behind HTTP: `orchestratord [--cache-dir DIR] [--listen HOST:PORT]`.
//!
//! ```text
//! GET    /models            all entries
//! GET    /models/ID         one
//! PUT    /models/ID         registers it: {"local_path": …, "lifecycle": …, "digest": …}
//! PUT    /states/ID         "active" or "retired"
//! DELETE /models/ID         removes it, and its artifact if nobody needs that
//! POST   /provision         {"model_ref": …, "digest": …}: makes it present
//! ```
//!
//! Ids hold slashes: they are the rest of the path. Every call blocks, so it runs on a thread for
//! that; each error has the status of its code and says it.

#![expect(clippy::print_stdout, reason = "a command line prints")]

mod common;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use catalog_core::{
    CatalogEntry, CatalogStore, Digest, FsCatalog, LifecycleState, ModelRef,
    default_model_cache_dir,
};
use model_provisioner::{ModelProvisioner, ProvisionError, ProvisionRequest, SchemeRouter, Traced};
use serde::Deserialize;
use serde_json::{Value, json};

type Provisioner = Arc<ModelProvisioner<FsCatalog, SchemeRouter>>;

#[tokio::main]
async fn main() -> ExitCode {
    common::exit_code(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    use lexopt::prelude::{Long, ValueExt};

    let (mut cache_dir, mut listen) = (default_model_cache_dir(), "127.0.0.1:8080".to_owned());
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("cache-dir") => cache_dir = PathBuf::from(parser.value()?),
            Long("listen") => listen = parser.value()?.string()?,
            _ => return Err(argument.unexpected().into()),
        }
    }
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let provisioner = ModelProvisioner::with_hf_cli(cache_dir)?.with_observer(Traced);
    let routes = Router::new()
        .route("/models", get(list))
        .route("/models/{*id}", get(one).put(register).delete(remove))
        .route("/states/{*id}", put(set_state))
        .route("/provision", post(provision))
        .with_state(Arc::new(provisioner));
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, routes).await?;
    Ok(())
}

/// Does what blocks on a thread for that, and answers with it.
async fn answer<T: serde::Serialize + Send + 'static>(
    provisioner: Provisioner,
    work: impl FnOnce(&ModelProvisioner<FsCatalog, SchemeRouter>) -> Result<T, ProvisionError>
    + Send
    + 'static,
) -> Response {
    let done = tokio::task::spawn_blocking(move || work(&provisioner)).await;
    match done {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(error)) => refuse(&error),
        Err(panic) => {
            let body = json!({"code": "panicked", "message": panic.to_string()});
            (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
        }
    }
}

fn refuse(error: &ProvisionError) -> Response {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    let status = StatusCode::from_u16(error.http_status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({
        "code": error.code(), "message": message, "is_retryable": error.is_retryable(),
    });
    (status, Json(body)).into_response()
}

async fn list(State(provisioner): State<Provisioner>) -> Response {
    answer(provisioner, |provisioner| {
        Ok(provisioner.catalog().list()?)
    })
    .await
}

async fn one(State(provisioner): State<Provisioner>, Path(id): Path<String>) -> Response {
    answer(provisioner, move |provisioner| {
        found(provisioner.catalog(), &id)
    })
    .await
}

/// The entry, or the error that there is none.
fn found(catalog: &FsCatalog, id: &str) -> Result<CatalogEntry, ProvisionError> {
    catalog.get(id)?.ok_or_else(|| {
        ProvisionError::Catalog(catalog_core::CatalogError::NotFound {
            id: id.to_owned(),
            catalog: catalog.root().to_path_buf(),
        })
    })
}

#[derive(Deserialize)]
struct Registration {
    local_path: PathBuf,
    lifecycle: LifecycleState,
    digest: Option<Digest>,
}

async fn register(
    State(provisioner): State<Provisioner>,
    Path(id): Path<String>,
    Json(asked): Json<Registration>,
) -> Response {
    answer(provisioner, move |provisioner| {
        let entry = CatalogEntry {
            id,
            local_path: asked.local_path,
            lifecycle: asked.lifecycle,
            digest: asked.digest,
            last_verified_ms: None,
        };
        provisioner.catalog().put(&entry)?;
        found(provisioner.catalog(), &entry.id)
    })
    .await
}

async fn set_state(
    State(provisioner): State<Provisioner>,
    Path(id): Path<String>,
    Json(state): Json<LifecycleState>,
) -> Response {
    answer(provisioner, move |provisioner| {
        provisioner.catalog().set_state(&id, state)?;
        found(provisioner.catalog(), &id)
    })
    .await
}

async fn remove(State(provisioner): State<Provisioner>, Path(id): Path<String>) -> Response {
    answer(provisioner, move |provisioner| {
        let was_there = provisioner.catalog().delete(&id)?;
        Ok(json!({"was_there": was_there}))
    })
    .await
}

#[derive(Deserialize)]
struct Wanted {
    model_ref: String,
    digest: Option<String>,
}

async fn provision(State(provisioner): State<Provisioner>, Json(wanted): Json<Wanted>) -> Response {
    answer(provisioner, move |provisioner| {
        let digest = wanted.digest.map(|digest| digest.parse::<Digest>());
        let digest = digest
            .transpose()
            .map_err(|source| ProvisionError::InvalidExpectedDigest { source })?;
        let request = ProvisionRequest::new(ModelRef::parse(&wanted.model_ref)?);
        let report = provisioner.provision(&request.expecting(digest))?;
        let answer: Value = json!({
            "id": report.resolved.id,
            "path": report.resolved.local_path,
            "digest": report.digest.map(|digest| digest.to_string()),
            "provided": format!("{:?}", report.provided),
            "basis": report.assurance.basis,
            "bytes_staged": report.bytes_staged,
        });
        Ok(answer)
    })
    .await
}
