//! What happens during a call, as values for logs, metrics and progress bars.

mod event;
mod observer;

pub use event::Event;
pub use observer::{Observer, Silent};
