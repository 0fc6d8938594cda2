//! A worker of a transfer: it handles files and parts, one after the other, over one connection.

use std::thread::Scope;
use std::time::Instant;

use super::engine::{EndWithPanic, Engine};
use super::state::Work;

impl<'e> Engine<'e> {
    /// Works until the transfer is over.
    pub(super) fn work<'s>(&'s self, scope: &'s Scope<'s, '_>) {
        let _ends_with_a_panic = EndWithPanic(self);
        let mut state = self.lock();
        loop {
            if state.is_over() {
                break;
            }
            let Some(work) = state.take_work(Instant::now()) else {
                state = self.wait(state);
                continue;
            };
            state.busy += 1;
            drop(state);
            match work {
                Work::Begin(number) => self.begin_file(scope, number),
                Work::Part(number, range) => self.fetch_part(number, range),
            }
            state = self.lock();
            state.busy -= 1;
            self.changed.notify_all();
        }
        state.workers -= 1;
    }
}
