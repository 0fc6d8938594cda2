use crate::error::{CatalogError, Result};
use crate::reference::shown_id;

/// The entry that a conditional write expects under its id.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected<'e, E> {
    /// Any entry, or no entry.
    Any,
    /// No entry.
    Absent,
    /// Any entry.
    Present,
    /// An entry with exactly this content.
    Exactly(&'e E),
}

impl<E> Clone for Expected<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Expected<'_, E> {}

impl<E: PartialEq> Expected<'_, E> {
    /// Compares the expectation with the present entry, `found`.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Conflict`] if the entry is not as expected.
    pub fn check(&self, id: &str, found: Option<&E>) -> Result<()> {
        let (is_met, expected) = match self {
            Self::Any => (true, "anything"),
            Self::Absent => (found.is_none(), "absent"),
            Self::Present => (found.is_some(), "present"),
            Self::Exactly(entry) => (found == Some(*entry), "as it was read before"),
        };
        if is_met {
            return Ok(());
        }
        Err(CatalogError::Conflict {
            id: shown_id(id),
            expected,
        })
    }
}
