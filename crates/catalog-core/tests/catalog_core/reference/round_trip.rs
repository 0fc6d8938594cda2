//! The printed text of a reference parses to the same reference.

use catalog_core::ModelRef;
use proptest::prelude::*;

/// Texts that are mostly references, and some that are not.
fn texts() -> impl Strategy<Value = String> {
    let hub = "hf:(//)?[a-c.-]{1,3}/[a-c._-]{1,3}(@([a-c.]{1,3}|refs/pr/[0-9]|[ab]%2F[ab]))?(/[a-c .%@]{1,4}){0,2}/?";
    let file = "(file:|file://|file://localhost)?[a-c./ %2051:~]{0,8}";
    let url = "(https?|s3|oci|share|ftp)://[a-c.:0-9]{1,8}(/[a-c./%20]{0,6})?([?][a-c=&;]{0,6})?(#[a-c]{0,2})?";
    prop_oneof![hub, file, url, "\\PC{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// CAT-108
    #[test]
    fn what_is_printed_is_read_back(text in texts()) {
        if let Ok(mr) = ModelRef::parse(&text) {
            let printed = mr.to_string();
            let back = printed.parse::<ModelRef>();
            prop_assert_eq!(back.as_ref(), Ok(&mr), "{:?} prints as {:?}", text, printed);
            let json = serde_json::to_string(&mr).unwrap();
            prop_assert_eq!(serde_json::from_str::<ModelRef>(&json).unwrap(), mr);
        }
    }

    /// CAT-109
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), prefix in "(hf:|file://|https://|s3://|oci://|share://|)") {
        if let Ok(mr) = ModelRef::parse(&format!("{prefix}{text}")) {
            let _ = (mr.id(), format!("{mr:?}"), mr.as_hf());
        }
    }
}

/// CAT-108
#[test]
fn paths_that_would_be_read_differently_are_printed_encoded() {
    for text in [
        "file:////server/share",
        "file:///trailing%20",
        "file:///a%C2%A0",
    ] {
        let mr = ModelRef::parse(text).unwrap();
        assert_eq!(mr.to_string().parse(), Ok(mr), "{text}");
    }
}
