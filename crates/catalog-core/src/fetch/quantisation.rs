//! The `.gguf` model that the tag of a quantisation names in a listing of a repository, by the rules
//! of llama.cpp.

use crate::artifacts::{LocalModel, Shard};

/// The words in the names of files that are no models by themselves.
const NO_MODELS: [&str; 6] = ["mmproj", "imatrix", "mtp-", "eagle3-", "dflash-", "dspark-"];

/// The word in the name of a projector.
const PROJECTOR: &str = "mmproj";

/// The number of models that an error lists.
const LISTED: usize = 20;

/// Returns the files of the model: one file, or all shards of a set in their order. The error is a
/// sentence without the name of the repository.
///
/// A file whose name ends with the tag is preferred. Otherwise the first path decides in which `.`
/// or `-` follows the tag.
pub(super) fn files_of(tag: &str, listing: &[&str]) -> Result<Vec<String>, String> {
    let tag = tag.to_ascii_lowercase();
    let candidates: Vec<&str> = listing
        .iter()
        .copied()
        .filter(|path| is_model(path))
        .collect();
    let exact: Vec<&str> = candidates
        .iter()
        .copied()
        .filter(|path| ends_with(path, &tag))
        .collect();
    let matched = match exact.is_empty() {
        false => exact,
        true => candidates
            .iter()
            .copied()
            .filter(|path| contains(path, &tag))
            .collect(),
    };
    let Some(first) = matched.first() else {
        let shown = candidates.iter().take(LISTED).copied().collect::<Vec<_>>();
        return Err(match shown.is_empty() {
            true => "the repository has no .gguf model".to_owned(),
            false => format!("no model has this tag; the models are {}", shown.join(", ")),
        });
    };
    if matched.iter().any(|path| folder(path) != folder(first)) {
        return Err(format!(
            "models in several folders have this tag: {}; name the file instead",
            listed(&matched)
        ));
    }
    Ok(LocalModel::shard_names(first).unwrap_or_else(|| vec![(*first).to_owned()]))
}

/// Lists paths for a message. They come from a listing, so their characters are escaped.
fn listed(paths: &[&str]) -> String {
    let shown = paths.iter().take(LISTED).map(|path| format!("{path:?}"));
    let mut shown: Vec<String> = shown.collect();
    if paths.len() > LISTED {
        shown.push(format!("and {} others", paths.len() - LISTED));
    }
    shown.join(", ")
}

/// Returns the projector that belongs to a model: a file in the folder of the model or in a folder
/// above it. The nearest file decides, then the one whose numbers have a size closest to that of the
/// model.
pub(super) fn projector_of<'l>(model: &str, listing: &[&'l str]) -> Option<&'l str> {
    let distance = |path: &str| {
        let (own, other) = (folder(model), folder(path));
        let is_above = other.is_empty() || own == other || own.starts_with(&format!("{other}/"));
        let depth = |folder: &str| folder.split('/').filter(|part| !part.is_empty()).count();
        is_above.then(|| depth(own) - depth(other))
    };
    let projectors = listing
        .iter()
        .copied()
        .filter(|path| is_gguf(path) && is_projector(path));
    let ranked = projectors.filter_map(|path| {
        let far = distance(path)?;
        Some((far, bits(path).abs_diff(bits(model)), path))
    });
    ranked.min().map(|(.., path)| path)
}

fn is_model(path: &str) -> bool {
    let name = name(path).to_ascii_lowercase();
    let is_first = Shard::parse(path).is_none_or(|shard| shard.number() == 1);
    is_gguf(path) && is_first && !NO_MODELS.iter().any(|word| name.contains(word))
}

fn is_gguf(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".gguf")
}

