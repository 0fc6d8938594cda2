//! A canary in every place where a secret can stand, and it must show nowhere.

use catalog_core::{CatalogStore, FileFetcher, FsCatalog, LifecycleState, ModelFetcher, ModelRef};

use crate::util::entry;

const CANARY: &str = "CaNaRy42";

const WITH_SECRET: &[&str] = &[
    "https://user:CaNaRy42@host/m",
    "https://CaNaRy42@host/m",
    "https://a:b@CaNaRy42@host/m",
    "https://host/m?token=CaNaRy42",
    "https://host/m?ACCESS_TOKEN=CaNaRy42",
    "https://host/m?a=1&X-Amz-Signature=CaNaRy42&b=2",
    "https://host/m?X-Amz-Credential=CaNaRy42%2F2026",
    "https://host/m?X-Amz-Security-Token=CaNaRy42",
    "https://host/m?X-Goog-Signature=CaNaRy42",
    "https://host/m?AWSAccessKeyId=CaNaRy42&Signature=CaNaRy42&Expires=1",
    "https://host/m?sv=2024&sr=b&sig=CaNaRy42",
    "https://host/m?Policy=CaNaRy42&Key-Pair-Id=CaNaRy42",
    "https://host/m?key=CaNaRy42",
    "https://host/m?api-key=CaNaRy42",
    "https://host/m?apikey=CaNaRy42;x=1",
    "https://host/m?x=1;token=CaNaRy42",
    "https://host/m?%74oken=CaNaRy42",
    "https://host/m?password=CaNaRy42",
    "https://host/m?client_secret=CaNaRy42",
    "https://host/m?auth=CaNaRy42",
    "https://host/m?token=a=CaNaRy42",
    "https://host/m#access_token=CaNaRy42",
    "https://host/m?url=https%3A%2F%2Fu%3ACaNaRy42%40inner%2Fm",
    "https://host/m?url=https://inner/m?token=CaNaRy42",
    "https://host/m?token=a;CaNaRy42",
    "https://host/m;token=CaNaRy42",
    "https://host/token=CaNaRy42/m",
    "https://host/key=CaNaRy42/m",
    "https://proxy.example/https://u:CaNaRy42@host/m",
    "https://host/m;jsessionid=CaNaRy42/part",
    "https://host/m?accessToken=CaNaRy42",
    "https://host/m?x_api_key=CaNaRy42",
    "https://host/m?passphrase=CaNaRy42",
    "https://host/m?auth1=CaNaRy42",
    "https://host/m?PHPSESSID=CaNaRy42",
    "https://host/m?hdnts=exp=1~hmac=CaNaRy42",
    "https://host/m?code=CaNaRy42&session=CaNaRy42&sign=CaNaRy42&mac=CaNaRy42",
    "https://host/m?md5=CaNaRy42&verify=CaNaRy42",
    "https://host/m?proxy=socks5://u:CaNaRy42@p:1",
    "https://host/m?u=ftp%3A%2F%2Fu%3ACaNaRy42%40p",
    "https://host/m?u=//u:CaNaRy42@h/",
    "https://host/m?url=https%253A%252F%252Fu%253ACaNaRy42%2540inner",
    "https://host/m?next=/dl%3Ftoken%3DCaNaRy42",
    "https://host/m?next=b?token=CaNaRy42",
];

/// The URLs with a secret, of the web and of the scheme of a third party.
fn with_secret() -> impl Iterator<Item = String> {
    WITH_SECRET.iter().flat_map(|url| {
        let other = url.replacen("https://", "share://", 1);
        [(*url).to_owned(), other]
    })
}

fn shows(text: &str) -> bool {
    text.to_ascii_lowercase()
        .contains(&CANARY.to_ascii_lowercase())
}

