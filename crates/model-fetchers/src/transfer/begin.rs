//! The begin of a file: its first answer states its size and version, and opens it.

use std::thread::{self, Scope};

use catalog_core::{CatalogError, FetchProblem};

use super::check::{Verdict, Version};
use super::engine::{Engine, RESUMED};
use super::range::ByteRange;
use super::state::{Active, Attempts, Failure};
use super::trouble::Trouble;
use super::window::{self, Share};
use crate::net::Ask;

/// The size of the first part, which shows the rate of the link.
const FIRST: u64 = 1 << 20;

/// The bytes of the first answer.
#[derive(Debug, Clone, Copy)]
enum First {
    /// A part of the file.
    Part(ByteRange),
    /// The whole file, from a server that sends no parts.
    Whole(ByteRange),
}

impl<'e> Engine<'e> {
    /// Begins a file: asks for its first part, and learns its size and version. Repeats a request
    /// that failed for a moment.
    pub(super) fn begin_file<'s>(&'s self, scope: &'s Scope<'s, '_>, number: usize) {
        let mut attempts = Attempts::default();
        let mut ask = self.files[number].ask.clone();
        let mut is_resolved_again = false;
        loop {
            let trouble = match self.try_begin(scope, number, &mut ask, attempts) {
                Ok(()) => return,
                Err(trouble) => trouble,
            };
            match self.pause_after(trouble, &mut attempts, &mut is_resolved_again) {
                Ok(time) => {
                    ask = self.files[number].ask.clone();
                    if !self.sleep(time) {
                        return;
                    }
                }
                Err(failure) => return self.fail(failure),
            }
        }
    }

    fn try_begin<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        number: usize,
        ask: &mut Ask,
        attempts: Attempts,
    ) -> std::result::Result<(), Trouble> {
        let file = &self.files[number];
        // If bytes of an earlier call are here, one byte is enough to learn the version.
        let first = ByteRange {
            begin: 0,
            end: match self.has_kept {
                true => 1,
                false => FIRST.min(window::part(1, None)),
            },
        };
        let (mut answer, mut verdict) = self.get(ask, Some(first), None)?;
        // Without a proof that parts belong together, no part is asked for.
        if let Verdict::Part(range, version) = &verdict
            && !(version.size.is_some() && (version.strong_etag.is_some() || file.is_proven()))
        {
            verdict = match version.size == Some(range.end) {
                true => Verdict::Whole(version.clone()),
                false => {
                    drop(answer);
                    let (whole, verdict) = self.get(ask, None, None)?;
                    answer = whole;
                    verdict
                }
            };
        }
        ask.url = answer.url.clone();
        if answer.url.origin() != file.ask.url.origin() {
            ask.authorization = None;
        }
        let stated = match &verdict {
            Verdict::Part(_, version) | Verdict::Whole(version) => version.size,
            Verdict::NothingThere(size) => Some(*size),
            _ => None,
        };
        if let (Some(stated), Some(listed)) = (stated, file.size)
            && stated != listed
        {
            let name = &file.name;
            let detail = format!("{name} has {stated} bytes, and the source lists {listed}");
            return Err(self.error(FetchProblem::Refused, detail).into());
        }
        match verdict {
            Verdict::Part(range, version) => {
                self.open(scope, number, ask, version, attempts, First::Part(range))
                    .map_err(Trouble::Fatal)?;
                self.take_first(number, range, answer);
                Ok(())
            }
            Verdict::Whole(mut version) => {
                // An answer without a length has the listed size.
                version.size = version.size.or(file.size);
                let size = version.size;
                let end = size.unwrap_or(u64::MAX);
                let range = ByteRange { begin: 0, end };
                self.open(scope, number, ask, version, attempts, First::Whole(range))
                    .map_err(Trouble::Fatal)?;
                self.take_first(number, range, answer);
                Ok(())
            }
            Verdict::NothingThere(0) => {
                let version = Version {
                    size: Some(0),
                    ..Version::default()
                };
                let nothing = ByteRange { begin: 0, end: 0 };
                self.open(scope, number, ask, version, attempts, First::Whole(nothing))
                    .map_err(Trouble::Fatal)?;
                self.lock()
                    .active
                    .entry(number)
                    .and_modify(|file| file.in_flight = 0);
                Ok(())
            }
            _ => {
                let detail = "the server refuses the first bytes of the file".to_owned();
                Err(self.error(FetchProblem::Refused, detail).into())
            }
        }
    }

    /// Reserves the space of a file, opens it, and starts the thread that hashes it. The first part
    /// counts as being in flight.
    fn open<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        number: usize,
        ask: &Ask,
        version: Version,
        attempts: Attempts,
        first: First,
    ) -> std::result::Result<(), Failure> {
        let file = &self.files[number];
        let (is_whole, first) = match first {
            First::Whole(range) => (true, range),
            First::Part(range) => (false, range),
        };
        let size = version.size;
        let reserved = {
            let mut state = self.lock();
            state.reserved = state.reserved.saturating_add(size.unwrap_or(0));
            state.reserved
        };
        if self.max_bytes.is_some_and(|most| reserved > most) {
            return Err(Failure::TooLarge(reserved));
        }
        let mut staging = self.staging();
        let failed = Failure::Error;
        let stated = size.unwrap_or(0);
        let text = match (&version.strong_etag, &file.sha256) {
            // Without ranges nothing can be continued.
            _ if is_whole || size.is_some_and(|size| size < RESUMED) => String::new(),
            (_, Some(digest)) => format!("{digest} size {stated}"),
            (Some(tag), None) => format!("etag {tag} size {stated}"),
            // Nothing recognises this version again.
            (None, None) => String::new(),
        };
        // The bytes of an earlier call are taken first: they need no new space.
        let resumable = staging.resumable(&file.name, &text).map_err(failed)?;
        if size.is_some() && reserved > self.reserved_before {
            staging.reserve(reserved).map_err(failed)?;
        }
        if resumable.kept() > stated {
            let kept = resumable.kept();
            let detail =
                format!("{kept} bytes of a file of {stated} bytes were kept; they are removed");
            resumable.discard().map_err(failed)?;
            return Err(failed(self.error(FetchProblem::SourceChanged, detail)));
        }
        drop(staging);
        let share = Share::take();
        let kept = resumable.kept();
        let mut state = self.lock();
        state.bytes.resumed += kept;
        let active = Active {
            name: file.name.clone(),
            ask: ask.clone(),
            version,
            size,
            writer: resumable.writer(),
            reserved: size.unwrap_or(0),
            kept,
            next: if kept > first.begin { kept } else { first.end },
            again: Vec::new(),
            chunks: Default::default(),
            hashed: 0,
            in_flight: 1,
            is_whole,
            restart: None,
            attempts,
            is_resolved_again: false,
            resolved_at: None,
        };
        state.active.insert(number, active);
        drop(state);
        let hasher = thread::Builder::new().name("hash".to_owned());
        let path = resumable.path().to_path_buf();
        let spawned = hasher.spawn_scoped(scope, move || self.hash_file(number, resumable, share));
        match spawned {
            Ok(_) => Ok(()),
            Err(source) => Err(failed(CatalogError::Io {
                action: "start a thread for",
                path,
                source,
            })),
        }
    }
}