fn is_projector(path: &str) -> bool {
    name(path).to_ascii_lowercase().contains(PROJECTOR)
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns the name of a model in lower case, without its extension and the number of the shard.
fn stem(path: &str) -> String {
    let name = name(path).to_ascii_lowercase();
    let stem = name.strip_suffix(".gguf").unwrap_or(&name);
    let numbers = Shard::parse(path).and_then(|_| stem.rsplit_once("-of-"));
    match numbers {
        Some((before, _)) => before
            .rsplit_once('-')
            .map_or(before, |(before, _)| before)
            .to_owned(),
        None => stem.to_owned(),
    }
}

/// Returns true if the name of a model ends with the tag as a part of its own.
fn ends_with(path: &str, tag: &str) -> bool {
    let stem = stem(path);
    let before = stem.strip_suffix(tag);
    before.is_some_and(|before| before.is_empty() || before.ends_with(['-', '.']))
}

/// Returns true if `.` or `-` follows the tag anywhere in a path.
fn contains(path: &str, tag: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.match_indices(tag)
        .any(|(at, _)| path[at + tag.len()..].starts_with(['.', '-']))
}

/// Returns the size of the numbers of a model in bits, as its name states it.
fn bits(path: &str) -> u32 {
    let stem = stem(path);
    let parts = stem.split(['-', '.', '_', ' ']);
    let mut stated = parts.filter_map(|part| {
        let after = part.strip_prefix("iq").or_else(|| part.strip_prefix("bf"));
        let after = after.or_else(|| part.strip_prefix("fp"));
        let digits = after.or_else(|| part.strip_prefix(['q', 'f']))?;
        digits.parse::<u32>().ok()
    });
    stated.next_back().unwrap_or(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CAT-129
    #[test]
    fn a_tag_finds_the_model_that_ends_with_it_and_else_the_first_that_holds_it() {
        let listing = [
            "IQ4/m-IQ4_NL.gguf",
            "README.md",
            "big-Q8_0-00001-of-00002.gguf",
            "big-Q8_0-00002-of-00002.gguf",
            "m-Q4_K_M.gguf",
            "m-UD-Q4_K_XL.gguf",
            "m-imatrix-Q2_K.gguf",
            "m.Q5_K_M.instruct.gguf",
            "mmproj-Q6_K.gguf",
        ];
        for (tag, files) in [
            ("Q4_K_M", &["m-Q4_K_M.gguf"][..]),
            ("q4_k_m", &["m-Q4_K_M.gguf"]),
            ("UD-Q4_K_XL", &["m-UD-Q4_K_XL.gguf"]),
            ("Q4_K_XL", &["m-UD-Q4_K_XL.gguf"]),
            ("Q5_K_M", &["m.Q5_K_M.instruct.gguf"]),
            ("IQ4_NL", &["IQ4/m-IQ4_NL.gguf"]),
            ("Q4_NL", &["IQ4/m-IQ4_NL.gguf"]),
            (
                "Q8_0",
                &[
                    "big-Q8_0-00001-of-00002.gguf",
                    "big-Q8_0-00002-of-00002.gguf",
                ],
            ),
        ] {
            assert_eq!(files_of(tag, &listing).unwrap(), files, "{tag}");
        }
        for tag in ["Q2_K", "Q6_K", "Q4_K"] {
            let error = files_of(tag, &listing).unwrap_err();
            assert!(error.contains("m-Q4_K_M.gguf"), "{tag}: {error}");
        }
        assert!(files_of("Q4", &["a.bin"]).unwrap_err().contains("no .gguf"));
    }

    /// CAT-129
    #[test]
    fn models_in_several_folders_are_an_error_that_lists_them() {
        let listing = ["a/m-Q4_0.gguf", "b/m-Q4_0.gguf", "c/m-Q8_0.gguf"];
        let error = files_of("Q4_0", &listing).unwrap_err();
        assert!(
            error.contains("\"a/m-Q4_0.gguf\", \"b/m-Q4_0.gguf\""),
            "{error}"
        );
        let listing = ["a/m-x-Q4_0.gguf", "a/n-Q4_0.gguf"];
        assert_eq!(files_of("Q4_0", &listing).unwrap(), ["a/m-x-Q4_0.gguf"]);
    }

    /// CAT-129
    #[test]
    fn the_nearest_projector_decides_and_then_the_closest_size() {
        let listing = [
            "a/b/m-Q4_0.gguf",
            "a/mmproj-F16.gguf",
            "a/mmproj-Q8_0.gguf",
            "mmproj-Q4_0.gguf",
            "c/mmproj-Q4_0.gguf",
        ];
        assert_eq!(
            projector_of("a/b/m-Q4_0.gguf", &listing),
            Some("a/mmproj-Q8_0.gguf")
        );
        assert_eq!(
            projector_of("a/m-BF16.gguf", &listing),
            Some("a/mmproj-F16.gguf")
        );
        assert_eq!(
            projector_of("m-F32.gguf", &listing),
            Some("mmproj-Q4_0.gguf")
        );
        assert_eq!(
            projector_of("m-F32.gguf", &["x.gguf", "ab/mmproj.gguf"]),
            None
        );
    }
}
