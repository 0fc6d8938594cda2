/// The reason why a fetcher connects to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostOrigin {
    /// The caller named the host, or a redirect of a host without a public address led there.
    Named,
    /// A redirect of a host with a public address led there.
    Redirected,
}
