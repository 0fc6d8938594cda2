use std::collections::BTreeSet;

use catalog_core::AddressSet;
use serde::{Deserialize, Serialize};

use super::filter::Filter;

/// The sources to which fetchers may connect. The rules do not apply to fetchers that stay on this
/// host, such as the fetcher of local files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Outbound {
    /// The schemes, such as `hf`.
    pub schemes: Filter,
    /// The hosts, such as `huggingface.co`. A rule `.example.org` matches all hosts below that
    /// domain. If there is any rule for hosts, an address in a form that programs read in different
    /// ways is refused.
    pub hosts: Filter,
    /// The addresses. They count in addition to the rules for hosts.
    pub addresses: AddressRules,
    /// The organisations of the hub, for `hf:` references.
    pub organisations: Filter,
}

/// The rules for sets of network addresses. If no rule names the set of an address,
/// [`AddressSet::is_allowed_by_default`] decides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AddressRules {
    /// The sets that are allowed although they are not allowed by default.
    pub allow: BTreeSet<AddressSet>,
    /// The sets that are denied. A set that is also allowed is denied.
    pub deny: BTreeSet<AddressSet>,
}

impl AddressRules {
    /// Allows the addresses of a set.
    #[must_use]
    pub fn allow(mut self, set: AddressSet) -> Self {
        self.allow.insert(set);
        self
    }

    /// Denies the addresses of a set.
    #[must_use]
    pub fn deny(mut self, set: AddressSet) -> Self {
        self.deny.insert(set);
        self
    }
}
