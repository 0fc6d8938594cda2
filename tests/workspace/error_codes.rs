//! The page of error codes is generated from the code.

use std::fmt::Write;
use std::fs;

use catalog_core::Retry;
use model_provisioner::ProvisionError;

use crate::{read, top};

const PAGE: &str = "crates/model-provisioner/error-codes.md";

/// A test run with this variable rewrites the page.
const UPDATE: &str = "UPDATE_ERROR_CODES";

fn rendered() -> String {
    let mut page = String::from(
        "Each error has a stable code. `is_retryable` is true if the call may succeed when it is \
         repeated, without a repair by hand. `http_status` is the status that a server is advised to \
         answer with.\n\n\
         | code | meaning | retry | HTTP status |\n| --- | --- | --- | --- |\n",
    );
    for code in ProvisionError::codes() {
        let retry = match code.retry {
            Retry::Yes => "yes",
            Retry::No => "no",
            Retry::Depends => "depends on the error",
        };
        let (name, meaning, status) = (code.name, code.meaning, code.http_status);
        writeln!(page, "| `{name}` | {meaning} | {retry} | {status} |").unwrap();
    }
    page
}

/// CAT-606
#[test]
fn the_page_of_error_codes_is_that_of_the_code() {
    let page = rendered();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(top().join(PAGE), &page).unwrap();
    }
    assert!(
        read(PAGE) == page,
        "{PAGE} is stale; run the test again with {UPDATE}=1 to rewrite the page"
    );
}
