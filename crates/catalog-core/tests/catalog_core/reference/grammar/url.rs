//! References by URL.

use catalog_core::{ModelRef, ModelRefErrorKind as Kind};

use super::{fails, parse};

#[track_caller]
fn url(text: &str) {
    let expected = ModelRef::Url {
        url: text.trim().to_owned(),
    };
    assert_eq!(parse(text), expected, "{text:?}");
}

/// CAT-105
#[test]
fn a_url_is_read_with_its_host_and_required_parts_checked() {
    url("https://host/m.gguf");
    url("http://host:8080/m.gguf?x=1#frag");
    url("https://user:pw@host/m");
    url("https://[::1]:8443/m");
    url("HTTPS://Host.Example./m");
    url("https://host");
    url("s3://bucket/key");
    url("s3://my.bucket-1//dir/../key%zz?x");
    url("oci://registry.example:5000/org/repo");
    url("oci://ghcr.io/org/repo:v1.0");
    url(&format!("oci://localhost/repo@sha256:{}", "0".repeat(64)));
    url(&format!(
        "oci://ghcr.io/a__b/c-d.e:tag@sha512:{}",
        "0".repeat(128)
    ));

    let missing = |kind: &Kind| matches!(kind, Kind::Missing(_));
    fails("https://", missing, 8);
    fails("https:///m", missing, 8);
    fails("https://user@/m", missing, 13);
    fails("https://?x", missing, 8);
    fails("s3://", missing, 5);
    fails("s3:///key", missing, 5);
    fails("s3://bucket", missing, 11);
    fails("s3://bucket/", missing, 11);
    fails("oci://", missing, 6);
    fails("oci://registry", missing, 14);
    fails("oci://registry/", missing, 15);
    fails("oci://registry/:tag", missing, 15);
    let authority = |kind: &Kind| matches!(kind, Kind::Authority(_));
    fails("https://ho_st,/m", authority, 8);
    fails("https://host..x/m", authority, 8);
    fails("https://hôst/m", authority, 8);
    fails("https://host:/m", authority, 13);
    fails("https://host:65536/m", authority, 13);
    fails("https://host:8o/m", authority, 13);
    fails("https://[::1/m", authority, 8);
    fails("https://[host]/m", authority, 8);
    fails("s3://Bucket/key", authority, 5);
    fails("s3://ab/key", authority, 5);
    fails("s3://-bucket/key", authority, 5);
    fails("s3://key:secret@bucket/key", authority, 5);
    fails("oci://u:p@registry/repo", authority, 6);
    let oci = |kind: &Kind| matches!(kind, Kind::Oci(_));
    fails("oci://registry/Repo", oci, 15);
    fails("oci://registry/a//b", oci, 15);
    fails("oci://registry/../b", oci, 15);
    fails("oci://registry/repo:", oci, 20);
    fails("oci://registry/repo:.x", oci, 20);
    fails("oci://registry/repo@sha256:abc", oci, 20);
    fails("oci://registry/repo@md5:00", oci, 20);
    fails("oci://registry/repo?x", oci, 15);
    let slashes = |kind: &Kind| matches!(kind, Kind::MissingSlashes(_));
    fails("https:host/m", slashes, 6);
    fails("http:/host/m", slashes, 5);
    fails("s3:bucket/key", slashes, 3);
    fails(
        "https://host/%zz",
        |kind| matches!(kind, Kind::PercentEncoding),
        13,
    );
    fails(
        "https://good\\@evil/m",
        |kind| matches!(kind, Kind::Backslash),
        12,
    );
    let space = |kind: &Kind| matches!(kind, Kind::WhiteSpaceInUrl);
    fails("https://host/a b", space, 14);
    fails("s3://buck et/a b", space, 9);
    "s3://bucket/a b/m\u{3000}.gguf"
        .parse::<ModelRef>()
        .unwrap();
    fails("oci://registry /repo", space, 14);
}
