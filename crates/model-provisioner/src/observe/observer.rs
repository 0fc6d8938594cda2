use super::event::Event;

/// An observer of calls. It receives each event on the thread of the call, so it should return
/// quickly.
pub trait Observer: Send + Sync {
    /// Receives an event. Later releases can add kinds of events, so an observer should ignore
    /// kinds that it does not know.
    fn on_event(&self, event: &Event) {
        let _ = event;
    }

    /// Returns the span of a call for the model `id`. The call enters the span on its thread, so
    /// the current span of that thread becomes the parent.
    fn span(&self, id: &str) -> tracing::Span {
        let _ = id;
        tracing::Span::none()
    }
}

/// An observer that ignores all events.
impl Observer for () {}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn on_event(&self, event: &Event) {
        self(event);
    }
}

/// An observer that passes each event to both observers. The span is the span of the first observer
/// that returns an enabled one.
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
