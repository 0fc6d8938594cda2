use std::sync::mpsc::{self, Receiver, Sender};

use super::event::Event;
use super::observer::Observer;

/// Sends every event into a channel, for who consumes them on a thread of its own. The channel has
/// no bound, so a call never waits for its observer; without a receiver, events are dropped.
#[derive(Debug, Clone)]
pub struct Channel(Sender<Event>);

impl Channel {
    /// An observer, and where its events arrive.
    pub fn new() -> (Self, Receiver<Event>) {
        let (sender, receiver) = mpsc::channel();
        (Self(sender), receiver)
    }
}

impl Observer for Channel {
    fn on_event(&self, event: &Event) {
        // Nobody listens any more: not the call's problem.
        let _ = self.0.send(event.clone());
    }
}
