/// The reason why a fetcher could not fetch a model. Each variant calls for another reaction of the
/// caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FetchProblem {
    /// The program that fetches is not installed, or is too old or too new to be used.
    ToolMissing,
    /// The source has no such repository, or hides it from this account.
    NotFound,
    /// The source has no such branch, tag or commit.
    RevisionNotFound,
    /// The source has no such file.
    FileNotFound,
    /// The source requires a token, or this account must request access.
    AccessDenied,
    /// The source cannot be reached, or its answers are wrong.
    Unreachable,
    /// The configuration of the program that fetches forbids the network.
    Offline,
    /// The disk is full.
    NoSpace,
    /// The source states impossible facts about its files, such as names that lead out of their
    /// folder.
    Refused,
    /// A rule of the caller forbids a connection to the host or to its address.
    Forbidden,
    /// The certificate of the source is not trusted, or the source does not accept TLS.
    Untrusted,
    /// The network configuration of the fetcher is unusable: a proxy that refuses, or trusted roots
    /// that cannot be read.
    Misconfigured,
    /// The file changed at the source while it was fetched.
    SourceChanged,
    /// The repository has another name now.
    Renamed,
    /// The source limits the number of requests of this account.
    RateLimited,
    /// The fetch failed for another reason.
    Failed,
}

impl FetchProblem {
    /// Returns the stable code of the error, in lower case.
    pub fn code(self) -> &'static str {
        match self {
            Self::ToolMissing => "fetch_tool_missing",
            Self::NotFound => "fetch_not_found",
            Self::RevisionNotFound => "fetch_revision_not_found",
            Self::FileNotFound => "fetch_file_not_found",
            Self::AccessDenied => "fetch_access_denied",
            Self::Unreachable => "fetch_unreachable",
            Self::Offline => "fetch_offline",
            Self::NoSpace => "fetch_no_space",
            Self::Refused => "fetch_refused",
            Self::Forbidden => "fetch_forbidden",
            Self::Untrusted => "fetch_untrusted",
            Self::Misconfigured => "fetch_misconfigured",
            Self::SourceChanged => "fetch_source_changed",
            Self::Renamed => "fetch_renamed",
            Self::RateLimited => "fetch_rate_limited",
            Self::Failed => "fetch_failed",
        }
    }

    /// Returns the repair that fits most sources.
    pub fn repair(self) -> &'static str {
        match self {
            Self::ToolMissing => "install the program that fetches, or give its path",
            Self::NotFound => "check the name, and whether this account may read the model",
            Self::RevisionNotFound => "check the revision in the reference",
            Self::FileNotFound => "check the path in the reference",
            Self::AccessDenied => {
                "give the fetcher the credentials of an account that may read the model"
            }
            Self::Unreachable => "check the network and the source, then try again",
            Self::Offline => "allow the network in the configuration of the program that fetches",
            Self::NoSpace => "free some space, or run a collection, then try again",
            Self::Refused => "do not use this source; report the problem to its owner",
            Self::Forbidden => "allow the host in the policy, or use another source",
            Self::Untrusted => {
                "add the certificate of its authority to the trusted roots, or check the address"
            }
            Self::Misconfigured => "correct the network configuration, then try again",
            Self::SourceChanged => "try again when the source no longer changes the file",
            Self::Renamed => "write the new name in the reference",
            Self::RateLimited => "wait, or give a token of an account with a higher limit",
            Self::Failed => "read the message, then try again",
        }
    }
}
