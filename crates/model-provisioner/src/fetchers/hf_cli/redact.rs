use catalog_core::ModelRef;

/// The word that replaces a secret.
const REDACTED: &str = "REDACTED";

/// The first characters of every token of the hub.
const TOKEN: &str = "hf_";

/// The minimum number of letters and digits after `hf_` in a token.
const MIN_TOKEN: usize = 8;

/// The headers whose values are secrets, in lower case.
const HEADERS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-amz-security-token",
];

/// The words before a secret of an `Authorization` header, in lower case.
const SCHEMES: [&str; 3] = ["basic ", "bearer ", "token "];

/// Returns a text without its secrets. It replaces known tokens in each form in which programs
/// print them, texts that look like a token of the hub, the values of secret headers, and secrets
/// in URLs.
pub(super) fn without_secrets(text: &str, known: &[String]) -> String {
    let mut text = plain(text);
    for token in known.iter().filter(|token| !token.is_empty()) {
        for form in forms_of(token) {
            text = text.replace(&form, REDACTED);
        }
    }
    let lines: Vec<String> = text.split('\n').map(without_header_values).collect();
    without_urls_secrets(&without_tokens(&lines.join("\n")))
}

/// Returns a text without the sequences that can split or hide a secret. It removes escape
/// sequences of terminals, and decodes JSON escapes of ASCII characters.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\u{1b}', '\\']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let (shown, len) = match escaped(rest) {
            Some(found) => found,
            None => (rest.chars().next(), 1),
        };
        plain.extend(shown);
        rest = &rest[len..];
    }
    plain + rest
}

/// Returns the character that an escape at the start of a text stands for, if there is one, and the
/// length of the escape.
fn escaped(text: &str) -> Option<(Option<char>, usize)> {
    let bytes = text.as_bytes();
    match bytes {
        // The escape sequence of a terminal ends with a byte from `@` to `~`.
        [0x1b, b'[', ..] => {
            let end = bytes[2..]
                .iter()
                .position(|byte| (0x40..=0x7e).contains(byte));
            Some((None, end.map_or(bytes.len(), |end| end + 3)))
        }
        [b'\\', b'/', ..] => Some((Some('/'), 2)),
        [b'\\', b'u', b'0', b'0', ..] => {
            let code = u8::from_str_radix(text.get(4..6)?, 16).ok()?;
            (0x20..0x7f)
                .contains(&code)
                .then(|| (Some(char::from(code)), 6))
        }
        _ => None,
    }
}

