use std::sync::mpsc::Sender;

use super::event::Event;
use super::observer::Observer;

/// An observer that sends every event into a channel, for a receiver on another thread. A call
/// never waits for the receiver. If the receiver was dropped, the events are dropped, too.
///
/// ```
/// use std::sync::mpsc;
///
/// use model_provisioner::Channel;
///
/// let (sender, events) = mpsc::channel();
/// let observer = Channel::new(sender);
/// # drop((observer, events));
/// ```
#[derive(Debug, Clone)]
pub struct Channel(Sender<Event>);

impl Channel {
    /// Creates an observer that sends the events to this sender.
    pub fn new(sender: Sender<Event>) -> Self {
        Self(sender)
    }
}

impl Observer for Channel {
    fn on_event(&self, event: &Event) {
        // Without a receiver, the call goes on.
        let _ = self.0.send(event.clone());
    }
}
