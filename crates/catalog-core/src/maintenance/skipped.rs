/// A part of the work of a call that was skipped, with the reason. The call did the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped<T, E> {
    /// The object of the work, such as the id of a model.
    pub what: T,
    /// The reason.
    pub why: E,
}

impl<T, E> Skipped<T, E> {
    pub(super) fn new(what: T, why: E) -> Self {
        Self { what, why }
    }
}
