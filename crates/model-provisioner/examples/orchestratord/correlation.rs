//! The correlation id of a request: it stands in the span of the request and in its answer.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

const HEADER: &str = "x-correlation-id";

/// The longest id that is taken from a request, in bytes.
const MAX_LEN: usize = 128;

/// Runs a request in a span with the correlation id of its caller, or with a new one.
pub(crate) async fn correlate(request: Request, next: Next) -> Response {
    let given = request.headers().get(HEADER).and_then(usable);
    let id = given.unwrap_or_else(new_id);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", correlation_id = %id, %method, path);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// Returns the id of a caller, if it fits into a line of a log.
fn usable(value: &HeaderValue) -> Option<String> {
    let id = value.to_str().ok()?;
    let is_plain = id.bytes().all(|byte| byte.is_ascii_graphic());
    (is_plain && (1..=MAX_LEN).contains(&id.len())).then(|| id.to_owned())
}

fn new_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{number}", std::process::id())
}
