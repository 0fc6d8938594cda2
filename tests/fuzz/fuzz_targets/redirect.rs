//! Any URL with any target of a redirect, and any file name in its folder: what is requested is an
//! absolute web URL without user name and fragment, and the client library reads the same origin in
//! it as the gate.

#![no_main]
#![allow(dead_code, reason = "the file is a part of a crate that does not export it")]

#[path = "../../../crates/model-fetchers/src/net/url.rs"]
mod url;

use libfuzzer_sys::fuzz_target;
use ureq::http::Uri;
use url::Url;

fuzz_target!(|input: (&str, &str, &str)| {
    let (base, target, name) = input;
    let Ok((base, authorization)) = Url::parse(base) else { return };
    assert!(authorization.is_none_or(|value| value.starts_with("Basic ")));
    check(&base);
    if let Ok(joined) = base.join(target) {
        check(&joined);
        // An empty target keeps the dots in the path of its base, and an absolute one has none.
        let absolute = base.join(joined.as_secret_str()).expect("it is a target");
        check(&absolute);
        assert!(absolute.origin() == joined.origin());
        assert!(base.join(absolute.as_secret_str()) == Ok(absolute), "a target without dots is itself");
    }
    let sibling = base.with_file_name(name);
    check(&sibling);
    assert!(sibling.origin() == base.origin());
    let path = |url: &Url| url.as_secret_str().split('?').next().map(str::to_owned);
    let folder = |url: &Url| path(url).and_then(|path| Some(path.rsplit_once('/')?.0.to_owned()));
    assert_eq!(folder(&sibling), folder(&base), "it stays in its folder");
});

fn check(url: &Url) {
    let text = url.as_secret_str();
    assert!(text.starts_with("http://") || text.starts_with("https://"), "{text:?}");
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    assert!(!text.contains('#'), "{text:?}");
    let origin = url.origin();
    assert!(!origin.host.is_empty() && !origin.host.contains(['@', '/', '?', '[', ']']), "{text:?}");
    let (again, authorization) = Url::parse(text).expect("it was read before");
    assert!(again == *url && authorization.is_none(), "{text:?}");
    // The client library refuses some URLs.
    let Ok(uri) = text.parse::<Uri>() else { return };
    let (seen, _) = Url::parse(&uri.to_string()).expect("the client library prints URLs");
    assert!(seen.origin() == origin, "{text:?} {uri:?}");
    let host = uri.host().expect("it has a host").trim_matches(['[', ']']);
    assert!(host.eq_ignore_ascii_case(&origin.host), "{text:?} {uri:?}");
    let implied = if origin.is_tls { 443 } else { 80 };
    assert_eq!(uri.port_u16().unwrap_or(implied), origin.port, "{text:?}");
    let _ = format!("{url} {url:?} {origin}");
}