/// Returns the forms in which programs print a token: as it is, percent-encoded, and escaped for
/// JSON.
fn forms_of(token: &str) -> Vec<String> {
    let encoded = |is_plain: fn(u8) -> bool, hex: fn(u8) -> String| {
        let bytes = token.bytes();
        let each = bytes.map(|byte| match is_plain(byte) {
            true => char::from(byte).to_string(),
            false => hex(byte),
        });
        each.collect::<String>()
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let alphanumeric = |byte: u8| byte.is_ascii_alphanumeric();
    let json = serde_json::to_string(token).unwrap_or_default();
    let mut forms = vec![
        token.to_owned(),
        encoded(unreserved, |byte| format!("%{byte:02X}")),
        encoded(unreserved, |byte| format!("%{byte:02x}")),
        encoded(alphanumeric, |byte| format!("%{byte:02X}")),
        encoded(alphanumeric, |byte| format!("%{byte:02x}")),
        json.trim_matches('"').to_owned(),
    ];
    // A longer form may hold a shorter one.
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
    forms
}

/// Returns a line without the value of a header that carries a secret, and without the secret after
/// the name of a scheme, such as `Basic`.
fn without_header_values(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let is_edge = |at: usize| {
        let before = lower[..at].chars().next_back();
        before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-')
    };
    for header in HEADERS {
        for (at, _) in lower.match_indices(header) {
            let behind = &lower[at + header.len()..];
            let value = behind.trim_start_matches(['"', '\'', ' ']);
            if is_edge(at) && value.starts_with([':', '=']) {
                let end = line.len() - value.len() + 1;
                return format!("{} {REDACTED}", &line[..end]);
            }
        }
    }
    let mut clean = line.to_owned();
    for scheme in SCHEMES {
        let mut from = 0;
        while let Some(at) = clean[from..].to_ascii_lowercase().find(scheme) {
            let begin = from + at + scheme.len();
            let is_secret = |c: char| c.is_ascii_alphanumeric() || "+/=-_.~".contains(c);
            let len = clean[begin..].find(|c| !is_secret(c));
            let secret = &clean[begin..begin + len.unwrap_or(clean.len() - begin)];
            // A full stop after the secret may end a sentence.
            let len = secret.trim_end_matches('.').len();
            if len >= MIN_TOKEN && clean[begin..begin + len].bytes().any(is_no_word) {
                clean.replace_range(begin..begin + len, REDACTED);
            }
            from = begin;
        }
    }
    clean
}

/// Returns true if usual words do not contain the byte.
fn is_no_word(byte: u8) -> bool {
    !byte.is_ascii_lowercase() && byte != b'-' && byte != b'.'
}

/// Returns a text in which everything that looks like a token of the hub is replaced.
fn without_tokens(text: &str) -> String {
    let text = text.replace("hf%5F", TOKEN).replace("hf%5f", TOKEN);
    let mut clean = String::new();
    let mut rest = text.as_str();
    while let Some((before, behind)) = rest.split_once(TOKEN) {
        let len = behind
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(behind.len());
        clean.push_str(before);
        clean.push_str(if len >= MIN_TOKEN { REDACTED } else { TOKEN });
        rest = if len >= MIN_TOKEN {
            &behind[len..]
        } else {
            behind
        };
    }
    clean + rest
}

fn without_urls_secrets(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "'\"<>()`,;".contains(c);
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let begin = rest[..at]
            .rfind(|c: char| !c.is_ascii_alphanumeric())
            .map_or(0, |before| before + 1);
        let end = rest[at..].find(is_end).map_or(rest.len(), |len| at + len);
        clean.push_str(&rest[..begin.min(at)]);
        let url = &rest[begin.min(at)..end];
        let trimmed = url.trim_end_matches('.');
        match ModelRef::parse(trimmed) {
            Ok(known @ ModelRef::Url { .. }) => clean.push_str(&known.to_string()),
            // A text that cannot be parsed as a URL may still hold a secret.
            _ => clean.push_str("a URL"),
        }
        rest = &rest[end..];
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::{REDACTED, without_secrets};

    /// PROV-432
    #[test]
    fn what_a_command_says_is_shown_without_secrets() {
        let known = ["s3cr3t".to_owned()];
        for (text, shown) in [
            ("bad token s3cr3t!", "bad token REDACTED!"),
            ("bad token hf_abcDEF123456.", "bad token REDACTED."),
            ("set hf_home and hf_xet", "set hf_home and hf_xet"),
            (
                "for url: http://u:pw@cdn.test/x?X-Amz-Signature=DEAD.",
                "for url: http://REDACTED@cdn.test/x?X-Amz-Signature=REDACTED",
            ),
            (
                "see 'https://hub.test/a/b' now",
                "see 'https://hub.test/a/b' now",
            ),
            ("see ftp://u:pw@x/y now", "see ftp://REDACTED@x/y now"),
            ("see ftp://u:p/w@x/y now", "see a URL now"),
            ("://", "a URL"),
            ("ünïcode hf_ä and hf_", "ünïcode hf_ä and hf_"),
        ] {
            assert_eq!(without_secrets(text, &known), shown, "{text}");
        }
    }

    /// PROV-434
    #[test]
    fn a_secret_is_shown_in_no_other_form() {
        let known = ["s3/cr+t \"42".to_owned(), "hf_abcdefgh12345678".to_owned()];
        for text in [
            "bad s3/cr+t \"42",
            "bad s3%2Fcr%2Bt%20%2242",
            "bad s3%2fcr%2bt%20%2242",
            "{\"token\":\"s3/cr+t \\\"42\"}",
            "{\"token\":\"s3\\/cr+t \\u002242\"}",
            "\u{1b}[31ms3/\u{1b}[1mcr+t \"42\u{1b}[0m",
            "hf_abcd\u{1b}[0mefgh12345678",
            "hf%5Fabcdefgh12345678",
            "\\u0068f_abcdefgh12345678",
            "Authorization: Basic aGY6czMvY3IrdCAiNDI=",
            "'authorization': 'Bearer aGY6czMvY3IrdCAiNDI'",
            "sent Basic aGY6czMvY3IrdCAiNDI= to the hub",
            "Set-Cookie: session=aGY6czMvY3IrdCAiNDI; Path=/",
            "{\"cookie\": \"session=aGY6czMvY3IrdCAiNDI\"}",
        ] {
            let shown = without_secrets(text, &known);
            for part in ["s3/", "s3%", "cr+t", "abcd", "aGY6"] {
                assert!(!shown.contains(part), "{text}: {shown}");
            }
            assert!(shown.contains(REDACTED), "{text}: {shown}");
        }
        // Sentences stay as they are.
        for text in [
            "basic authentication is not supported",
            "give a token with read permissions",
            "C:\\models\\a and \\n",
        ] {
            assert_eq!(without_secrets(text, &known), text);
        }
    }
}
