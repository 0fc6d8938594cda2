//! The events of a call, for logs, metrics and progress bars.

mod channel;
mod event;
mod observer;
mod traced;

pub use channel::Channel;
pub use event::{Event, EventKind};
pub use observer::Observer;
pub use traced::Traced;
