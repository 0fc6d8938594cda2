/// The problem of a file, as text.
pub(super) type Problem = String;

/// The result of a check: notes about an unusual file, or the problem of a wrong file.
pub(super) type Checked = Result<Vec<String>, Problem>;
