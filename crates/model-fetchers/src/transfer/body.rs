//! The body of an answer: its bytes are written to their place and handed to the hash.

use std::io::Read;

use catalog_core::FetchProblem;
use catalog_core::fetching::PartWriter;

use super::engine::Engine;
use super::range::ByteRange;
use super::state::Failure;
use super::trouble::Trouble;
use super::window;
use crate::net::{Answer, NetError};

/// The number of bytes that are handed to the hash at once.
const CHUNK: usize = 256 << 10;

/// The maximum size of a file whose server states no length, unless the caller allows less.
const MAX_UNKNOWN: u64 = 64 << 30;

/// The number of bytes by which the reservation of such a file grows.
const STEP: u64 = 64 << 20;

impl<'e> Engine<'e> {
    /// Reads the bytes of a part from a body, writes them, and hands them to the hash.
    pub(super) fn read_body(
        &self,
        number: usize,
        range: ByteRange,
        mut answer: Answer,
        place: &mut u64,
    ) -> std::result::Result<(), Trouble> {
        let writer = {
            let state = self.lock();
            let file = state.active.get(&number);
            file.map(|file| file.writer.clone())
                .ok_or(NetError::Stopped)?
        };
        let is_open_ended = range.end == u64::MAX;
        let mut reserved = 0;
        loop {
            let left = usize::try_from(range.end - *place).unwrap_or(usize::MAX);
            let mut chunk = self.lock().buffers.pop().unwrap_or_default();
            chunk.resize(CHUNK.min(left), 0);
            let mut filled = 0;
            let mut is_end = false;
            while filled < chunk.len() {
                let read = self.traffic.measure(|| {
                    let read = answer.body.read(&mut chunk[filled..]);
                    let bytes = *read.as_ref().unwrap_or(&0) as u64;
                    (read, bytes)
                });
                let read = read.map_err(|error| self.client.broken(error, &answer.url));
                let read = match read {
                    Ok(read) => read,
                    Err(error) => {
                        chunk.truncate(filled);
                        self.hand_over(number, &writer, place, chunk)?;
                        return Err(error.into());
                    }
                };
                if read == 0 {
                    is_end = true;
                    break;
                }
                filled += read;
            }
            chunk.truncate(filled);
            if is_open_ended && *place + filled as u64 > reserved {
                reserved = self.reserve_more(number, *place + filled as u64)?;
            }
            self.hand_over(number, &writer, place, chunk)?;
            if is_end && is_open_ended {
                let mut state = self.lock();
                if let Some(file) = state.active.get_mut(&number) {
                    file.size = Some(*place);
                }
                return Ok(());
            }
            if *place == range.end {
                break;
            }
            if is_end {
                let host = answer.url.origin().host.clone();
                let detail = format!("the answer ended {} bytes early", range.end - *place);
                return Err(NetError::Broken { host, detail }.into());
            }
            self.wait_for_hash(number, *place)?;
        }
        // This read takes the end of the body from the connection, so that it can be used again.
        match answer.body.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => {
                let detail = format!(
                    "{} sends more bytes than it states",
                    answer.url.origin().host
                );
                Err(self.error(FetchProblem::Refused, detail).into())
            }
            // All bytes are here.
            Err(_) => Ok(()),
        }
    }

    /// Writes bytes to their place, and hands them to the hash.
    fn hand_over(
        &self,
        number: usize,
        writer: &PartWriter,
        place: &mut u64,
        chunk: Vec<u8>,
    ) -> std::result::Result<(), Trouble> {
        if chunk.is_empty() {
            return Ok(());
        }
        writer.write_at(&chunk, *place)?;
        let len = chunk.len() as u64;
        let mut state = self.lock();
        state.bytes.fetched += len;
        let Some(file) = state.active.get_mut(&number) else {
            return Err(NetError::Stopped.into());
        };
        file.attempts.progress += len;
        file.chunks.insert(*place, chunk);
        *place += len;
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until the hash is near enough. The part with the next bytes never waits. If another
    /// part must be asked for again, this part gives way: otherwise all workers could wait for bytes
    /// that no worker fetches.
    fn wait_for_hash(&self, number: usize, place: u64) -> std::result::Result<(), Trouble> {
        let mut state = self.lock();
        loop {
            if state.is_over() {
                return Err(NetError::Stopped.into());
            }
            let Some(file) = state.active.get(&number) else {
                return Err(NetError::Stopped.into());
            };
            if place < file.hashed.saturating_add(window::ahead()) {
                return Ok(());
            }
            if file.restart.is_some() {
                return Err(NetError::Stopped.into());
            }
            if !file.again.is_empty() {
                return Err(Trouble::GivesWay);
            }
            state = self.wait(state);
        }
    }

    /// Reserves space for a file without a stated size, which needs `needed` bytes now. Returns the
    /// number of bytes that are reserved for the file then.
    fn reserve_more(&self, number: usize, needed: u64) -> std::result::Result<u64, Trouble> {
        let most = self.max_bytes.unwrap_or(MAX_UNKNOWN).min(MAX_UNKNOWN);
        let mut state = self.lock();
        let all = state.reserved;
        let file = state.active.get_mut(&number).ok_or(NetError::Stopped)?;
        let of_others = all.saturating_sub(file.reserved);
        let least = of_others.saturating_add(needed);
        if least > most {
            return Err(Trouble::Fatal(Failure::TooLarge(least)));
        }
        let ahead = (most - of_others).min(needed.saturating_add(STEP));
        file.reserved = ahead;
        state.reserved = of_others.saturating_add(ahead);
        let total = state.reserved;
        drop(state);
        self.reservation.grow_to(total)?;
        Ok(ahead)
    }
}
