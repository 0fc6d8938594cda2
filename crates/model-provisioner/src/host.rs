//! The forms of hosts and addresses that the rules of a policy compare.

use std::net::{IpAddr, Ipv4Addr};

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

/// Returns true for an address of the public network. Addresses of this host, of a private network,
/// of a local link and of the metadata service of a cloud are not public.
pub(crate) fn is_public(address: IpAddr) -> bool {
    /// The metadata service of Azure, which has a public address.
    const AZURE: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
    /// The prefix of IPv6 addresses that translate IPv4 addresses.
    const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];
    let address = match address.to_canonical() {
        IpAddr::V6(address) if address.segments()[..6] == NAT64 => {
            let [.., high, low] = address.segments();
            IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        address => address,
    };
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // 100.64.0.0/10 holds the networks of providers, and the metadata service of Alibaba.
            let is_shared = first == 100 && (64..128).contains(&second);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || first == 0
                || is_shared
                || address == AZURE)
        }
        IpAddr::V6(address) => {
            let first = address.segments()[0];
            // 6to4, the local translation of IPv4, IPv4-compatible and site-local addresses.
            let leads_elsewhere = first == 0x2002
                || address.segments()[..3] == [0x64, 0xff9b, 1]
                || address.segments()[..6] == [0; 6]
                || first & 0xffc0 == 0xfec0;
            !(leads_elsewhere
                || address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast())
        }
    }
}
