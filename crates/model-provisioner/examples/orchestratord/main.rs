//! The catalog behind HTTP: `orchestratord [--cache-dir DIR] [--listen HOST:PORT]`.
//!
//! ```text
//! GET    /models            lists all entries
//! GET    /models/ID         returns an entry
//! PUT    /models/ID         registers a model: {"local_path": …, "lifecycle": …, "digest": …}
//! PUT    /states/ID         sets a state: "active" or "retired"
//! DELETE /models/ID         removes an entry, and its files if no other entry needs them
//! POST   /provision         provisions a model: {"model_ref": …, "digest": …}
//! POST   /placements        places a model on an engine: {"model_id": …, "engine_id": …}
//! GET    /metrics           metrics in the text format of Prometheus
//! ```
//!
//! An id is the rest of the path, because ids hold slashes. Calls of the libraries block, so they run
//! on threads for blocking work. An error has the HTTP status of its code. `X-Correlation-Id` of a
//! request is in its log lines and in its answer.

#![expect(clippy::print_stdout, reason = "a command line prints")]

#[path = "../common/mod.rs"]
mod common;
mod correlation;
mod metrics;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use catalog_core::{
    CatalogEntry, CatalogError, CatalogStore, Digest, EngineStore, FsCatalog, FsEngineStore,
    LifecycleState, ModelRef, default_model_cache_dir,
};
use model_provisioner::{
    Event, ModelProvisioner, ProvisionError, ProvisionRequest, SchemeRouter, Traced,
};
use serde::Deserialize;
use serde_json::{Value, json};

use metrics::Metrics;

/// The state that all requests share.
struct Daemon {
    provisioner: ModelProvisioner<FsCatalog, SchemeRouter>,
    engines: FsEngineStore,
    metrics: Arc<Metrics>,
}

impl Daemon {
    fn catalog(&self) -> &FsCatalog {
        self.provisioner.catalog()
    }
}

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
    let metrics = Arc::new(Metrics::new()?);
    let counted = Arc::clone(&metrics);
    let count = move |event: &Event| counted.count(event);
    let daemon = Daemon {
        provisioner: ModelProvisioner::with_hf_cli(&cache_dir)?.with_observer((Traced, count)),
        engines: FsEngineStore::new(&cache_dir)?,
        metrics,
    };
    let routes = Router::new()
        .route("/models", get(list))
        .route("/models/{*id}", get(one).put(register).delete(remove))
        .route("/states/{*id}", put(set_state))
        .route("/provision", post(provision))
        .route("/placements", post(place))
        .route("/metrics", get(metrics_text))
        .with_state(Arc::new(daemon))
        .layer(from_fn(correlation::correlate));
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, routes).await?;
    Ok(())
}

/// Answers with the JSON of a result.
async fn answer<T: serde::Serialize + Send + 'static>(
    daemon: Arc<Daemon>,
    work: impl FnOnce(&Daemon) -> Result<T, ProvisionError> + Send + 'static,
) -> Response {
    respond(daemon, move |daemon| Ok(Json(work(daemon)?))).await
}

/// Runs a blocking call on a thread for blocking work, in the span of the request, and answers with
/// its result.
async fn respond<T: IntoResponse + Send + 'static>(
    daemon: Arc<Daemon>,
    work: impl FnOnce(&Daemon) -> Result<T, ProvisionError> + Send + 'static,
) -> Response {
    let span = tracing::Span::current();
    let done = tokio::task::spawn_blocking(move || span.in_scope(|| work(&daemon))).await;
    match done {
        Ok(Ok(value)) => value.into_response(),
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

async fn list(State(daemon): State<Arc<Daemon>>) -> Response {
    answer(daemon, |daemon| Ok(daemon.catalog().list()?)).await
}

async fn one(State(daemon): State<Arc<Daemon>>, Path(id): Path<String>) -> Response {
    answer(daemon, move |daemon| found(daemon.catalog(), &id)).await
}

/// Returns an entry, or the error that there is none.
fn found(catalog: &FsCatalog, id: &str) -> Result<CatalogEntry, ProvisionError> {
    catalog.get(id)?.ok_or_else(|| {
        ProvisionError::Catalog(CatalogError::NotFound {
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
    State(daemon): State<Arc<Daemon>>,
    Path(id): Path<String>,
    Json(asked): Json<Registration>,
) -> Response {
    answer(daemon, move |daemon| {
        let entry = CatalogEntry {
            id,
            local_path: asked.local_path,
            lifecycle: asked.lifecycle,
            digest: asked.digest,
            last_verified_ms: None,
        };
        daemon.catalog().put(&entry)?;
        found(daemon.catalog(), &entry.id)
    })
    .await
}

async fn set_state(
    State(daemon): State<Arc<Daemon>>,
    Path(id): Path<String>,
    Json(state): Json<LifecycleState>,
) -> Response {
    answer(daemon, move |daemon| {
        daemon.catalog().set_state(&id, state)?;
        found(daemon.catalog(), &id)
    })
    .await
}

async fn remove(State(daemon): State<Arc<Daemon>>, Path(id): Path<String>) -> Response {
    answer(daemon, move |daemon| {
        let was_there = daemon.catalog().delete(&id)?;
        Ok(json!({"was_there": was_there}))
    })
    .await
}

#[derive(Deserialize)]
struct Wanted {
    model_ref: String,
    digest: Option<String>,
}

async fn provision(State(daemon): State<Arc<Daemon>>, Json(wanted): Json<Wanted>) -> Response {
    answer(daemon, move |daemon| {
        let digest = wanted.digest.map(|digest| digest.parse::<Digest>());
        let digest = digest
            .transpose()
            .map_err(|source| ProvisionError::InvalidExpectedDigest { source })?;
        let request = ProvisionRequest::new(ModelRef::parse(&wanted.model_ref)?);
        let report = daemon.provisioner.provision(&request.expecting(digest))?;
        let answer: Value = json!({
            "id": report.resolved.id,
            "path": report.resolved.local_path,
            "digest": report.digest.map(|digest| digest.to_string()),
            "provided": format!("{:?}", report.provided),
            "basis": report.assurance.basis,
            "staged_bytes": report.staged_bytes,
        });
        Ok(answer)
    })
    .await
}

#[derive(Deserialize)]
struct Placement {
    model_id: String,
    engine_id: String,
}

/// Answers with the model and the engine of a placement, and logs the placement.
async fn place(State(daemon): State<Arc<Daemon>>, Json(asked): Json<Placement>) -> Response {
    answer(daemon, move |daemon| {
        let model = found(daemon.catalog(), &asked.model_id)?;
        let engine = daemon.engines.get(&asked.engine_id)?;
        let engine = engine.ok_or_else(|| CatalogError::NotFound {
            id: asked.engine_id.clone(),
            catalog: daemon.catalog().root().to_path_buf(),
        })?;
        tracing::info!(
            model_id = model.id,
            model_digest = model.digest.as_ref().map(ToString::to_string),
            engine_id = engine.id,
            engine_version = engine.version,
            engine_digest = engine.digest,
            "placed"
        );
        Ok(json!({"model": model, "engine": engine}))
    })
    .await
}

async fn metrics_text(State(daemon): State<Arc<Daemon>>) -> Response {
    respond(daemon, |daemon| {
        let entries = daemon.catalog().list()?;
        let text = daemon.metrics.text(&entries);
        let text = text.map_err(|error| CatalogError::Io {
            action: "encode the metrics of",
            path: daemon.catalog().root().to_path_buf(),
            source: std::io::Error::other(error),
        })?;
        Ok(([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text))
    })
    .await
}
