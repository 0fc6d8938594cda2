//! The progress of a call and its limits: a deadline and a cancel token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{CatalogError, Result};

/// The progress of a piece of work, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// The number of bytes that are done.
    pub done: u64,
    /// The total number of bytes, if it is known.
    pub total: Option<u64>,
}

impl Progress {
    /// Creates the progress of work whose size may be unknown.
    pub fn new(done: u64, total: Option<u64>) -> Self {
        Self { done, total }
    }

    /// Creates the progress of work whose size is known.
    pub fn of(done: u64, total: u64) -> Self {
        Self {
            done,
            total: Some(total),
        }
    }
}

/// A token that cancels calls from another thread. A clone cancels the same calls.
///
/// ```
/// use catalog_core::CancelToken;
///
/// let token = CancelToken::new();
/// let of_the_call = token.clone();
/// token.cancel();
/// assert!(of_the_call.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    is_set: AtomicBool,
    /// The token whose cancellation also cancels this one.
    parent: Option<CancelToken>,
}

impl CancelToken {
    /// Creates a token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a token for a part of the calls. Cancelling this token also cancels the child.
    /// Cancelling the child leaves this token as it is.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(Flag {
            is_set: AtomicBool::new(false),
            parent: Some(self.clone()),
        }))
    }

    /// Cancels the calls. They stop within a second and leave nothing behind. A call that has begun
    /// its last write may still succeed.
    pub fn cancel(&self) {
        self.0.is_set.store(true, Ordering::Relaxed);
    }

    /// Returns true if [`cancel`](Self::cancel) was called on this token, on a clone of it, or on a
    /// token from which it descends as a [`child`](Self::child).
    pub fn is_cancelled(&self) -> bool {
        let parent = self.0.parent.as_ref();
        self.0.is_set.load(Ordering::Relaxed) || parent.is_some_and(Self::is_cancelled)
    }
}

impl PartialEq for CancelToken {
    /// Returns true if both tokens are clones of one token.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for CancelToken {}

/// The limits of a call: the time at which it gives up, and the token that cancels it.
///
/// To get a handle with limits, call [`FsCatalog::with_limits`](crate::FsCatalog::with_limits) or
/// [`FsEngineStore::with_limits`](crate::FsEngineStore::with_limits). A call of that handle ends
/// every wait for a lock, and every hash of a regular local file, at the deadline. Three operations
/// can take longer. A running sync of the disk is not interrupted: after the sync, the call returns
/// its result or [`OutcomeUnknown`](crate::CatalogError::OutcomeUnknown). A file system can block.
/// A fetcher can ignore its cancellation.
///
/// ```
/// use std::time::Duration;
///
/// use catalog_core::{CatalogStore, FsCatalog, Limits};
///
/// # let root = tempfile::tempdir()?;
/// let catalog = FsCatalog::new(root.path())?;
/// let hasty = catalog.with_limits(Limits::timeout(Duration::from_secs(1)));
/// assert!(!hasty.delete("hf:org/repo")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Limits {
    deadline: Option<Instant>,
    cancel: CancelToken,
}

impl Limits {
    /// Creates limits without a deadline and without a cancellation. Calls wait for locks as long
    /// as the options of their store allow.
    pub fn none() -> Self {
        Self::default()
    }

    /// Creates limits whose deadline is this time from now.
    pub fn timeout(timeout: Duration) -> Self {
        Self {
            deadline: Instant::now().checked_add(timeout),
            cancel: CancelToken::new(),
        }
    }

    /// Creates limits with this deadline.
    pub fn until(deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            cancel: CancelToken::new(),
        }
    }

    /// Sets the token that cancels the calls.
    pub fn cancelled_by(mut self, token: &CancelToken) -> Self {
        self.cancel = token.clone();
        self
    }

    /// Returns the token that cancels the calls.
    pub fn cancel_token(&self) -> &CancelToken {
        &self.cancel
    }

    /// Returns the deadline of the calls, if they have one.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns an error if the call must stop. `action` names its current work, such as "hashing".
    ///
    /// # Errors
    ///
    /// [`CatalogError::Cancelled`] if the token was cancelled, [`CatalogError::DeadlineExceeded`]
    /// if the deadline passed.
    pub fn check(&self, action: &'static str) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(CatalogError::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => {
                Err(CatalogError::DeadlineExceeded { action })
            }
            _ => Ok(()),
        }
    }

    /// Wraps a progress callback so that it also fails when the call must stop.
    pub(crate) fn watch<'w>(
        &'w self,
        action: &'static str,
        progress: &'w mut dyn FnMut(Progress) -> Result<()>,
    ) -> impl FnMut(Progress) -> Result<()> + 'w {
        move |now| {
            self.check(action)?;
            progress(now)
        }
    }

    /// Returns the time at which a wait for a lock ends: after `patience`, or at the deadline if
    /// that is earlier.
    pub(crate) fn end_of_wait(&self, patience: Duration) -> Instant {
        self.end_of_wait_since(Instant::now(), patience)
    }

    /// Returns the same time for a wait that began at `begin`.
    pub(crate) fn end_of_wait_since(&self, begin: Instant, patience: Duration) -> Instant {
        const VERY_LONG: Duration = Duration::from_secs(1 << 30);
        let end = begin + patience.min(VERY_LONG);
        self.deadline.map_or(end, |deadline| deadline.min(end))
    }
}
