/// The parts of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Planning,
    Waiting,
    Fetching,
    Verifying,
    Publishing,
    Registering,
}

impl Part {
    /// Returns the words for the part in a message. The id of the model follows them.
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
