use crate::error::ModelRefErrorKind as Kind;

/// The longest reference, in bytes.
pub(super) const MAX_LEN: usize = 8192;

/// An error in a part of the text. The position of the error is the position of the part.
pub(super) type Fault<'t> = (Kind, &'t str);

/// Returns the offset of a part in its text.
pub(super) fn offset_of(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}
