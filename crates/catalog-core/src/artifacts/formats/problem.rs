/// What is wrong with a header.
pub(super) type Problem = String;
