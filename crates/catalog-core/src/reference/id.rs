use super::check_url::check_url;
use super::file::file_text;
use super::host::split_port;
use super::model_id::ModelId;
use super::model_ref::ModelRef;
use super::percent;
use super::redact::{path_without_secrets, query_without_secrets};
use super::url::{UrlParts, UrlScheme, split_url};
use crate::error::{CatalogError, ModelRefError, ModelRefErrorKind as Kind, PathProblem, Result};
use crate::root::{LastLink, resolve};

impl ModelRef {
    /// Returns [`id`](Self::id) as the type that staging, imports, locks and pins take.
    ///
    /// # Errors
    ///
    /// The errors of [`id`](Self::id), and [`CatalogError::InvalidEntry`] for an id that no catalog
    /// holds, such as that of a path of more than [`ModelId::MAX_LEN`] bytes.
    pub fn model_id(&self) -> Result<ModelId> {
        ModelId::new(self.id()?)
    }

    /// The id under which a catalog knows what this names. Spellings of one thing share it, two
    /// things never do.
    ///
    /// - `hf:org/repo[@revision][/path]`
    /// - `file:` and the absolute path, with `.`, `..` and the symbolic links of its folders
    ///   resolved as the kernel would. A link in the last place is kept: its name carries the
    ///   extension and the shard number that engines read. This looks at the disk; the file need
    ///   not exist.
    ///   A path that would not be read back as it is has the percent-encoded form `file://…`.
    /// - a URL of `http`, `https`, `s3` and `oci` in one spelling (RFC 3986, 6.2.2), without its fragment, its secrets and what frames
    ///   a signature: two URLs that differ only there name one thing. A parameter like `key` may be
    ///   a secret or a name: the id has a hash of its value.
    /// - a URL of another scheme as it was given, with its scheme in lower case, and without its
    ///   secrets: only its fetcher knows which spellings name the same.
    ///
    /// # Errors
    ///
    /// [`CatalogError::InvalidRef`] for a literal that [`parse`](Self::parse) could not have made,
    /// [`CatalogError::PathRefused`] for a path that is not UTF-8 text, [`CatalogError::Io`] if a
    /// folder of the path cannot be searched.
    pub fn id(&self) -> Result<String> {
        match self {
            Self::Hf { .. } => {
                let text = self.to_string();
                let why = "the fields of a hub reference hold what its text could not";
                match text.parse::<Self>()? {
                    same if same == *self => Ok(text),
                    _ => Err(ModelRefError::new(Kind::HubName(why), 0).into()),
                }
            }
            Self::File { path } => {
                let refuse = |problem| Err(CatalogError::path_refused(path, problem));
                match path.to_str() {
                    Some("") => return refuse(PathProblem::Empty),
                    Some(text) if !text.contains('\0') => {}
                    _ => return refuse(PathProblem::NotText),
                }
                let absolute = resolve(path, LastLink::Keep)?;
                match absolute.to_str() {
                    Some(_) => Ok(file_text(&absolute)),
                    None => refuse(PathProblem::NotText),
                }
            }
            Self::Url { url } => {
                let fault = |(kind, _)| ModelRefError::new(kind, 0);
                check_url(url).map_err(fault)?;
                let parts =
                    split_url(url).ok_or_else(|| fault((Kind::Missing("the scheme"), "")))?;
                Ok(url_id(url, &parts))
            }
        }
    }
}

fn url_id(url: &str, parts: &UrlParts<'_>) -> String {
    let scheme = parts.scheme_text.to_ascii_lowercase();
    match parts.scheme {
        UrlScheme::Http | UrlScheme::Https => {
            let host = normal_host(parts);
            let path = normal_path(parts.path);
            let query = parts.query.and_then(normal_query);
            let query = query.map_or(String::new(), |query| format!("?{query}"));
            format!("{scheme}://{host}{path}{query}")
        }
        // A key is any text: nothing in it has a second spelling.
        UrlScheme::S3 | UrlScheme::Oci => {
            let (_, rest) = url.split_once("://").unwrap_or_default();
            let (_, rest) = rest.split_once('/').unwrap_or_default();
            format!("{scheme}://{}/{rest}", normal_host(parts))
        }
        // Only its fetcher knows which spellings name the same.
        UrlScheme::Other => {
            let mut rest = format!("{}{}", parts.host, path_without_secrets(parts.path));
            for (delimiter, parameters) in [('?', parts.query), ('#', parts.fragment)] {
                if let Some(kept) = parameters.and_then(query_without_secrets) {
                    rest.push(delimiter);
                    rest.push_str(&kept);
                }
            }
            let id = format!("{scheme}://{rest}");
            match split_url(&id) {
                // What is left out may bring other parts together.
                Some(parts) if id != url => url_id(&id, &parts),
                _ => id,
            }
        }
    }
}

/// One spelling, without secrets and dot parts.
fn normal_path(path: &str) -> String {
    let mut path = percent::normalise(path);
    loop {
        let escaped = percent::normalise(&path_without_secrets(&path));
        let next = without_dot_parts(&escaped);
        if next == path {
            return path;
        }
        // What is left out may bring other parts together.
        path = next;
    }
}

/// One spelling, without secrets and what frames a signature; none if nothing else is in it.
fn normal_query(query: &str) -> Option<String> {
    let mut query = percent::normalise(query);
    loop {
        let next = percent::normalise(&query_without_secrets(&query)?);
        if next == query {
            return Some(query);
        }
        query = next;
    }
}

/// Lower case, without the root's dot, IPv6 in its one spelling, without the scheme's own port.
fn normal_host(parts: &UrlParts<'_>) -> String {
    let (host, port) = split_port(parts.host);
    let host = host.to_ascii_lowercase();
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => match address.parse::<std::net::Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => host,
        },
        None => host.strip_suffix('.').unwrap_or(&host).to_owned(),
    };
    match port.and_then(|port| port.parse::<u16>().ok()) {
        Some(port) if Some(port) != parts.scheme.default_port() => format!("{host}:{port}"),
        _ => host,
    }
}

/// Removes `.` and `..` parts of an absolute path (RFC 3986, 5.2.4).
fn without_dot_parts(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(part),
        }
    }
    format!("/{}", kept.join("/"))
}
