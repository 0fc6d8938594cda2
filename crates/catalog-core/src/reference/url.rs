use std::net::Ipv6Addr;

use super::image::check_image_reference;
use super::parse::{Fault, MAX_LEN};
use super::percent;
use super::redact::holds_secret;
use crate::error::ModelRefErrorKind as Kind;

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

/// Cuts a URL at the delimiters of RFC 3986.
/// The host of a URL in lower case, without port and final dot.
pub(super) fn host_of(url: &str) -> Option<String> {
    let (host, _) = split_port(split_url(url)?.host);
    Some(host.trim_end_matches('.').to_ascii_lowercase())
}

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

/// Checks a URL as documented on [`ModelRef`](crate::ModelRef).
pub(super) fn check_url(url: &str) -> Result<(), Fault<'_>> {
    if url.len() > MAX_LEN {
        return Err((Kind::TooLong, &url[url.len()..]));
    }
    if let Some((at, found)) = url.char_indices().find(|(_, c)| c.is_control()) {
        return Err((Kind::ControlCharacter(found), &url[at..]));
    }
    if let Some(at) = url.find(char::is_whitespace) {
        return Err((Kind::WhiteSpaceInUrl, &url[at..]));
    }
    let Some(parts) = split_url(url) else {
        return Err((Kind::Missing("the scheme"), url));
    };
    match parts.scheme {
        UrlScheme::Http | UrlScheme::Https => {
            // Some programs take a backslash for a slash, so two could see two hosts.
            if let Some(at) = url.find('\\') {
                return Err((Kind::Backslash, &url[at..]));
            }
            check_host(parts.host)?;
            refuse_unescaped_password(&parts)?;
            percent::check(url)
        }
        UrlScheme::S3 => {
            refuse_userinfo(&parts)?;
            check_bucket(parts.host)?;
            // All behind the bucket is the key, so there is no place for a signature.
            if holds_secret(url) {
                let why = "an s3:// reference carries no signature or token; the one who fetches has them";
                return Err((Kind::Authority(why), parts.path));
            }
            match parts.path.strip_prefix('/') {
                None | Some("") => Err((Kind::Missing("the object's key"), parts.path)),
                Some(_) => Ok(()),
            }
        }
        UrlScheme::Oci => {
            refuse_userinfo(&parts)?;
            let reference = url.split_once("://").map_or("", |(_, rest)| rest);
            check_image_reference(reference)
        }
    }
}

/// `https://user:12/rest@host` ends its authority at the slash in the password, which would then
/// be shown as a path. Host names with a dot are taken for what they are.
fn refuse_unescaped_password<'u>(parts: &UrlParts<'u>) -> Result<(), Fault<'u>> {
    let (host, port) = split_port(parts.host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let may_be_user = !host.contains(['.', ']']) && !host.eq_ignore_ascii_case("localhost");
    let rest = [Some(parts.path), parts.query, parts.fragment];
    let has_at = rest.into_iter().flatten().any(|text| text.contains('@'));
    if port.is_some() && may_be_user && has_at {
        let why = "this may be a password with a slash in it: write / as %2F there, or @ as %40 in a path";
        return Err((Kind::Authority(why), parts.host));
    }
    Ok(())
}

fn refuse_userinfo<'u>(parts: &UrlParts<'u>) -> Result<(), Fault<'u>> {
    // The `@` of an image digest stands behind the first slash, so it is not taken for this one.
    match parts.userinfo {
        Some(userinfo) => Err((
            Kind::Authority("user names and passwords have no place in this scheme"),
            userinfo,
        )),
        None => Ok(()),
    }
}

/// Checks `host[:port]` where the host is a name, an IPv4 address or an IPv6 address in brackets.
pub(super) fn check_host(host_and_port: &str) -> Result<(), Fault<'_>> {
    let fault = |why, part| Err((Kind::Authority(why), part));
    let (host, port) = split_port(host_and_port);
    if host.is_empty() {
        return Err((Kind::Missing("the host"), host_and_port));
    }
    if let Some(port) = port
        && (port.is_empty()
            || !port.bytes().all(|b| b.is_ascii_digit())
            || port.parse::<u16>().is_err())
    {
        return fault("a port is a number from 0 to 65535", port);
    }
    if let Some(address) = host.strip_prefix('[') {
        return match address.strip_suffix(']').map(str::parse::<Ipv6Addr>) {
            Some(Ok(_)) => Ok(()),
            _ => fault("between the brackets stands no IPv6 address", host),
        };
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        let why = "a host is ASCII letters, digits, `-` and `_` in parts joined by dots; \
                   write other scripts in punycode";
        return fault(why, host);
    }
    Ok(())
}

/// Splits a port off, not the colons of an IPv6 address.
pub(super) fn split_port(host_and_port: &str) -> (&str, Option<&str>) {
    match host_and_port.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (host_and_port, None),
    }
}

/// Checks a bucket's name by the common rule of S3 and its look-alikes.
fn check_bucket(bucket: &str) -> Result<(), Fault<'_>> {
    if bucket.is_empty() {
        return Err((Kind::Missing("the bucket"), bucket));
    }
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_inner = |c: char| is_edge(c) || c == '-' || c == '.';
    let is_good = (3..=63).contains(&bucket.len())
        && bucket.chars().all(is_inner)
        && bucket.starts_with(is_edge)
        && bucket.ends_with(is_edge);
    if !is_good {
        let why =
            "a bucket has 3 to 63 of a-z, 0-9, `-` and `.`, with a letter or digit at the ends";
        return Err((Kind::Authority(why), bucket));
    }
    Ok(())
}
