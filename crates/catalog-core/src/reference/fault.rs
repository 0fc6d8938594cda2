use crate::error::ModelRefErrorKind as Kind;

/// The longest reference, in bytes.
pub(super) const MAX_LEN: usize = 8192;

/// What is wrong with a part of the text; the part's own place in the text is the position.
pub(super) type Fault<'t> = (Kind, &'t str);

/// Where a part of a text begins in it.
pub(super) fn offset_of(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}
