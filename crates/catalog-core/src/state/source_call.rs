use serde::{Deserialize, Serialize};

use crate::error::Retry;

/// A finished call of the source of a model. Callers that waited for the call use its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceCall {
    /// The id of the call, which no other source call has.
    pub id: String,
    /// The text by which the holder describes its request. The result is for callers with the same
    /// text.
    pub terms: String,
    /// The reason why the call failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<SourceFailure>,
}

/// The reason why a source call failed, for the callers that waited for the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceFailure {
    /// The stable code of the error.
    pub code: String,
    /// The message of the error, without secrets.
    pub detail: String,
    /// Whether the same call may succeed later without a repair by hand.
    pub is_retryable: bool,
}

impl SourceFailure {
    /// The maximum length of the message in bytes. A longer message is truncated, so that the text
    /// of a lock, with its messages in escaped form, stays within the limit of its reader.
    const MAX_DETAIL: usize = 1 << 10;

    /// Creates the failure of a source call. A message that is too long is truncated.
    pub fn new(code: &str, detail: &str, retry: Retry) -> Self {
        let ends = detail.char_indices().map(|(at, char)| at + char.len_utf8());
        let end = ends.take_while(|end| *end <= Self::MAX_DETAIL).last();
        Self {
            code: code.to_owned(),
            detail: detail[..end.unwrap_or(0)].to_owned(),
            is_retryable: retry == Retry::Yes,
        }
    }
}
