use super::host::split_port;

/// The schemes of [`ModelRef::Url`](crate::ModelRef::Url).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UrlScheme {
    Http,
    Https,
    S3,
    Oci,
}

impl UrlScheme {
    const ALL: [Self; 4] = [Self::Http, Self::Https, Self::S3, Self::Oci];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::S3 => "s3",
            Self::Oci => "oci",
        }
    }

    /// The scheme with this lower-case name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }

    pub(super) fn default_port(self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https | Self::Oci => Some(443),
            Self::S3 => None,
        }
    }
}

/// A URL cut into its parts, none of them checked or decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct UrlParts<'u> {
    pub(super) scheme: UrlScheme,
    /// What stands before the last `@` of the authority.
    pub(super) userinfo: Option<&'u str>,
    /// Host and port, registry or bucket.
    pub(super) host: &'u str,
    /// With its leading slash, or empty.
    pub(super) path: &'u str,
    /// Without its `?`.
    pub(super) query: Option<&'u str>,
    /// Without its `#`.
    pub(super) fragment: Option<&'u str>,
}

/// The scheme with which a URL begins.
pub(super) fn scheme_of(url: &str) -> Option<UrlScheme> {
    let (word, _) = url.split_once("://")?;
    UrlScheme::named(&word.to_ascii_lowercase())
}

/// The host of a URL in lower case, without port and final dot.
pub(super) fn host_of(url: &str) -> Option<String> {
    let (host, _) = split_port(split_url(url)?.host);
    Some(host.trim_end_matches('.').to_ascii_lowercase())
}

/// Cuts a URL at the delimiters of RFC 3986.
pub(super) fn split_url(url: &str) -> Option<UrlParts<'_>> {
    let scheme = scheme_of(url)?;
    let (_, rest) = url.split_once("://")?;
    let (rest, fragment) = cut(rest, '#');
    let (rest, query) = cut(rest, '?');
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (userinfo, host) = match authority.rsplit_once('@') {
        Some((userinfo, host)) => (Some(userinfo), host),
        None => (None, authority),
    };
    Some(UrlParts {
        scheme,
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
