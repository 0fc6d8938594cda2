/// The names of files and folders that are no part of a model, wherever they lie below its folder: those of
/// version control, of downloaders, of macOS, and locks. `*` stands for any text, at the beginning or at the end.
///
/// Tree digests, imports, staging areas and fetchers leave them out, with all that is below such a folder.
pub(crate) const NOT_OF_A_MODEL: [&str; 6] =
    [".git*", ".cache", "._*", ".DS_Store", "__MACOSX", "*.lock"];

/// Returns true unless one of the parts of a path, which `/` joins, is a name of [`NOT_OF_A_MODEL`].
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
