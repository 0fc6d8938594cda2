//! The refusals of a policy, and the gate of the fetchers that use the network.

use std::collections::BTreeSet;
use std::net::IpAddr;

use catalog_core::{AddressSet, HostOrigin, ModelRef, OutboundGate, SourceHost};

use super::refusal::Refusal;
use super::rules::{Policy, Unverified};
use crate::host::normal_host;

/// The fields of a policy with the allowed and the denied hosts.
const HOSTS: (&str, &str) = ("outbound.hosts.allow", "outbound.hosts.deny");

impl Policy {
    /// Returns the refusal of a connection to a host for a model, if a rule forbids it.
    pub(crate) fn outbound_refusal(&self, mr: &ModelRef, host: &SourceHost) -> Option<Refusal> {
        let host = match host {
            SourceHost::ThisHost => return None,
            SourceHost::Other(host) => Some(host.as_str()),
            _ => None,
        };
        let by_organisation = || {
            let rules = (
                "outbound.organisations.allow",
                "outbound.organisations.deny",
            );
            let organisation = mr.as_hf()?.org;
            self.outbound
                .organisations
                .refusal(rules, "organisation", organisation)
        };
        self.offline_refusal()
            .or_else(|| self.scheme_refusal(&mr.scheme()))
            .or_else(|| self.host_refusal(host))
            .or_else(by_organisation)
    }

    fn offline_refusal(&self) -> Option<Refusal> {
        self.offline.then(|| Refusal {
            rule: "offline",
            detail: "the model is not on this host, and nothing may be fetched".to_owned(),
        })
    }

    fn scheme_refusal(&self, scheme: &str) -> Option<Refusal> {
        let rules = ("outbound.schemes.allow", "outbound.schemes.deny");
        self.outbound.schemes.refusal(rules, "scheme", scheme)
    }

    fn host_refusal(&self, host: Option<&str>) -> Option<Refusal> {
        let hosts = self.outbound.hosts.of_hosts();
        match host.and_then(normal_host) {
            Some(host) => hosts.refusal(HOSTS, "host", &host),
            None if hosts.is_empty() => None,
            // The host is unknown, so no rule can allow it.
            None => Some(Refusal {
                rule: HOSTS.0,
                detail: "the host of the source is unknown, or is an address in an unusual form"
                    .to_owned(),
            }),
        }
    }

    /// Returns the refusal of a model of this size in bytes, if a rule forbids it.
    pub(crate) fn size_refusal(&self, bytes: u64) -> Option<Refusal> {
        let max = self.max_bytes.filter(|max| bytes > *max)?;
        Some(Refusal {
            rule: "max_bytes",
            detail: format!("it has at least {bytes} bytes, and {max} bytes are allowed"),
        })
    }

    /// Returns the refusal of a model without a digest from a caller or a source, if a rule forbids
    /// it.
    pub(crate) fn unverified_refusal(&self) -> Option<Refusal> {
        (self.unverified == Unverified::Refuse).then(|| Refusal {
            rule: "unverified",
            detail:
                "no digest of the model is known, and its source states no hashes; give the digest"
                    .to_owned(),
        })
    }
}

impl OutboundGate for Policy {
    fn check_host(
        &self,
        scheme: &str,
        host: &str,
        _port: u16,
        _origin: HostOrigin,
    ) -> Result<(), String> {
        let refusal = self
            .offline_refusal()
            .or_else(|| self.scheme_refusal(scheme))
            .or_else(|| self.host_refusal(Some(host)));
        refusal.map_or(Ok(()), |refusal| Err(refusal.to_string()))
    }

    /// Refuses a denied address for every host name. Also refuses the addresses of a denied set,
    /// and the addresses that [`AddressSet::is_allowed_by_default`] excludes, unless a rule allows
    /// the address or its set.
    fn check_address(&self, host: &str, address: IpAddr, origin: HostOrigin) -> Result<(), String> {
        let hosts = self.outbound.hosts.of_hosts();
        let text = address.to_canonical().to_string();
        let is_named = |names: &BTreeSet<String>| names.contains(&text);
        if is_named(&hosts.deny) {
            return Err(format!(
                "rule `{}` denies the address {text} of {host}",
                HOSTS.1
            ));
        }
        let set = AddressSet::of(address);
        let addresses = &self.outbound.addresses;
        if addresses.deny.contains(&set) {
            return Err(format!(
                "rule `outbound.addresses.deny` denies the {set} address {text} of {host}"
            ));
        }
        let is_allowed =
            addresses.allow.contains(&set) || hosts.allow.as_ref().is_some_and(is_named);
        if is_allowed || set.is_allowed_by_default(origin) {
            return Ok(());
        }
        let by = match origin {
            HostOrigin::Named => "",
            HostOrigin::Redirected => "a redirect led there, and ",
        };
        Err(format!(
            "{by}{host} has the {set} address {text}; to allow it, add {:?} to \
             `outbound.addresses.allow`",
            set.name()
        ))
    }
}
