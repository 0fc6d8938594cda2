use super::catalog::CatalogError;

/// A stable code of an error, with its meaning and the advised reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorCode {
    /// The code in lower-case words, for metrics, searches in logs and replies to clients.
    pub name: &'static str,
    /// The meaning, in one or more sentences.
    pub meaning: &'static str,
    /// Whether the same call may succeed later without a repair by hand.
    pub retry: Retry,
    /// The HTTP status that a server should return.
    pub http_status: u16,
}

/// The answer to the question whether the same call may succeed later without a repair by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The call may succeed.
    Yes,
    /// The call will not succeed.
    No,
    /// Each error decides: call its method `is_retryable`.
    Depends,
}

impl ErrorCode {
    /// Creates a code.
    pub const fn new(
        name: &'static str,
        http_status: u16,
        retry: Retry,
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            meaning,
            retry,
            http_status,
        }
    }
}

/// The codes of this crate, sorted by name.
#[rustfmt::skip]
static CODES: &[ErrorCode] = &[
    ErrorCode::new("artifact_changed", 409, Retry::Yes, "A file changed while it was read."),
    ErrorCode::new("artifact_incomplete", 422, Retry::No, "A file of the model is missing, such as a shard of a set."),
    ErrorCode::new("artifact_kept", 409, Retry::No, "The entry was deleted, and its files could not be removed. A later collection removes them."),
    ErrorCode::new("artifact_missing", 404, Retry::No, "Nothing is at the path of the model."),
    ErrorCode::new("artifact_unusable", 422, Retry::No, "The path holds no model: a socket, a device, an empty folder, or a link that leads nowhere."),
    ErrorCode::new("cancelled", 503, Retry::No, "The caller cancelled the call."),
    ErrorCode::new("conflict", 409, Retry::Yes, "The entry is not as the call expected. Read the entry again first."),
    ErrorCode::new("deadline_exceeded", 504, Retry::Yes, "The deadline of the call passed. Give the call a later deadline."),
    ErrorCode::new("digest_mismatch", 422, Retry::No, "The bytes do not have the expected digest."),
    ErrorCode::new("fetch_access_denied", 403, Retry::No, "The source requires credentials, or the account may not read the model."),
    ErrorCode::new("fetch_failed", 502, Retry::No, "The fetch failed for another reason, which the message states."),
    ErrorCode::new("fetch_file_not_found", 404, Retry::No, "The source does not have the file."),
    ErrorCode::new("fetch_forbidden", 403, Retry::No, "A rule of the caller forbids a connection to the host or to its address."),
    ErrorCode::new("fetch_misconfigured", 500, Retry::No, "The network configuration of the fetcher is unusable, such as a proxy that refuses."),
    ErrorCode::new("fetch_no_space", 507, Retry::Yes, "The disk was full during the fetch."),
    ErrorCode::new("fetch_not_found", 404, Retry::No, "The source does not have the model, or hides it from the account."),
    ErrorCode::new("fetch_offline", 503, Retry::No, "The configuration of the fetcher forbids the network."),
    ErrorCode::new("fetch_rate_limited", 503, Retry::Yes, "The source limits the number of requests of this account."),
    ErrorCode::new("fetch_refused", 502, Retry::No, "The source states impossible facts, such as names that lead out of their folder."),
    ErrorCode::new("fetch_renamed", 404, Retry::No, "The repository has another name now. The message states it."),
    ErrorCode::new("fetch_revision_not_found", 404, Retry::No, "The source does not have the revision."),
    ErrorCode::new("fetch_source_changed", 502, Retry::Yes, "The file changed at the source while it was fetched."),
    ErrorCode::new("fetch_tool_missing", 501, Retry::No, "The program that fetches is not installed, or has an unusable version."),
    ErrorCode::new("fetch_unreachable", 502, Retry::Yes, "The source cannot be reached, or answers wrongly."),
    ErrorCode::new("fetch_untrusted", 502, Retry::No, "The certificate of the source is not trusted."),
    ErrorCode::new("file_system_refused", 500, Retry::No, "The file system of the root is not supported, such as NFS."),
    ErrorCode::new("foreign_shards", 422, Retry::No, "The folder holds shards of another set under the same name."),
    ErrorCode::new("format_refused", 422, Retry::No, "A file does not have the format that its name states, or is truncated."),
    ErrorCode::new("in_use", 409, Retry::Yes, "A process holds a lease on the model."),
    ErrorCode::new("index_damaged", 500, Retry::No, "An index is damaged, and was left as it is. Recover it."),
    ErrorCode::new("index_too_new", 500, Retry::No, "A newer release wrote the index. Upgrade this program."),
    ErrorCode::new("invalid_digest", 400, Retry::No, "The digest is malformed, unknown, or of the wrong kind."),
    ErrorCode::new("invalid_entry", 400, Retry::No, "A field of the entry cannot be stored."),
    ErrorCode::new("invalid_ref", 400, Retry::No, "The text is not a model reference."),
    ErrorCode::new("io", 500, Retry::Depends, "The operating system refused an operation on a file."),
    ErrorCode::new("lock_timeout", 503, Retry::Yes, "Another process held a lock of the store for too long."),
    ErrorCode::new("locks_unsupported", 500, Retry::No, "The file system of the root has no working locks."),
    ErrorCode::new("name_refused", 422, Retry::No, "The name of a file leads out of its folder, or cannot be the name of a file of a model."),
    ErrorCode::new("nested_write", 500, Retry::No, "A program wrote to a root inside an update of the same root."),
    ErrorCode::new("no_fetcher", 501, Retry::No, "No fetcher of the provisioner serves the reference."),
    ErrorCode::new("no_space", 507, Retry::Yes, "The bytes do not fit on the disk, or into the budget of the store."),
    ErrorCode::new("not_found", 404, Retry::No, "The catalog has no entry with this id."),
    ErrorCode::new("not_writable", 500, Retry::No, "The store cannot be written: a permission is missing, or the file system is read-only."),
    ErrorCode::new("out_of_handles", 503, Retry::Yes, "The process or the host has no free file handles."),
    ErrorCode::new("outcome_unknown", 500, Retry::No, "A sync or a rename failed, and the change may or may not be durable. Check before you repeat the change."),
    ErrorCode::new("path_refused", 400, Retry::No, "The path cannot be an artifact of this catalog."),
    ErrorCode::new("permission_denied", 500, Retry::No, "The account lacks a permission, which the message names."),
    ErrorCode::new("pinned", 409, Retry::No, "The model is pinned. Unpin it first."),
    ErrorCode::new("root_changed", 500, Retry::No, "The folder of the root was replaced or unmounted. Open the catalog again."),
    ErrorCode::new("store_damaged", 500, Retry::No, "A file of the artifact store is damaged. Repair or verify the model."),
    ErrorCode::new("store_too_new", 500, Retry::No, "A newer release wrote a file of the artifact store. Upgrade this program."),
];

impl CatalogError {
    /// Returns all codes of this crate, sorted by name.
    pub fn codes() -> &'static [ErrorCode] {
        CODES
    }

    /// Returns the HTTP status that a server should return.
    pub fn http_status(&self) -> u16 {
        entry(self.code()).map_or(500, |code| code.http_status)
    }
}

/// Returns the entry of a code.
pub(super) fn entry(name: &str) -> Option<&'static ErrorCode> {
    CODES.iter().find(|code| code.name == name)
}
