use catalog_core::{Digest, DigestAlgorithm, DigestError};

/// CAT-201
#[test]
fn a_digest_is_read_lowercased_and_printed() {
    for algorithm in DigestAlgorithm::ALL {
        let value = "0123456789abcdef".repeat(algorithm.hex_len() / 16);
        let text = format!("{algorithm}:{value}");
        let digest: Digest = text.to_uppercase().parse().unwrap();
        assert_eq!(digest.to_string(), text);
        assert_eq!(digest.algorithm(), Ok(algorithm));
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    }
}

/// CAT-202
#[test]
fn what_is_no_digest_is_refused_for_its_cause() {
    let fails = |text: &str| text.parse::<Digest>().expect_err(text);
    let hex = "0".repeat(64);
    assert_eq!(fails(""), DigestError::MissingAlgorithm);
    assert_eq!(fails(&hex), DigestError::MissingAlgorithm);
    for algorithm in [
        "",
        "md5",
        "sha1",
        "sha-256",
        "sha256 ",
        "blake3",
        "../sha256",
        "sha256\0",
    ] {
        let unknown = DigestError::UnknownAlgorithm(algorithm.to_owned());
        assert_eq!(fails(&format!("{algorithm}:{hex}")), unknown);
    }
    let wrong_length = |found| DigestError::WrongLength {
        algorithm: "sha256",
        expected: 64,
        found,
    };
    assert_eq!(fails("sha256:"), wrong_length(0));
    assert_eq!(fails(&format!("sha256:{}", &hex[1..])), wrong_length(63));
    assert_eq!(fails(&format!("sha256:{hex}0")), wrong_length(65));
    assert_eq!(fails(&format!("sha256:{hex}{hex}")), wrong_length(128));
    for (value, position) in [
        (format!(" {}", &hex[1..]), 0),
        (format!("{}g", &hex[1..]), 63),
        (format!("{hex}\n"), 64),
        ("../../../../etc/passwd".to_owned(), 0),
        (format!("00/{}", &hex[3..]), 2),
        (format!("0\0{}", &hex[2..]), 1),
        ("０".repeat(64), 0),
        ("٣".repeat(32), 0),
        (format!("sha256:{hex}"), 0),
    ] {
        assert_eq!(
            fails(&format!("sha256:{value}")),
            DigestError::NotHex { position }
        );
    }
}

/// CAT-202
#[test]
fn the_message_about_an_unknown_algorithm_names_all_known_ones() {
    let message = "md5:00".parse::<Digest>().unwrap_err().to_string();
    for algorithm in DigestAlgorithm::ALL {
        assert!(message.contains(algorithm.name()), "{message}");
    }
    let endless = format!("{}:00", "x".repeat(100_000));
    assert!(endless.parse::<Digest>().unwrap_err().to_string().len() < 200);
}
