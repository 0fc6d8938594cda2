/// A phase of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Planning,
    Waiting,
    Fetching,
    Verifying,
    Publishing,
    Registering,
}

impl Phase {
    /// Returns the words that stand before the id of the model in a message.
    pub(super) fn doing(self) -> &'static str {
        match self {
            Self::Planning => "planning for",
            Self::Waiting => "waiting for another caller that provisions",
            Self::Fetching => "fetching",
            Self::Verifying => "verifying",
            Self::Publishing => "publishing",
            Self::Registering => "registering",
        }
    }
}
