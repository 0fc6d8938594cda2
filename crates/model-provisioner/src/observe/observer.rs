use super::event::Event;

/// Receives the events of calls, on the thread of the call. An observer should be quick.
pub trait Observer: Send + Sync {
    /// Receives an event. Releases add kinds of events, so an observer ignores the kinds that it does
    /// not know.
    fn on_event(&self, event: &Event) {
        let _ = event;
    }

    /// Returns the span that a call for the model `id` runs in. It is entered on the thread of the
    /// call, so the current span of that thread is its parent.
    fn span(&self, id: &str) -> tracing::Span {
        let _ = id;
        tracing::Span::none()
    }
}

/// Ignores all events.
impl Observer for () {}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn on_event(&self, event: &Event) {
        self(event);
    }
}

/// Calls one observer after the other. The span is that of the first that has one.
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
