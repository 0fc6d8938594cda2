/// A part of the work that a call skipped, with the reason. The call did the rest of its work.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skipped<T, E> {
    /// The object that was skipped, such as the id of a model.
    pub what: T,
    /// The reason.
    pub why: E,
}

impl<T, E> Skipped<T, E> {
    pub(super) fn new(what: T, why: E) -> Self {
        Self { what, why }
    }
}
