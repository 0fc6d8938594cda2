//! What the README tells a newcomer is true.

use std::os::unix::fs::PermissionsExt;

use catalog_core::Digest;

use crate::{read, top};

/// CAT-706
#[test]
fn the_readme_shows_the_two_commands_and_they_are_true() {
    let readme = read("README.md");
    let commands: Vec<&str> = readme
        .split("```sh\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .flat_map(str::lines)
        .collect();
    let digest = Digest::of_file(&top().join("tests/fixtures/tiny.gguf")).unwrap();
    let main_job = format!(
        "cargo run --release -p model-provisioner --features hf,http --example provision -- \
         tests/fixtures/tiny.gguf --digest {digest}"
    );
    assert_eq!(commands, [main_job.as_str(), "tests/run"]);
    let examples = readme.matches("--example ").count();
    assert_eq!(examples, 4, "each example is shown");
    for example in [
        "provision",
        "orchestratord",
        "pool-managerd",
        "engine-provisioner",
    ] {
        assert!(
            readme.contains(&format!("--example {example} -- ")),
            "{example}"
        );
        let source = top()
            .join("crates/model-provisioner/examples")
            .join(example);
        let is_there = source.with_extension("rs").exists() || source.join("main.rs").exists();
        assert!(is_there, "{example}");
    }
    for script in ["tests/run", ".ci/run"] {
        let mode = top().join(script).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} can be run");
    }
    assert!(
        read(".ci/run").contains("\ntests/run"),
        "CI runs the test command"
    );
}

/// CAT-707
#[test]
fn the_fixture_is_a_gguf_file_whose_tensors_fill_it() {
    let bytes = std::fs::read(top().join("tests/fixtures/tiny.gguf")).unwrap();
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    assert_eq!(&bytes[..4], b"GGUF");
    assert_eq!(u32_at(4), 3, "version");
    assert_eq!(u64_at(8), 12, "tensors");
    assert!(u64_at(16) > 10, "metadata");
    assert!(bytes.len() > 8192);
}
