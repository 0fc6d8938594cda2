use std::net::Ipv6Addr;

use super::fault::Fault;
use crate::error::ModelRefErrorKind as Kind;

/// Checks `host[:port]`. The host is a name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn check_host(host_and_port: &str) -> Result<(), Fault<'_>> {
    let fault = |why, part| Err((Kind::Authority(why), part));
    let (host, port) = split_port(host_and_port);
    if host.is_empty() {
        return Err((Kind::Missing("the host"), host_and_port));
    }
    if let Some(port) = port
        && (port.is_empty()
            || !port.bytes().all(|b| b.is_ascii_digit())
            || port.parse::<u16>().is_err())
    {
        return fault("a port is a number from 0 to 65535", port);
    }
    if let Some(address) = host.strip_prefix('[') {
        return match address.strip_suffix(']').map(str::parse::<Ipv6Addr>) {
            Some(Ok(_)) => Ok(()),
            _ => fault("the text in the brackets is not an IPv6 address", host),
        };
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        let why = "a host is ASCII letters, digits, `-` and `_` in parts joined by dots; \
                   write other scripts in punycode";
        return fault(why, host);
    }
    Ok(())
}

/// Splits off the port. The colons of an IPv6 address do not count.
pub(super) fn split_port(host_and_port: &str) -> (&str, Option<&str>) {
    match host_and_port.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (host_and_port, None),
    }
}
