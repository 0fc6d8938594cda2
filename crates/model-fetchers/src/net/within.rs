use std::thread;
use std::time::Duration;

use catalog_core::{CatalogError, Limits, Result};

use super::client::Client;
use super::error::NetError;

/// The time between two looks at the limits of a call.
const LOOK: Duration = Duration::from_millis(10);

/// Makes a request on another thread, and ends the request when the limits of the call end.
pub(crate) fn within<T: Send>(
    client: &Client<'_>,
    limits: &Limits,
    request: impl FnOnce() -> std::result::Result<T, NetError> + Send,
) -> Result<std::result::Result<T, NetError>> {
    thread::scope(|scope| {
        let asking = thread::Builder::new().name("ask".to_owned());
        let asking = asking.spawn_scoped(scope, request);
        let asking = asking.map_err(|source| CatalogError::Io {
            action: "start a thread for a request of",
            path: std::env::current_exe().unwrap_or_default(),
            source,
        })?;
        while !asking.is_finished() {
            if let Err(error) = limits.check("asking the source") {
                client.end();
                return Err(error);
            }
            thread::park_timeout(LOOK);
        }
        match asking.join() {
            Ok(answer) => Ok(answer),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
