use serde::{Deserialize, Serialize};

use crate::error::Retry;

/// A call of the source of a model that ended: callers that waited for the call use its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceCall {
    /// A text that no other source call has.
    pub id: String,
    /// The request, as the holder describes it: the result concerns callers with the same request.
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
    /// Its message, without secrets.
    pub detail: String,
    /// Whether trying again may succeed without a repair by hand.
    pub is_retryable: bool,
}

impl SourceFailure {
    /// The maximum length of the message in bytes. A longer one is cut, so that the text of a lock
    /// with its escaped messages is read as a whole.
    const MAX_DETAIL: usize = 1 << 10;

    /// Creates a failure.
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
