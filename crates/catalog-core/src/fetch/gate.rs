use std::fmt;
use std::net::IpAddr;

/// A rule that decides which hosts a fetcher may ask. A fetcher asks it before each connection: first
/// for the host, and then for each address of the host. It gives the reason for a refusal.
pub trait OutboundGate: fmt::Debug + Send + Sync {
    /// Decides on a host, before its name is looked up. `host` is a name or an address, without
    /// brackets.
    ///
    /// # Errors
    ///
    /// The reason, if the host may not be asked.
    fn check_host(
        &self,
        scheme: &str,
        host: &str,
        port: u16,
        origin: HostOrigin,
    ) -> std::result::Result<(), String>;

    /// Decides on an address that a host has, before a connection to it.
    ///
    /// # Errors
    ///
    /// The reason, if the address may not be asked.
    fn check_address(
        &self,
        host: &str,
        address: IpAddr,
        origin: HostOrigin,
    ) -> std::result::Result<(), String>;
}

/// The way in which a fetcher came to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostOrigin {
    /// The caller named the host, or a redirect of a host without a public address led there.
    Named,
    /// A redirect of a host with a public address led there.
    Redirected,
}

/// The gate of a task that has none.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenGate;

impl OutboundGate for OpenGate {
    fn check_host(
        &self,
        _: &str,
        _: &str,
        _: u16,
        _: HostOrigin,
    ) -> std::result::Result<(), String> {
        Ok(())
    }

    fn check_address(&self, _: &str, _: IpAddr, _: HostOrigin) -> std::result::Result<(), String> {
        Ok(())
    }
}
