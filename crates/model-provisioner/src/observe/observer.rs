use super::event::Event;

/// Is told what happens; on the thread of the call, so it should be quick.
pub trait Observer: Send + Sync {
    /// Takes an event. Kinds may be added, so others than those of interest are passed over.
    fn on_event(&self, event: &Event) {
        let _ = event;
    }

    /// The span that a call for the model `id` runs in; it is entered on the thread of the call, so
    /// whatever is current there is its parent.
    fn span(&self, id: &str) -> tracing::Span {
        let _ = id;
        tracing::Span::none()
    }
}

/// Does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn on_event(&self, event: &Event) {
        self(event);
    }
}

/// Tells one after the other.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn on_event(&self, event: &Event) {
        self.0.on_event(event);
        self.1.on_event(event);
    }

    fn span(&self, id: &str) -> tracing::Span {
        let first = self.0.span(id);
        if first.is_disabled() {
            return self.1.span(id);
        }
        first
    }
}
