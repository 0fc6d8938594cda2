use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::NetError;

/// The end of a call: once it is set, each of its waits ends within a moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn check(&self) -> Result<(), NetError> {
        match self.is_set() {
            true => Err(NetError::Stopped),
            false => Ok(()),
        }
    }
}
