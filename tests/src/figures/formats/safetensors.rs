use super::Generated;

/// A file with this header and this number of bytes behind.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 7);
    bytes
}

fn tensor(name: &str, dtype: &str, shape: &str, from: u64, to: u64) -> String {
    format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{from},{to}]}}")
}

/// The generated files of safetensors.
pub(super) fn files() -> impl Iterator<Item = Generated> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>| files.push((format!("{name}.safetensors"), bytes));
    for (dtype, bytes) in [
        ("BOOL", 8),
        ("U8", 8),
        ("I8", 8),
        ("F8_E5M2", 8),
        ("F8_E4M3", 8),
        ("F8_E8M0", 8),
        ("I16", 16),
        ("U16", 16),
        ("F16", 16),
        ("BF16", 16),
        ("I32", 32),
        ("U32", 32),
        ("F32", 32),
        ("I64", 64),
        ("U64", 64),
        ("F64", 64),
        ("F4", 4),
    ] {
        let header = format!("{{{}}}", tensor("w", dtype, "[2,4]", 0, bytes));
        let bytes = bytes as usize;
        add(&format!("type-{dtype}-whole"), file(&header, bytes));
        add(&format!("type-{dtype}-short"), file(&header, bytes - 1));
    }
    let one = |text: &str| format!("{{{text}}}");
    let w = |to| tensor("w", "F32", "[2]", 0, to);
    for (name, header, data) in [
        ("plain", one(&w(8)), 8),
        ("behind", one(&w(8)), 9),
        ("no-data", one(&w(8)), 0),
        ("disagrees", one(&w(4)), 4),
        ("disagrees-more", one(&w(12)), 12),
        ("empty-object", "{}".to_owned(), 0),
        ("empty-object-behind", "{}".to_owned(), 1),
        ("padded", one(&w(8)) + "      ", 8),
        ("array", "[1,2,3,4]".to_owned(), 8),
        ("text", "weights and more".to_owned(), 8),
        ("unknown-type", one(&tensor("w", "X9", "[2]", 0, 8)), 8),
        ("scalar", one(&tensor("w", "F32", "[]", 0, 4)), 4),
        ("zero", one(&tensor("w", "F32", "[0]", 0, 0)), 0),
        ("negative", one(&tensor("w", "F32", "[-2]", 0, 8)), 8),
        ("fraction", one(&tensor("w", "F32", "[2.0]", 0, 8)), 8),
        ("backwards", one(&tensor("w", "F32", "[0]", 8, 0)), 8),
        (
            "huge",
            one(&tensor("w", "F32", "[4611686018427387904,4]", 0, 0)),
            0,
        ),
        ("half-byte", one(&tensor("w", "F4", "[1]", 0, 1)), 1),
        (
            "no-shape",
            one("\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}"),
            8,
        ),
        (
            "no-type",
            one("\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}"),
            8,
        ),
        (
            "no-offsets",
            one("\"w\":{\"dtype\":\"F32\",\"shape\":[2]}"),
            8,
        ),
        (
            "more-fields",
            one("\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}"),
            8,
        ),
        (
            "three-offsets",
            one("\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}"),
            8,
        ),
        ("cut-json", "{\"w\":{\"dtype\":\"F32\"".to_owned(), 8),
        ("comma", one(&(w(8) + ",")), 8),
        ("behind-json", one(&w(8)) + "x", 8),
        (
            "metadata",
            one(&(w(8) + ",\"__metadata__\":{\"format\":\"pt\"}")),
            8,
        ),
        (
            "metadata-number",
            one(&(w(8) + ",\"__metadata__\":{\"format\":1}")),
            8,
        ),
        (
            "metadata-text",
            one(&(w(8) + ",\"__metadata__\":\"pt\"")),
            8,
        ),
        ("metadata-alone", "{\"__metadata__\":{}}".to_owned(), 0),
        ("escaped", one(&tensor("w\\u0041", "F32", "[2]", 0, 8)), 8),
        ("empty-name", one(&tensor("", "F32", "[2]", 0, 8)), 8),
    ] {
        add(name, file(&header, data));
    }
    let two = |a: (u64, u64), b: (u64, u64)| {
        let first = tensor("a", "F32", "[1]", a.0, a.1);
        format!("{{{first},{}}}", tensor("b", "F32", "[1]", b.0, b.1))
    };
    add("two", file(&two((0, 4), (4, 8)), 8));
    add("two-in-another-order", file(&two((4, 8), (0, 4)), 8));
    add("two-overlapping", file(&two((0, 4), (0, 4)), 4));
    add("two-hole", file(&two((0, 4), (8, 12)), 12));
    add("two-late", file(&two((4, 8), (8, 12)), 12));
    let same = tensor("a", "F32", "[1]", 0, 4) + "," + &tensor("a", "F32", "[1]", 4, 8);
    add("same-name", file(&one(&same), 8));
    let whole = file(&one(&w(8)), 8);
    for cut in (0..whole.len()).step_by(7) {
        add(&format!("cut-{cut:03}"), whole[..cut].to_vec());
    }
    for length in [0, 1, whole.len() as u64, 100_000_001, u64::MAX] {
        let mut wrong = whole.clone();
        wrong[..8].copy_from_slice(&length.to_le_bytes());
        add(&format!("length-{length}"), wrong);
    }
    let mut not_utf8 = whole;
    not_utf8[10] = 0xff;
    add("not-utf8", not_utf8);
    files.into_iter()
}
