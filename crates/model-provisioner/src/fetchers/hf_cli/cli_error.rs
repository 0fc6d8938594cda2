use catalog_core::{CatalogError, FetchProblem, ModelRef};

/// Reads the output of a command that failed. Returns the kind of the problem, and the line to show
/// to users.
///
/// New releases of the command print `Error: …`. The output of old releases ends with a Python
/// traceback, whose last lines name the exception.
pub(super) fn read_error(stderr: &str) -> (FetchProblem, String) {
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let is_error = |line: &&&str| line.starts_with("Error:") || is_exception(line);
    let line = lines.iter().rev().find(is_error).or(lines.last());
    let line = line.map_or("the command printed no message", |line| {
        line.trim_start_matches("Error: ")
    });
    let mut detail: String = line.chars().take(500).collect();
    // The message of an exception is on the lines after its name.
    if is_exception(line)
        && let Some(at) = lines
            .iter()
            .position(|other| other.trim_start_matches("Error: ") == line)
        && let Some(next) = lines.get(at + 1)
    {
        detail.push(' ');
        detail.extend(next.chars().take(500));
    }
    (problem_in(&lines.join("\n")), detail)
}

fn is_exception(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    !name.contains(' ') && (name.ends_with("Error") || name.ends_with("Exception"))
}

/// The kinds of problems, with the texts that identify them. Messages quote other messages, so the
/// first kind that matches decides.
const SIGNS: [(FetchProblem, &[&str]); 8] = [
    (
        FetchProblem::NoSpace,
        &[
            "No space left on device",
            "Errno 28",
            "Disk quota exceeded",
            "Not enough free disk space",
        ],
    ),
    (
        FetchProblem::Offline,
        &[
            "OfflineModeIsEnabled",
            "offline mode is enabled",
            "HF_HUB_OFFLINE",
        ],
    ),
    (
        FetchProblem::Unreachable,
        &[
            "LocalEntryNotFoundError",
            "Local entry not found",
            "ConnectionError",
            "Connection broken",
            "IncompleteRead",
            "peer closed connection",
            "Connection refused",
            "ConnectError",
            "ConnectTimeout",
            "ReadTimeout",
            "Name or service not known",
            "Temporary failure in name resolution",
            "Server disconnected",
            "RemoteProtocolError",
            "Consistency check failed",
            "502 ",
            "503 ",
            "504 ",
            "429 ",
        ],
    ),
    (
        FetchProblem::RevisionNotFound,
        &["RevisionNotFoundError", "Revision not found"],
    ),
    (
        FetchProblem::NotFound,
        &[
            "RepositoryNotFoundError",
            "Repository Not Found",
            "' not found",
        ],
    ),
    (
        FetchProblem::AccessDenied,
        &[
            "GatedRepoError",
            "Access denied",
            "gated repo",
            "requires approval",
            "401 ",
            "Unauthorized",
            "Invalid user token",
            "403 ",
        ],
    ),
    (
        FetchProblem::FileNotFound,
        &["EntryNotFoundError", "File not found", "Entry Not Found"],
    ),
    (
        FetchProblem::Refused,
        &["Invalid filename", "path segment", "Invalid file name"],
    ),
];

fn problem_in(text: &str) -> FetchProblem {
    let has = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    let found = SIGNS.iter().find(|(_, signs)| has(signs));
    found.map_or(FetchProblem::Failed, |(problem, _)| *problem)
}

/// Creates the error of a reference that could not be fetched, with the repair for users of the
/// hub.
pub(super) fn fetch_error(mr: &ModelRef, problem: FetchProblem, detail: String) -> CatalogError {
    let repair = match problem {
        FetchProblem::ToolMissing => "install the `hf` command, or give its path",
        FetchProblem::NotFound => {
            "check the name; for a private repository, give a token that may read it"
        }
        FetchProblem::RevisionNotFound => "check the revision after `@`",
        FetchProblem::FileNotFound => "check the path in the repository",
        FetchProblem::AccessDenied => {
            "accept the terms of the model with the account of the token, or give another token"
        }
        FetchProblem::Offline => "unset HF_HUB_OFFLINE to allow the network",
        other => other.repair(),
    };
    CatalogError::Fetch {
        reference: mr.to_string(),
        problem,
        detail,
        repair: repair.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PROV-431
    #[test]
    fn what_each_release_says_becomes_the_kind_of_problem() {
        let old = |name: &str| {
            format!(
                "Traceback (most recent call last):\n  File \"x\", line 1\n\
                 requests.exceptions.HTTPError: 404 Client Error\n\n\
                 huggingface_hub.errors.{name}: 404 Client Error.\n\nSomething for people.\n"
            )
        };
        for (text, problem) in [
            ("Error: Access denied. Model 'org/gated' requires approval.".to_owned(), FetchProblem::AccessDenied),
            ("Error: Model 'org/none' not found.\nIf the repo is private, make sure".to_owned(), FetchProblem::NotFound),
            ("Error: Revision not found in model 'org/repo'.".to_owned(), FetchProblem::RevisionNotFound),
            ("Error: File not found in model 'org/repo'.\nURL: http://h/x".to_owned(), FetchProblem::FileNotFound),
            ("Error: Local entry not found. [Errno 111] Connection refused".to_owned(), FetchProblem::Unreachable),
            ("Error: Invalid value. Invalid filename '../x': cannot contain a '..' path segment.".to_owned(), FetchProblem::Refused),
            ("OSError: [Errno 28] No space left on device".to_owned(), FetchProblem::NoSpace),
            (
                old("RepositoryNotFoundError").replace("people", "a private or gated repo"),
                FetchProblem::NotFound,
            ),
            (old("GatedRepoError"), FetchProblem::AccessDenied),
            (old("RepositoryNotFoundError"), FetchProblem::NotFound),
            (old("RevisionNotFoundError"), FetchProblem::RevisionNotFound),
            (old("EntryNotFoundError"), FetchProblem::FileNotFound),
            (old("LocalEntryNotFoundError"), FetchProblem::Unreachable),
            (
                "Error: Local entry not found. Cannot reach http://h: offline mode is enabled. To \
                 disable it, please unset the `HF_HUB_OFFLINE` environment variable."
                    .to_owned(),
                FetchProblem::Offline,
            ),
            ("Segmentation fault".to_owned(), FetchProblem::Failed),
            (String::new(), FetchProblem::Failed),
        ] {
            assert_eq!(read_error(&text).0, problem, "{text}");
        }
        let (_, detail) = read_error(&old("GatedRepoError"));
        assert!(
            detail.ends_with("404 Client Error. Something for people."),
            "{detail}"
        );
    }
}
