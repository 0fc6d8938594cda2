use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use catalog_core::ModelRef;
use fluent_uri::{Uri, UriRef};

/// The address of a request: an absolute `http` or `https` URL without user name, password and
/// fragment. `Display` and `Debug` hide secrets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    text: String,
    origin: Origin,
}

/// A scheme, host and port. Credentials stay with the origin for which they were given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Origin {
    pub(crate) is_tls: bool,
    /// The name or address in lower case, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Origin {
    pub(crate) fn scheme(&self) -> &'static str {
        match self.is_tls {
            true => "https",
            false => "http",
        }
    }

    /// Returns the host in the form that a URL needs: an IPv6 address is in brackets.
    pub(crate) fn host_in_url(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        }
    }

    /// Returns the host and the port, without the port that the scheme implies.
    pub(crate) fn authority(&self) -> String {
        let implied = if self.is_tls { 443 } else { 80 };
        match self.port == implied {
            true => self.host_in_url(),
            false => format!("{}:{}", self.host_in_url(), self.port),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

impl Url {
    /// Reads an absolute URL. Returns the URL, and the value of the header `Authorization` if the
    /// URL has a user name. The error describes the defect, and holds no secret.
    pub(crate) fn parse(text: &str) -> Result<(Self, Option<String>), String> {
        let uri = Uri::parse(text).map_err(|_| "the URL is malformed".to_owned())?;
        Self::of_uri(&uri)
    }

    /// Reads the target of a redirect of this URL.
    pub(crate) fn join(&self, target: &str) -> Result<Self, String> {
        let malformed = |_| "the target of the redirect is malformed".to_owned();
        let base = Uri::parse(self.text.as_str()).map_err(|_| "the URL is malformed".to_owned())?;
        let target = UriRef::parse(target).map_err(malformed)?;
        let without_fragment = target.strip_fragment();
        let joined = without_fragment.resolve_against(&base);
        let joined = joined.map_err(|_| "the target of the redirect is malformed".to_owned())?;
        // A user name in a target is not sent: no caller gave it.
        Self::of_uri(&joined.borrow()).map(|(url, _)| url)
    }

    fn of_uri(uri: &Uri<&str>) -> Result<(Self, Option<String>), String> {
        let is_tls = match uri.scheme().as_str().to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            other => return Err(format!("the scheme {other:?} is neither http nor https")),
        };
        let authority = uri.authority().ok_or("the URL has no host")?;
        let host = authority.host().to_ascii_lowercase();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let host = host.strip_suffix('.').unwrap_or(host).to_owned();
        if host.is_empty() || host.contains('%') || host.ends_with('.') {
            return Err("the URL has no usable host".to_owned());
        }
        if is_other_notation(&host) {
            return Err(
                "the host of the URL is an address in another notation than four decimal numbers"
                    .to_owned(),
            );
        }
        let port = match authority.port() {
            None => None,
            Some(port) if port.as_str().is_empty() => None,
            Some(port) => {
                let port = port.as_str().parse::<u16>();
                Some(port.map_err(|_| "the port of the URL is no port".to_owned())?)
            }
        };
        let origin = Origin {
            is_tls,
            host,
            port: port.unwrap_or(if is_tls { 443 } else { 80 }),
        };
        let path = match uri.path().as_str() {
            "" => "/",
            path => path,
        };
        let query = uri
            .query()
            .map_or(String::new(), |query| format!("?{query}"));
        let authorization = authority.userinfo().map(|userinfo| {
            let bytes = userinfo.decode().to_bytes().into_owned();
            format!("Basic {}", BASE64_STANDARD.encode(bytes))
        });
        let text = format!("{origin}{path}{query}");
        Ok((Self { text, origin }, authorization))
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the text for a request. It may hold secrets.
    pub(crate) fn as_secret_str(&self) -> &str {
        &self.text
    }

    /// Returns the URL with more parts at the end of its path, and without a query.
    pub(crate) fn with_parts<'p>(&self, parts: impl IntoIterator<Item = &'p str>) -> Self {
        let end = self.text.find('?').unwrap_or(self.text.len());
        let mut text = self.text[..end].trim_end_matches('/').to_owned();
        for part in parts {
            text.push('/');
            text.extend(part.bytes().map(escape));
        }
        Self {
            text,
            origin: self.origin.clone(),
        }
    }

    /// Returns the URL with a query.
    pub(crate) fn with_query(&self, query: &str) -> Self {
        Self {
            text: format!("{}?{query}", self.text),
            origin: self.origin.clone(),
        }
    }

    /// Returns the path and the query.
    pub(crate) fn path_and_query(&self) -> &str {
        let authority = self.text.find("://").map_or(0, |at| at + 3);
        self.text[authority..]
            .find('/')
            .map_or("", |at| &self.text[authority + at..])
    }

    /// Returns the same path and query below another URL.
    pub(crate) fn moved_below(&self, base: &Self) -> Self {
        let text = format!(
            "{}{}",
            base.text.trim_end_matches('/'),
            self.path_and_query()
        );
        Self {
            text,
            origin: base.origin.clone(),
        }
    }

    /// Returns the same URL with another last part of its path.
    pub(crate) fn with_file_name(&self, name: &str) -> Self {
        let end = self.text.find('?').unwrap_or(self.text.len());
        let begin = self.text[..end].rfind('/').map_or(end, |slash| slash + 1);
        let escaped: String = name.bytes().map(escape).collect();
        let text = format!("{}{escaped}{}", &self.text[..begin], &self.text[end..]);
        Self {
            text,
            origin: self.origin.clone(),
        }
    }
}

/// Returns true for a host in a notation that only some programs read as an IPv4 address, such as
/// `0x7f000001` or `127.1`.
fn is_other_notation(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_hex = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    !host.contains(':') && (is_hex || is_decimal) && host.parse::<std::net::Ipv4Addr>().is_err()
}

/// Returns a byte of a file name as it is written in a path.
fn escape(byte: u8) -> String {
    match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = ModelRef::Url {
            url: self.text.clone(),
        };
        shown.fmt(f)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NET-107
    #[test]
    fn a_user_name_becomes_a_header_and_leaves_the_url() {
        let (url, authorization) = Url::parse("https://user:p%40ss@Example.org:443/a?b#c").unwrap();
        assert_eq!(url.as_secret_str(), "https://example.org/a?b");
        // `user:p@ss`
        assert_eq!(authorization.as_deref(), Some("Basic dXNlcjpwQHNz"));
    }

    /// NET-116
    #[test]
    fn targets_of_redirects_are_joined() {
        let (base, _) = Url::parse("https://example.org/a/b?c").unwrap();
        let cases = [
            ("/x", "https://example.org/x"),
            ("d", "https://example.org/a/d"),
            ("//cdn.example/x?y", "https://cdn.example/x?y"),
            ("http://[::1]:8080", "http://[::1]:8080/"),
            (
                "https://user:secret@other.example/",
                "https://other.example/",
            ),
        ];
        for (target, joined) in cases {
            assert_eq!(base.join(target).unwrap().as_secret_str(), joined);
        }
        for refused in [
            "ftp://example.org/",
            "file:///etc/passwd",
            "https:///x",
            "a b",
            "https://../",
            "https://10.1.2.3../",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://0177.0.0.1/",
        ] {
            assert!(base.join(refused).is_err(), "{refused}");
        }
    }
}
