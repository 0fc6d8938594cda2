/// The texts that may never show. The last one only proves that the search works.
pub(super) const CANARIES: [&str; 4] = [
    "hf_canary31415926",
    "canarypassword2718",
    "canarysignature1618",
    "canarycontrol0000",
];

/// References with a secret in them.
pub(super) const REFERENCES: [&str; 5] = [
    "https://user:canarypassword2718@host.invalid/m.gguf",
    "https://host.invalid/m.gguf?part=1&X-Amz-Signature=canarysignature1618",
    "https://canarypassword2718@host.invalid/m.gguf?token=canarysignature1618",
    "s3://canarypassword2718:x@bucket/key",
    "oci://user:canarypassword2718@registry.invalid/model:1",
];