/// CAT-110
#[test]
fn no_secret_shows_in_text_debug_id_json_or_errors() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    for text in with_secret() {
        let text = text.as_str();
        let mr = ModelRef::parse(text).unwrap();
        let ModelRef::Url { url } = &mr else {
            panic!("{text} is a URL")
        };
        assert_eq!(url, text, "whoever fetches needs all of it");
        let id = mr.id().unwrap();
        assert!(!shows(&mr.to_string()), "Display of {text}: {mr}");
        assert!(!shows(&format!("{mr:?} {mr:#?}")), "Debug of {text}");
        assert!(!shows(&id), "id of {text}: {id}");
        assert!(
            !shows(&serde_json::to_string(&mr).unwrap()),
            "JSON of {text}"
        );
        let error = FileFetcher.ensure_present(&mr).unwrap_err();
        assert!(!shows(&format!("{error} {error:?}")), "error of {text}");
        assert!(!catalog.exists(text).unwrap());
        let error = catalog
            .set_state(text, LifecycleState::Retired)
            .unwrap_err();
        assert!(!shows(&format!("{error} {error:?}")), "not found: {error}");
        let error = catalog.put(&entry(text, "m")).unwrap_err();
        assert_eq!(error.code(), "invalid_entry", "{text} is no id");
        assert!(!shows(&format!("{error} {error:?}")), "refused: {error}");
    }
}

/// CAT-111
#[test]
fn no_secret_shows_of_what_is_no_reference() {
    for text in [
        "https://user:CaNaRy42@ho st/m",
        "https://user:CaNaRy42@host:port/m",
        "https://user:CaNa/Ry42@host/m",
        "share://user:CaNaRy42@ho st/m",
        "share://u:1/CaNaRy42@h/m",
        "docker://user:CaNaRy42@host/m",
        "s3://key:CaNaRy42@bucket/x",
        "oci://user:CaNaRy42@registry/x",
        "https://u:1/CaNaRy42@h/m",
        "https://u:1?CaNaRy42@h/m",
        "https://u.:1?CaNaRy42@h/m",
        "s3://bucket/key?X-Amz-Signature=CaNaRy42",
        "s3://bucket/key?a#token=CaNaRy42",
    ] {
        let error = ModelRef::parse(text).unwrap_err();
        assert!(!shows(&format!("{error} {error:?}")), "{error:?}");
        let url = text.to_owned();
        let literal = ModelRef::Url { url };
        assert!(!shows(&format!("{literal} {literal:?}")), "{literal}");
        let error = literal.id().unwrap_err();
        assert!(!shows(&format!("{error} {error:?}")), "{error:?}");
    }
}

/// CAT-110
#[test]
fn the_id_of_a_url_with_a_secret_is_its_own_id_and_can_be_registered() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    for text in with_secret() {
        let id = ModelRef::parse(&text).unwrap().id().unwrap();
        assert_eq!(ModelRef::parse(&id).unwrap().id().unwrap(), id, "{text}");
        catalog.put(&entry(&id, "m")).unwrap();
        assert!(catalog.get(&id).unwrap().is_some());
    }
}

/// CAT-109
#[test]
fn nesting_without_end_ends() {
    for text in [
        "https://h/?a=".repeat(600),
        format!("https://h/?a={}", "%25".repeat(2000)),
    ] {
        let mr = ModelRef::parse(&text).unwrap();
        assert!(mr.to_string().len() <= text.len() && mr.id().is_ok());
    }
}

/// CAT-110
#[test]
fn what_is_no_secret_still_shows() {
    for (text, shown) in [
        ("https://u:p@host/m?a=1", "https://REDACTED@host/m?a=1"),
        (
            "https://host/m?a=1&token=x&b",
            "https://host/m?a=1&token=REDACTED&b",
        ),
        ("https://host/m?token=", "https://host/m?token="),
        (
            "https://host/m?tokenizer=a&max_tokens=1",
            "https://host/m?tokenizer=a&max_tokens=1",
        ),
        (
            "https://host/m?a;key=x#b",
            "https://host/m?a;key=REDACTED#b",
        ),
        (
            "https://host/a@b/m?url=https://inner/m",
            "https://host/a@b/m?url=https://inner/m",
        ),
    ] {
        assert_eq!(ModelRef::parse(text).unwrap().to_string(), shown);
    }
}
