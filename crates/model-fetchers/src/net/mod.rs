//! Requests: the client, redirects, proxies, TLS, and the gate before each connection. It knows no
//! models.

mod arrival;
mod body;
mod client;
mod config;
mod connect;
mod error;
mod hub;
mod pause;
mod proxy;
mod resolve;
mod stop;
mod tls;
mod url;
mod wire;
mod within;

pub use config::{NetworkConfig, Times};
pub use hub::HubConfig;
pub use proxy::Proxies;
pub use resolve::Resolve;
pub use tls::{ClientIdentity, TrustedRoots};

pub(crate) use client::{Answer, Ask, Client, first_text};
pub(crate) use config::misconfigured;
pub(crate) use error::NetError;
pub(crate) use hub::is_hub;
pub(crate) use pause::{MAX_PAUSE, note_pause, pause};
pub(crate) use tls::Tls;
pub(crate) use url::Url;
pub(crate) use within::within;
