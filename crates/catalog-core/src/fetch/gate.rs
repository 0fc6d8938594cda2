use std::fmt;
use std::net::IpAddr;

use super::address::AddressSet;
use super::origin::HostOrigin;

/// A rule that decides to which hosts a fetcher may connect. A fetcher asks the gate before each
/// connection: first about the host, and then about each address of the host. A refusal states its
/// reason.
pub trait OutboundGate: fmt::Debug + Send + Sync {
    /// Decides whether the fetcher may connect to a host. It is called before the name of the host
    /// is resolved. `host` is a name or an address, without brackets.
    ///
    /// # Errors
    ///
    /// The reason, if the fetcher may not connect to the host.
    fn check_host(
        &self,
        scheme: &str,
        host: &str,
        port: u16,
        origin: HostOrigin,
    ) -> std::result::Result<(), String>;

    /// Decides whether the fetcher may connect to an address of a host. It is called before the
    /// connection.
    ///
    /// # Errors
    ///
    /// The reason, if the fetcher may not connect to the address.
    fn check_address(
        &self,
        host: &str,
        address: IpAddr,
        origin: HostOrigin,
    ) -> std::result::Result<(), String>;
}

/// The gate of a new task. It allows every host, and refuses addresses by
/// [`AddressSet::is_allowed_by_default`].
#[derive(Debug, Clone, Copy)]
pub(super) struct DefaultGate;

impl OutboundGate for DefaultGate {
    fn check_host(
        &self,
        _: &str,
        _: &str,
        _: u16,
        _: HostOrigin,
    ) -> std::result::Result<(), String> {
        Ok(())
    }

    fn check_address(
        &self,
        host: &str,
        address: IpAddr,
        origin: HostOrigin,
    ) -> std::result::Result<(), String> {
        let set = AddressSet::of(address);
        match set.is_allowed_by_default(origin) {
            true => Ok(()),
            false => Err(format!("{host} has the {set} address {address}")),
        }
    }
}
