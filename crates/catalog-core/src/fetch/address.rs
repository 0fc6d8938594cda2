use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::origin::HostOrigin;

/// A set of network addresses. Each address is in one set. An IPv4 address that is written as an
/// IPv6 address, mapped or translated (NAT64), is in the set of the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AddressSet {
    /// The addresses of this host: `127.0.0.0/8`, `::1`, `0.0.0.0/8` and `::`.
    Loopback,
    /// The addresses of private networks: RFC 1918, `fc00::/7` and `100.64.0.0/10`. Other addresses
    /// that do not belong to the public network, such as multicast, are in this set, too.
    Private,
    /// The addresses of local links and of the metadata services of clouds: `169.254.0.0/16`,
    /// `fe80::/10`, `fd00:ec2::254`, `100.100.100.200` and `168.63.129.16`.
    LinkLocal,
    /// The addresses of the public network.
    Public,
}

impl AddressSet {
    /// All sets.
    pub const ALL: [Self; 4] = [Self::Loopback, Self::Private, Self::LinkLocal, Self::Public];

    /// Returns the set of an address.
    pub fn of(address: IpAddr) -> Self {
        match without_translation(address) {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// Returns the name of the set, as `FromStr` reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Public => "public",
        }
    }

    /// Returns true if a gate without rules of its own allows a connection to the addresses of the
    /// set: never to a local link or a metadata service, and to this host or a private network only
    /// if no public host redirected there.
    pub fn is_allowed_by_default(self, origin: HostOrigin) -> bool {
        match self {
            Self::LinkLocal => false,
            Self::Loopback | Self::Private => origin == HostOrigin::Named,
            Self::Public => true,
        }
    }
}

impl fmt::Display for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for AddressSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|set| set.name() == text);
        named.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|set| set.name()).collect();
            format!(
                "{text:?} is no address set; the sets are {}",
                names.join(", ")
            )
        })
    }
}

/// Returns the IPv4 address that an IPv6 address stands for, if it stands for one.
fn without_translation(address: IpAddr) -> IpAddr {
    /// The prefix of IPv6 addresses that translate IPv4 addresses.
    const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];
    match address.to_canonical() {
        IpAddr::V6(address) if address.segments()[..6] == NAT64 => {
            let [.., high, low] = address.segments();
            IpAddr::V4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        address => address,
    }
}

fn of_v4(address: Ipv4Addr) -> AddressSet {
    /// The metadata services of Alibaba and of Azure.
    const METADATA: [Ipv4Addr; 2] = [
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(168, 63, 129, 16),
    ];
    let [first, second, ..] = address.octets();
    if address.is_link_local() || METADATA.contains(&address) {
        AddressSet::LinkLocal
    } else if address.is_loopback() || first == 0 {
        AddressSet::Loopback
    } else if address.is_private()
        || address.is_multicast()
        || address.is_broadcast()
        || (first == 100 && (64..128).contains(&second))
    {
        AddressSet::Private
    } else {
        AddressSet::Public
    }
}

fn of_v6(address: Ipv6Addr) -> AddressSet {
    /// The metadata service of Amazon.
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    let segments = address.segments();
    let first = segments[0];
    // 6to4, the local translation of IPv4, IPv4-compatible and site-local addresses.
    let leads_elsewhere = first == 0x2002
        || segments[..3] == [0x64, 0xff9b, 1]
        || segments[..6] == [0; 6]
        || first & 0xffc0 == 0xfec0;
    if address.is_unicast_link_local() || address == METADATA {
        AddressSet::LinkLocal
    } else if address.is_loopback() || address.is_unspecified() {
        AddressSet::Loopback
    } else if leads_elsewhere || address.is_unique_local() || address.is_multicast() {
        AddressSet::Private
    } else {
        AddressSet::Public
    }
}
