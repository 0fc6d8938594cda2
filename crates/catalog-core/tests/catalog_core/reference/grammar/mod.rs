//! The grammar of `ModelRef`, one fact a line. Each form has a file; the facts about all forms are here.

mod hub;
mod path;
mod url;

use catalog_core::{ModelRef, ModelRefErrorKind as Kind};

#[track_caller]
fn parse(text: &str) -> ModelRef {
    match ModelRef::parse(text) {
        Ok(mr) => mr,
        Err(error) => panic!("{text:?} is a reference, but: {error}"),
    }
}

/// The position of the error, which must be of a kind that `expected` takes.
#[track_caller]
fn fails(text: &str, expected: impl Fn(&Kind) -> bool, position: usize) {
    let error = match text.parse::<ModelRef>() {
        Ok(mr) => panic!("{text:?} is no reference, but was read as {mr:?}"),
        Err(error) => error,
    };
    assert!(
        expected(error.kind()),
        "{text:?} fails with another kind: {error}"
    );
    assert_eq!(error.position(), position, "{text:?}: {error}");
}

/// CAT-106
#[test]
fn a_scheme_of_a_third_party_is_a_url() {
    for (text, scheme) in [
        ("share://team/Model.gguf", "share"),
        ("SHARE:///mnt/m.gguf", "share"),
        ("ftp://host:21/x?y#z", "ftp"),
        ("git+ssh://host/x%zz", "git+ssh"),
        ("x-y.z://a", "x-y.z"),
    ] {
        let mr = parse(text);
        let url = text.to_owned();
        assert_eq!(mr, ModelRef::Url { url }, "{text}");
        assert_eq!(mr.scheme(), scheme, "{text}");
        let (_, rest) = text.split_once("://").unwrap();
        assert_eq!(mr.id().unwrap(), format!("{scheme}://{rest}"), "{text}");
    }
    let missing = |kind: &Kind| matches!(kind, Kind::Missing(_));
    fails("share://", missing, 8);
    fails("share:///", missing, 8);
    fails("share://a b", |kind| *kind == Kind::WhiteSpaceInUrl, 9);
    fails("share://a\\b", |kind| *kind == Kind::Backslash, 9);
}

/// CAT-106
#[test]
fn a_scheme_of_another_program_is_answered_with_the_one_to_write() {
    for (text, word) in [
        ("ollama:llama3", "hf:org/repo"),
        ("ollama://llama3", "hf:org/repo"),
        ("Docker://ghcr.io/org/image:1", "oci://"),
        ("docker:image", "oci://"),
        ("huggingface://org/repo", "hf:org/repo"),
        ("hf.co:org/repo", "hf:org/repo"),
        ("s3a://bucket/key", "s3://"),
        ("htps://host/m", "https://"),
    ] {
        fails(text, |kind| matches!(kind, Kind::OtherSpelling(_)), 0);
        let message = ModelRef::parse(text).unwrap_err().to_string();
        assert!(message.contains(word), "{message:?} gives {word}");
    }
}

/// CAT-112
#[test]
fn a_text_with_a_url_in_it_is_not_taken_for_a_path() {
    let looks_like_url = |kind: &Kind| matches!(kind, Kind::LooksLikeUrl);
    for text in [
        "\"https://u:secret@h/m\"",
        "<https://h/m?token=secret>",
        "\u{feff}https://u:secret@h/m",
        "url=https://u:secret@h",
        "my_s://u:secret@h",
        "dir/x://y",
    ] {
        fails(text, looks_like_url, 0);
    }
    let too_long = |kind: &Kind| matches!(kind, Kind::TooLong);
    fails(&format!("https://h/{}", "a".repeat(8192)), too_long, 8202);
    fails(&"a".repeat(8193), too_long, 8193);
    // Each of these bytes is printed as three.
    fails(&format!("//{}", "%".repeat(4000)), too_long, 4002);
}

/// CAT-107
#[test]
fn blank_text_and_control_characters_are_refused_everywhere() {
    for text in ["", " ", "\t\n", "\u{3000}"] {
        fails(text, |kind| matches!(kind, Kind::Empty), 0);
    }
    for prefix in [
        "hf:org/repo/a",
        "file:/a",
        "rel",
        "https://host/a",
        "s3://bucket/a",
    ] {
        for character in ['\0', '\n', '\u{7f}', '\u{85}', '\u{1b}'] {
            let text = format!("{prefix}{character}b");
            let is_it = |kind: &Kind| *kind == Kind::ControlCharacter(character);
            fails(&text, is_it, prefix.len());
        }
    }
}
