//! Any text: what is read prints, is read back as the same, and has an id that is its own id.

#![no_main]

use catalog_core::ModelRef;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(mr) = ModelRef::parse(text) else { return };
    let printed = mr.to_string();
    if !printed.contains("REDACTED") && !text.contains("REDACTED") {
        assert_eq!(printed.parse::<ModelRef>().as_ref(), Ok(&mr), "{printed:?}");
    }
    if let Ok(id) = mr.id() {
        let again = ModelRef::parse(&id).and_then(|mr| mr.id());
        assert_eq!(again.ok().as_deref(), Some(id.as_str()));
    }
});
