//! The forms of hosts and addresses that the rules of a policy compare.

use std::net::IpAddr;

/// Returns the form of a host that is compared with rules. Returns `None` for an address in a form
/// that programs read in different ways.
pub(crate) fn normal_host(host: &str) -> Option<String> {
    let host = host.to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(address.to_canonical().to_string());
    }
    let last = bare.rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with(|c: char| c.is_ascii_digit())
        && last.chars().all(|c| c.is_ascii_hexdigit() || c == 'x');
    (!is_number && !bare.contains(':')).then(|| host.to_owned())
}

/// Returns the host of a rule, without the port that the rule may have.
pub(crate) fn without_port(rule: &str) -> &str {
    let colons = rule.matches(':').count();
    let has_port = rule.contains("]:") || (colons == 1 && !rule.contains('['));
    match rule.rsplit_once(':') {
        Some((host, _)) if has_port => host,
        _ => rule,
    }
}
