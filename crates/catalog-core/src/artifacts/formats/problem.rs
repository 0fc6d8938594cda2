/// What is wrong with a file.
pub(super) type Problem = String;

/// The result of a check: what is unusual about a file, or what is wrong with it.
pub(super) type Checked = Result<Vec<String>, Problem>;
