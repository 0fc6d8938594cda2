use std::path::Path;

/// Returns texts that have broken programs like this one, alone and as parts of longer texts.
pub(super) fn texts(outside: &Path) -> Vec<String> {
    let victim = outside.join("victim").display().to_string();
    let cores = [
        "",
        " ",
        ".",
        "..",
        "/",
        "//",
        "~",
        "-rf",
        "a\0b",
        "a\nb",
        "\u{202e}gpj",
        "ü",
        "🦙",
        "\"",
        "\\",
        "%2e%2e%2f",
        "%252e%252e%252f",
        "..\\..\\",
        "CON",
        "COM¹",
        "nul.gguf",
        "a.",
        "a ",
        "a:b",
        "C:\\x",
        "\\\\host\\share",
        "index.json",
        "engines.json",
        "INDEX.JSON",
        "index.json.previous",
        ".index.json.new",
        "locks/index.lock",
        "locks",
        "blobs",
        "staging/x",
        "artifacts",
        "out/victim",
        "out",
        "link",
        "dangling",
        "chain/victim",
        "circle",
        "circle/x",
        "sha256:",
        "sha256:../../x",
        "{\"version\":9}",
        "},\"checksum\":\"",
        "$(id)",
        "`id`",
        "*",
        "hf:",
        "hf:a",
        "hf:../b",
        "hf:a/../b",
        "hf:a/b/../../c",
        "hf:a/b@--x",
        "hf:a/b@../c",
        "hf:a/b\\c",
        "file:",
        "file://host/x",
        "file:///%00",
        "file:///..%2f..%2fetc",
        "ftp://x",
        "javascript:x",
        "http://",
        "https://[::1",
        "https://h:99999",
        "https://a b/",
        "s3://b/../../x",
        "s3://B/k",
        "oci://r/../x",
        "oci://r/x@sha256:zz",
        "oci://",
        "https://u:p@h/?token=x",
    ];
    let mut texts: Vec<String> = cores.iter().map(|core| (*core).to_owned()).collect();
    texts.extend([
        victim.clone(),
        format!("{victim}/.."),
        format!("file:{victim}"),
    ]);
    for core in cores {
        texts.push(format!("../{core}"));
        texts.push(format!("models/../../outside/{core}"));
        texts.push(format!("out/{core}"));
        texts.push(format!("hf:org/repo/{core}"));
    }
    texts.push("x".repeat(10_000));
    texts.push("../".repeat(3_000));
    texts.push("a/".repeat(3_000));
    texts
}
