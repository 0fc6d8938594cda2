use super::check_url::check_url;
use super::file::file_text;
use super::hf::normal_repo;
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
    /// The errors of [`id`](Self::id), and [`CatalogError::InvalidEntry`] for an id that a catalog
    /// does not accept, such as the id of a path of more than [`ModelId::MAX_LEN`] bytes.
    pub fn model_id(&self) -> Result<ModelId> {
        ModelId::new(self.id()?)
    }

    /// Returns the id of this reference in a catalog. Two spellings of the same model have the same
    /// id. Two different models never share an id.
    ///
    /// - A hub reference: `hf:org/repo[@revision][/path]`, or `hf:org/repo[@revision]:TAG` with the
    ///   tag in upper case.
    /// - A local path: `file:` and the absolute path. The path is resolved as the kernel would
    ///   resolve it: without `.`, without `..`, and without symbolic links in its folders. A link
    ///   as the last part is kept, because its name has the extension and the shard number that
    ///   engines read. This reads the disk, but the file need not exist. If `file:` and the plain
    ///   path would be parsed into another path, the id is the percent-encoded form `file://…`.
    /// - A URL of `http` or `https`: one normal form (RFC 3986, 6.2.2) without the fragment, the
    ///   secrets, and the parameters of a signature. URLs that differ only in these name the same
    ///   model. A parameter such as `key` may be a secret or a name, so the id has a hash of its
    ///   value.
    /// - A URL of `s3` or `oci`: the given text, with the scheme and the host in normal form. Such
    ///   a URL has no secrets.
    /// - A URL of another scheme: the given text without its secrets, and with the scheme in lower
    ///   case. Only the fetcher of the scheme knows which spellings name the same model.
    ///
    /// # Errors
    ///
    /// [`CatalogError::InvalidRef`] for a value with fields that [`parse`](Self::parse) could not
    /// return, [`CatalogError::PathRefused`] for a path that is not UTF-8, [`CatalogError::Io`] if
    /// a folder of the path cannot be searched.
    pub fn id(&self) -> Result<String> {
        match self {
            Self::Hf { .. } => {
                let text = self.to_string();
                let why = "the fields of a hub reference hold what its text could not";
                let fields_of = |mr: &Self| match mr {
                    Self::Hf { org, repo, path } => {
                        Some((org.clone(), normal_repo(repo), path.clone()))
                    }
                    _ => None,
                };
                match text.parse::<Self>()? {
                    same if fields_of(&same) == fields_of(self) => Ok(text),
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
        // A key is any text, so each key has exactly one spelling.
        UrlScheme::S3 | UrlScheme::Oci => {
            let (_, rest) = url.split_once("://").unwrap_or_default();
            let (_, rest) = rest.split_once('/').unwrap_or_default();
            format!("{scheme}://{}/{rest}", normal_host(parts))
        }
        // Only the fetcher of the scheme knows which spellings name the same model.
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
                // Removing a secret can join the parts around it into a new secret.
                Some(parts) if id != url => url_id(&id, &parts),
                _ => id,
            }
        }
    }
}

/// Returns the normal form of a path, without secrets and dot segments.
fn normal_path(path: &str) -> String {
    let mut path = percent::normalise(path);
    loop {
        let escaped = percent::normalise(&path_without_secrets(&path));
        let next = without_dot_parts(&escaped);
        if next == path {
            return path;
        }
        // Removing a secret can join the parts around it into a new secret.
        path = next;
    }
}

/// Returns the normal form of a query, without secrets and the parameters of a signature. Returns
/// `None` if these are its only content.
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

/// Returns the normal form of a host: lower case, without a final dot, without the default port of
/// the scheme, and with the canonical text of an IPv6 address.
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

/// Removes the `.` and `..` segments of an absolute path (RFC 3986, 5.2.4).
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
