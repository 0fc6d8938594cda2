use super::host::split_port;

/// The schemes of [`ModelRef::Url`](crate::ModelRef::Url).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UrlScheme {
    Http,
    Https,
    S3,
    Oci,
    /// A scheme that only the fetcher of a third party knows.
    Other,
}

impl UrlScheme {
    /// Returns the scheme with this lower-case name, if this crate knows its form.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            "s3" => Some(Self::S3),
            "oci" => Some(Self::Oci),
            _ => None,
        }
    }

    pub(super) fn default_port(self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https | Self::Oci => Some(443),
            Self::S3 | Self::Other => None,
        }
    }
}

/// Returns true if a word is a scheme (RFC 3986, 3.1). A single letter is a drive.
pub(super) fn is_scheme(word: &str) -> bool {
    word.len() > 1
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// The parts of a URL, neither checked nor decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct UrlParts<'u> {
    pub(super) scheme: UrlScheme,
    /// The text before the `://`, as it was given.
    pub(super) scheme_text: &'u str,
    /// The user name and password: the text before the last `@` of the authority.
    pub(super) userinfo: Option<&'u str>,
    /// The host and port, the registry, or the bucket.
    pub(super) host: &'u str,
    /// The path with its leading slash, or an empty text.
    pub(super) path: &'u str,
    /// The query, without the `?`.
    pub(super) query: Option<&'u str>,
    /// The fragment, without the `#`.
    pub(super) fragment: Option<&'u str>,
}

/// Returns the host of a URL in lower case, without the port and the final dot. Returns `None` if
/// it is empty.
pub(super) fn host_of(url: &str) -> Option<String> {
    let (host, _) = split_port(split_url(url)?.host);
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    (!host.is_empty()).then_some(host)
}

/// Splits a URL at the delimiters of RFC 3986.
pub(super) fn split_url(url: &str) -> Option<UrlParts<'_>> {
    let (scheme_text, rest) = url.split_once("://")?;
    if !is_scheme(scheme_text) {
        return None;
    }
    let named = UrlScheme::named(&scheme_text.to_ascii_lowercase());
    let scheme = named.unwrap_or(UrlScheme::Other);
    let (rest, fragment) = cut(rest, '#');
    let (rest, query) = cut(rest, '?');
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (userinfo, host) = match authority.rsplit_once('@') {
        Some((userinfo, host)) => (Some(userinfo), host),
        None => (None, authority),
    };
    Some(UrlParts {
        scheme,
        scheme_text,
        userinfo,
        host,
        path,
        query,
        fragment,
    })
}

fn cut(text: &str, delimiter: char) -> (&str, Option<&str>) {
    match text.split_once(delimiter) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}
