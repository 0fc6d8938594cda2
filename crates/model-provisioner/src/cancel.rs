use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stops a call from another thread. Clones stop the same calls.
///
/// ```
/// use model_provisioner::CancelToken;
///
/// let token = CancelToken::new();
/// let of_the_call = token.clone();
/// token.cancel();
/// assert!(of_the_call.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// One that nobody has used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the calls to stop: within a second, and with nothing left behind. A call that is done
    /// but for the last write may still succeed.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for CancelToken {
    /// Whether both stop the same calls.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for CancelToken {}
