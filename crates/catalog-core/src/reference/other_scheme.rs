//! Schemes of other programs that are spelled differently here. They are parse errors, so that a
//! reference with such a scheme is not mistaken for the URL of a fetcher.

use crate::error::ModelRefErrorKind as Kind;

const OTHER_SCHEMES: [(&[&str], &str); 5] = [
    (
        &["ollama"],
        "models of Ollama are not supported; write hf:org/repo for the model on the hub, or the path of a \
             local file",
    ),
    (
        &["docker", "docker-image"],
        "write oci://registry/repository:tag for an image",
    ),
    (
        &["huggingface", "hf-hub", "hf.co", "huggingface.co"],
        "write hf:org/repo for a model of the hub",
    ),
    (&["s3a", "s3n"], "write s3://bucket/key for an object"),
    (
        &["htp", "htpp", "htttp", "htps", "htpps", "htttps", "httpss"],
        "write http:// or https:// for a file on a web server",
    ),
];

/// Returns an error that states the spelling to write, if this lower-case scheme is one of these
/// schemes.
pub(super) fn spelling_of(scheme: &str) -> Option<Kind> {
    let mut all = OTHER_SCHEMES.iter();
    let found = all.find(|(schemes, _)| schemes.contains(&scheme));
    found.map(|(_, spelling)| Kind::OtherSpelling((*spelling).into()))
}
