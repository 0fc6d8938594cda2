use catalog_core::ModelRef;

/// What stands in the place of a secret.
const REDACTED: &str = "REDACTED";

/// What tokens of the hub begin with.
const TOKEN: &str = "hf_";

/// The fewest letters and digits behind that which are taken for a token.
const MIN_TOKEN: usize = 8;

/// A text without known tokens, without what looks like a token of the hub, and without what URLs
/// in it carry of secrets.
pub(super) fn without_secrets(text: &str, known: &[String]) -> String {
    let mut text = text.to_owned();
    for token in known.iter().filter(|token| !token.is_empty()) {
        text = text.replace(token.as_str(), REDACTED);
    }
    without_urls_secrets(&without_tokens(&text))
}

fn without_tokens(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
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
            // What is no URL to us may still hold a secret.
            _ => clean.push_str("a URL"),
        }
        rest = &rest[end..];
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

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
            ("see ftp://u:pw@x/y now", "see a URL now"),
            ("://", "a URL"),
            ("ünïcode hf_ä and hf_", "ünïcode hf_ä and hf_"),
        ] {
            assert_eq!(without_secrets(text, &known), shown, "{text}");
        }
    }
}
