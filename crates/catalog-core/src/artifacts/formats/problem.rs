/// The fault of a file, in words.
pub(super) type Problem = String;

/// The result of a check: remarks about an unusual file, or the fault of a wrong one.
pub(super) type Checked = Result<Vec<String>, Problem>;
