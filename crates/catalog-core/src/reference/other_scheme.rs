//! Schemes of other programs that have a spelling here. They are parse errors, so that nobody takes
//! them for the scheme of a fetcher.

use crate::error::ModelRefErrorKind as Kind;

const OTHER_SCHEMES: [(&[&str], Kind); 5] = [
    (
        &["ollama"],
        Kind::OtherSpelling(
            "models of Ollama are not supported; write hf:org/repo for the model on the hub, or the path of a \
             local file",
        ),
    ),
    (
        &["docker", "docker-image"],
        Kind::OtherSpelling("write oci://registry/repository:tag for an image"),
    ),
    (
        &["huggingface", "hf-hub", "hf.co", "huggingface.co"],
        Kind::OtherSpelling("write hf:org/repo for a model of the hub"),
    ),
    (
        &["s3a", "s3n"],
        Kind::OtherSpelling("write s3://bucket/key for an object"),
    ),
    (
        &["htp", "htpp", "htttp", "htps", "htpps", "htttps", "httpss"],
        Kind::OtherSpelling("write http:// or https:// for a file on a web server"),
    ),
];

/// Returns the spelling to write instead of a lower-case scheme, if the scheme is one of these.
pub(super) fn spelling_of(scheme: &str) -> Option<Kind> {
    let mut all = OTHER_SCHEMES.iter();
    let found = all.find(|(schemes, _)| schemes.contains(&scheme));
    found.map(|(_, spelling)| spelling.clone())
}
