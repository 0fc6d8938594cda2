use super::fault::{Fault, MAX_LEN};
use super::host::{check_host, split_port};
use super::hub_spelling;
use super::image::check_image_reference;
use super::other_scheme;
use super::percent;
use super::secret::holds_secret;
use super::url::{UrlParts, UrlScheme, split_url};
use crate::error::ModelRefErrorKind as Kind;

/// Checks a URL by the rules that [`ModelRef`](crate::ModelRef) documents.
pub(super) fn check_url(url: &str) -> Result<(), Fault<'_>> {
    if url.len() > MAX_LEN {
        return Err((Kind::TooLong, &url[url.len()..]));
    }
    if let Some((at, found)) = url.char_indices().find(|(_, c)| c.is_control()) {
        return Err((Kind::ControlCharacter(found), &url[at..]));
    }
    let Some(parts) = split_url(url) else {
        return Err((Kind::Missing("the scheme"), url));
    };
    // The key of an `s3://` URL is taken literally and may contain blanks.
    let without_blanks = match parts.scheme {
        UrlScheme::S3 => parts.host,
        UrlScheme::Http | UrlScheme::Https | UrlScheme::Oci | UrlScheme::Other => url,
    };
    if let Some(at) = without_blanks.find(char::is_whitespace) {
        return Err((Kind::WhiteSpaceInUrl, &without_blanks[at..]));
    }
    match parts.scheme {
        UrlScheme::Http | UrlScheme::Https => {
            // Some programs treat a backslash as a slash, so two programs could see two different
            // hosts.
            if let Some(at) = url.find('\\') {
                return Err((Kind::Backslash, &url[at..]));
            }
            check_host(parts.host)?;
            refuse_unescaped_password(&parts)?;
            refuse_page_of_hub(&parts)?;
            percent::check(url)
        }
        UrlScheme::S3 => {
            refuse_userinfo(&parts)?;
            check_bucket(parts.host)?;
            // Everything after the bucket is the key, so a signature has no place in the URL.
            if holds_secret(url) {
                let why =
                    "an s3:// reference has no signature or token; they belong to its fetcher";
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
        UrlScheme::Other => {
            let scheme = parts.scheme_text.to_ascii_lowercase();
            if let Some(spelling) = other_scheme::spelling_of(&scheme) {
                return Err((spelling, url));
            }
            if scheme == "hf" || scheme == "file" {
                let why = "a reference of this scheme is not a URL; use ModelRef::parse";
                return Err((Kind::OtherSpelling(why.into()), url));
            }
            if let Some(at) = url.find('\\') {
                return Err((Kind::Backslash, &url[at..]));
            }
            if parts.host.is_empty() && parts.path.trim_matches('/').is_empty() {
                return Err((Kind::Missing("the name behind `://`"), parts.path));
            }
            refuse_unescaped_password(&parts)
        }
    }
}

/// Refuses the address of a web page of the hub, which a person may copy from a browser. It is not
/// a model.
fn refuse_page_of_hub<'u>(parts: &UrlParts<'u>) -> Result<(), Fault<'u>> {
    let (host, _) = split_port(parts.host);
    match hub_spelling::of_page(parts.path) {
        Some(page) if hub_spelling::is_hub(host) => Err((page, parts.path)),
        _ => Ok(()),
    }
}

/// Refuses a URL that may have an unescaped slash in its password. In `https://user:12/rest@host`
/// the slash ends the authority, so the rest of the password would be shown as a path. A host name
/// with a dot is accepted as a host.
fn refuse_unescaped_password<'u>(parts: &UrlParts<'u>) -> Result<(), Fault<'u>> {
    let (host, port) = split_port(parts.host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let may_be_user = !host.contains(['.', ']']) && !host.eq_ignore_ascii_case("localhost");
    let rest = [Some(parts.path), parts.query, parts.fragment];
    let has_at = rest.into_iter().flatten().any(|text| text.contains('@'));
    if port.is_some() && may_be_user && has_at {
        let why =
            "this may be a password with a slash; write / in a password as %2F, @ in a path as %40";
        return Err((Kind::Authority(why), parts.host));
    }
    Ok(())
}

fn refuse_userinfo<'u>(parts: &UrlParts<'u>) -> Result<(), Fault<'u>> {
    // The `@` of an image digest comes after the first slash, so it is not part of the authority.
    match parts.userinfo {
        Some(userinfo) => Err((
            Kind::Authority("user names and passwords have no place in this scheme"),
            userinfo,
        )),
        None => Ok(()),
    }
}

/// Checks the name of a bucket by the rule that S3 and compatible services share.
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
