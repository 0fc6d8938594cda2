/// The names of files and folders that are not part of a model, at any depth below its folder: the
/// names that version control, downloaders and macOS use, and lock files. A `*` at the beginning or
/// the end stands for any text.
///
/// Tree digests, imports, staging areas and fetchers exclude these files, and all files below these
/// folders.
pub(crate) const NOT_OF_A_MODEL: [&str; 6] =
    [".git*", ".cache", "._*", ".DS_Store", "__MACOSX", "*.lock"];

/// Returns true if no part of a path is a name of [`NOT_OF_A_MODEL`]. The parts of the path are
/// joined by `/`.
pub(crate) fn is_of_a_model(path: &str) -> bool {
    let is_left_out = |part: &str| {
        NOT_OF_A_MODEL
            .iter()
            .any(|name| match name.strip_suffix('*') {
                Some(begin) => part.starts_with(begin),
                None => match name.strip_prefix('*') {
                    Some(end) => part.ends_with(end),
                    None => part == *name,
                },
            })
    };
    !path.split('/').any(is_left_out)
}
