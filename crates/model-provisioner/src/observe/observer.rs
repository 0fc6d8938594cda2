use super::event::Event;

/// Is told what happens; on the thread of the call, so it should be quick.
pub trait Observer: Send + Sync {
    /// Takes an event. Events may be added, so others than those of interest are passed over.
    fn on_event(&self, event: &Event<'_>) {
        let _ = event;
    }
}

/// Does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

impl<F: Fn(&Event<'_>) + Send + Sync> Observer for F {
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}
