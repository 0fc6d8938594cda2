//! The call of a fetcher, and the thread that measures the space that the fetcher takes.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use catalog_core::fetching::OnFile;
use catalog_core::{CatalogError, FetchTask, Fetched, Result, Staging};

use crate::engine::context::CallContext;

/// The time between two measurements of a staging area.
const MEASURE_EVERY: Duration = Duration::from_millis(150);

/// Calls the fetcher to fill a staging area, while another thread measures the area. If the area
/// does not fit on the disk or into the budget, the fetcher is cancelled.
pub(super) fn stage_watched(
    ctx: &CallContext<'_>,
    task: FetchTask<'_>,
    staging: &mut Staging,
) -> Result<Fetched> {
    let reservation = staging.reservation();
    let token = ctx.limits().cancel_token().child();
    let limits = ctx.limits().clone().cancelled_by(&token);
    let mut task = task;
    task.limits = &limits;
    let on_file = |name: &str, progress| ctx.fetching_file(name, progress);
    task.on_file = OnFile::new(&on_file);
    let refusal = Mutex::new(None);
    let (ended, end) = channel::<()>();
    let shared = &refusal;
    let watch = move || {
        while end.recv_timeout(MEASURE_EVERY) == Err(RecvTimeoutError::Timeout) {
            // If a measurement fails for another reason, the next measurement decides.
            if let Err(error @ CatalogError::NoSpace { .. }) = reservation.check() {
                *lock(shared) = Some(error);
                token.cancel();
                return;
            }
        }
    };
    let fetched = thread::scope(|scope| {
        if let Err(error) = thread::Builder::new().spawn_scoped(scope, watch) {
            tracing::debug!(%error, "the staging area is measured only at the end of the fetch");
        }
        let fetched = ctx.fetcher.stage(&task, staging, &mut |now| {
            // If the area was refused, the caller gets the refusal instead of this error: see
            // below.
            limits.check("fetching")?;
            ctx.fetching(now)
        });
        drop(ended);
        fetched
    });
    match (fetched, lock(&refusal).take()) {
        // If the fetcher finished, the refusal is ignored, because the model is measured again
        // before it is verified.
        (Err(CatalogError::Cancelled), Some(refusal)) => {
            ctx.check()?;
            Err(refusal)
        }
        (fetched, _) => fetched.map_err(own_error),
    }
}

/// Returns the error of the store that a fetcher wrapped, as happens to a fetcher that writes
/// through `io::Write`.
fn own_error(error: CatalogError) -> CatalogError {
    let CatalogError::Io {
        action,
        path,
        source,
    } = error
    else {
        return error;
    };
    source.downcast().unwrap_or_else(|source| CatalogError::Io {
        action,
        path,
        source,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
