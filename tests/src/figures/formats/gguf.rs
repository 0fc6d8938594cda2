use super::Generated;

/// The types of tensors, and the bytes of `[256, 4]` of each.
const TYPES: [(u32, usize); 34] = [
    (0, 4096),
    (1, 2048),
    (2, 576),
    (3, 640),
    (6, 704),
    (7, 768),
    (8, 1088),
    (9, 1152),
    (10, 336),
    (11, 440),
    (12, 576),
    (13, 704),
    (14, 840),
    (15, 1168),
    (16, 264),
    (17, 296),
    (18, 392),
    (19, 200),
    (20, 576),
    (21, 440),
    (22, 328),
    (23, 544),
    (24, 1024),
    (25, 2048),
    (26, 4096),
    (27, 8192),
    (28, 8192),
    (29, 224),
    (30, 2048),
    (34, 216),
    (35, 264),
    (39, 544),
    (40, 576),
    (41, 144),
];

/// A file of GGUF in the making.
struct Gguf {
    version: u32,
    pairs: Vec<Vec<u8>>,
    tensors: Vec<Vec<u8>>,
    alignment: usize,
    data: usize,
}

impl Gguf {
    fn new() -> Self {
        Self {
            version: 3,
            pairs: Vec::new(),
            tensors: Vec::new(),
            alignment: 32,
            data: 0,
        }
    }

    fn pair(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        let mut pair = text(key);
        pair.extend(kind.to_le_bytes());
        pair.extend(value);
        self.pairs.push(pair);
        self
    }

    fn tensor(mut self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Self {
        let mut tensor = text(name);
        tensor.extend((shape.len() as u32).to_le_bytes());
        shape.iter().for_each(|n| tensor.extend(n.to_le_bytes()));
        tensor.extend(kind.to_le_bytes());
        tensor.extend(offset.to_le_bytes());
        self.tensors.push(tensor);
        self
    }

    fn data(mut self, bytes: usize) -> Self {
        self.data = bytes;
        self
    }

    fn bytes(self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.pairs.len() as u64).to_le_bytes());
        bytes.extend(self.pairs.concat());
        bytes.extend(self.tensors.concat());
        bytes.resize(bytes.len().next_multiple_of(self.alignment) + self.data, 7);
        bytes
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn array(kind: u32, count: u64, values: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend(count.to_le_bytes());
    bytes.extend(values);
    bytes
}

/// A file of one matrix of F32.
fn plain() -> Gguf {
    Gguf::new()
        .pair("general.architecture", 8, &text("toy"))
        .tensor("w", &[4, 2], 0, 0)
        .data(32)
}

/// The generated files of GGUF.
pub(super) fn files() -> impl Iterator<Item = Generated> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>| files.push((format!("{name}.gguf"), bytes));
    for (kind, bytes) in TYPES {
        let matrix = || Gguf::new().tensor("w", &[256, 4], kind, 0);
        add(&format!("type-{kind}-whole"), matrix().data(bytes).bytes());
        add(
            &format!("type-{kind}-short"),
            matrix().data(bytes - 1).bytes(),
        );
    }
    add(
        "type-99",
        Gguf::new().tensor("w", &[256, 4], 99, 0).data(9999).bytes(),
    );
    add("plain", plain().bytes());
    add("plain-behind", plain().data(4096).bytes());
    add("no-tensor", Gguf::new().pair("k", 4, &[1, 0, 0, 0]).bytes());
    add("nothing", Gguf::new().bytes());
    let whole = plain().bytes();
    for cut in (1..whole.len() - 32).step_by(6) {
        add(&format!("cut-{cut:03}"), whole[..cut].to_vec());
    }
    add("cut-data", whole[..whole.len() - 1].to_vec());
    for version in [0, 1, 2, 4, 1 << 16] {
        let file = Gguf { version, ..plain() };
        add(&format!("version-{version}"), file.bytes());
    }
    let mut magic = plain().bytes();
    magic[3] = b'X';
    add("magic", magic);
    for (name, kind, value) in [
        ("u8", 0, &[1][..]),
        ("i8", 1, &[1]),
        ("u16", 2, &[1, 0]),
        ("i16", 3, &[1, 0]),
        ("u32", 4, &[1; 4]),
        ("i32", 5, &[1; 4]),
        ("f32", 6, &[1; 4]),
        ("bool", 7, &[1]),
        ("string", 8, &text("value")),
        ("array", 9, &array(4, 2, &[1; 8])),
        ("strings", 9, &array(8, 2, &[text("a"), text("b")].concat())),
        ("empty-array", 9, &array(4, 0, &[])),
        ("nested", 9, &array(9, 1, &array(4, 1, &[1; 4]))),
        ("u64", 10, &[1; 8]),
        ("i64", 11, &[1; 8]),
        ("f64", 12, &[1; 8]),
        ("unknown", 13, &[1; 8]),
        ("long-string", 8, &u64::MAX.to_le_bytes()),
        ("long-array", 9, &array(4, u64::MAX, &[1; 4])),
        ("array-of-unknown", 9, &array(77, 1, &[1; 4])),
    ] {
        add(
            &format!("value-{name}"),
            plain().pair("key", kind, value).bytes(),
        );
    }
    let aligned = |alignment: u32| plain().pair("general.alignment", 4, &alignment.to_le_bytes());
    let wide = Gguf {
        alignment: 64,
        ..aligned(64)
    };
    add("alignment-64", wide.bytes());
    add("alignment-0", aligned(0).bytes());
    add("alignment-3", aligned(3).bytes());
    add(
        "alignment-u64",
        plain()
            .pair("general.alignment", 10, &32_u64.to_le_bytes())
            .bytes(),
    );
    let two = |second: u64| {
        Gguf::new()
            .tensor("a", &[8], 0, 0)
            .tensor("b", &[8], 0, second)
    };
    add("two", two(32).data(64).bytes());
    add("two-short", two(32).data(63).bytes());
    add("two-far", two(1 << 40).data(64).bytes());
    add("two-overlapping", two(0).data(32).bytes());
    add("two-unaligned", two(33).data(96).bytes());
    add("two-wrapping", two(u64::MAX - 31).data(64).bytes());
    add(
        "same-name",
        Gguf::new()
            .tensor("a", &[8], 0, 0)
            .tensor("a", &[8], 0, 32)
            .data(64)
            .bytes(),
    );
    add(
        "same-key",
        plain()
            .pair("general.architecture", 8, &text("toy"))
            .bytes(),
    );
    add("scalar", Gguf::new().tensor("w", &[], 0, 0).data(4).bytes());
    add("zero", Gguf::new().tensor("w", &[0], 0, 0).data(32).bytes());
    add(
        "half-block",
        Gguf::new().tensor("w", &[16, 2], 2, 0).data(32).bytes(),
    );
    add(
        "huge",
        Gguf::new()
            .tensor("w", &[1 << 40, 1 << 40], 0, 0)
            .data(32)
            .bytes(),
    );
    add(
        "dimensions-4",
        Gguf::new()
            .tensor("w", &[2, 2, 2, 1], 0, 0)
            .data(32)
            .bytes(),
    );
    add(
        "dimensions-9",
        Gguf::new().tensor("w", &[1; 9], 0, 0).data(32).bytes(),
    );
    let mut many = Gguf::new().bytes();
    many[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    add("many-tensors", many);
    let mut many = Gguf::new().bytes();
    many[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    add("many-pairs", many);
    files.into_iter()
}
