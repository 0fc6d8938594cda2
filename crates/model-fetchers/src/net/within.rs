use std::thread;
use std::time::Duration;

use catalog_core::{Limits, Result};

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
        let asking = scope.spawn(request);
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
