//! A worker of a transfer: it asks for parts of files, one after the other, over one connection.

use std::io::Read;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use catalog_core::{CatalogError, FetchProblem};
use ureq::http::header::{IF_RANGE, RANGE};
use ureq::http::{HeaderName, HeaderValue};

use super::check::{Verdict, Version, check};
use super::engine::{EndWithPanic, Engine};
use super::range::ByteRange;
use super::state::{Active, Attempts, Done, Failure, Restart, Work};
use super::window::{self, Share};
use crate::net::{Answer, Ask, NetError, first_text};

/// The number of bytes that are handed to the hash at once.
const CHUNK: usize = 256 << 10;

/// The number of bytes after which the failed attempts of a file no longer count.
const PROGRESS: u64 = 1 << 20;

/// The maximum size of a file whose server states no length, unless the caller allows less.
const MAX_UNKNOWN: u64 = 64 << 30;

/// The number of bytes by which the reservation of such a file grows.
const STEP: u64 = 64 << 20;

/// The longest pause for which a server can ask. A longer one is a failure.
const MAX_PAUSE: Duration = Duration::from_secs(10 * 60);

/// The least number of bytes a second of a connection that lives.
const LEAST_RATE: u64 = 1 << 10;

/// The reason why a request did not deliver its bytes.
enum Trouble {
    Net(NetError),
    Later(Option<Duration>, String),
    Changed(String),
    Denied(u16, String),
    /// Another part of the file must be asked for before the rest of this part can be hashed.
    GivesWay,
    Fatal(Failure),
}

/// The step after a part that failed.
enum AfterPart {
    /// The file starts again.
    Anew(Restart),
    /// The rest of the part is asked for later. The part did not fail.
    Later(ByteRange),
    /// The rest of the part is asked for again.
    Again {
        rest: ByteRange,
        attempts: Attempts,
        is_resolved_again: bool,
    },
}

impl Trouble {
    fn detail(&self) -> String {
        match self {
            Self::Net(error) => error.to_string(),
            Self::Later(_, detail) | Self::Changed(detail) | Self::Denied(_, detail) => {
                detail.clone()
            }
            Self::GivesWay => "another part comes first".to_owned(),
            Self::Fatal(failure) => format!("{failure:?}"),
        }
    }
}

impl From<NetError> for Trouble {
    fn from(error: NetError) -> Self {
        Self::Net(error)
    }
}

impl From<CatalogError> for Trouble {
    fn from(error: CatalogError) -> Self {
        Self::Fatal(Failure::Error(error))
    }
}

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

    fn error(&self, problem: FetchProblem, detail: String) -> CatalogError {
        CatalogError::fetch(self.model_ref, problem, detail)
    }

    /// Begins a file: asks for its first part, and learns its size and version. Repeats a request
    /// that failed for a moment.
    fn begin_file<'s>(&'s self, scope: &'s Scope<'s, '_>, number: usize) {
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

    /// Returns the pause before the next attempt, or the failure if there is none.
    fn pause_after(
        &self,
        trouble: Trouble,
        attempts: &mut Attempts,
        is_resolved_again: &mut bool,
    ) -> std::result::Result<Duration, Failure> {
        let error = |problem, detail| Failure::Error(self.error(problem, detail));
        let (after, detail) = match trouble {
            Trouble::Net(found) if found.is_transient() => (None, found.to_string()),
            Trouble::Net(found) => {
                return Err(Failure::Error(found.for_model(self.model_ref)));
            }
            Trouble::Later(after, detail) => (after, detail),
            // A part of the first answer cannot have changed.
            Trouble::Changed(what) => return Err(error(FetchProblem::SourceChanged, what)),
            Trouble::Denied(_, _) if !*is_resolved_again => {
                *is_resolved_again = true;
                return Ok(Duration::ZERO);
            }
            Trouble::Denied(status, detail) => {
                let detail = format!("the server refuses the request (status {status}): {detail}");
                return Err(error(FetchProblem::AccessDenied, detail));
            }
            // Only a part that waits for the hash gives way, and such a part did not fail.
            Trouble::GivesWay => return Ok(Duration::ZERO),
            Trouble::Fatal(failure) => return Err(failure),
        };
        if attempts.progress >= PROGRESS {
            attempts.failed = 0;
        }
        attempts.progress = 0;
        let config = self.client.config();
        if attempts.failed >= config.retries {
            let detail = format!("{detail}, after {} attempts", attempts.failed + 1);
            return Err(error(FetchProblem::Unreachable, detail));
        }
        if let Some(after) = after.filter(|after| *after > MAX_PAUSE) {
            let detail = format!("{detail}, and asks to wait for {} s", after.as_secs());
            return Err(error(FetchProblem::Unreachable, detail));
        }
        let (first, longest) = (config.times.first_pause, config.times.longest_pause);
        let pause = first
            .saturating_mul(1 << attempts.failed.min(16))
            .min(longest);
        attempts.failed += 1;
        let pause = jittered(pause).max(after.unwrap_or_default());
        tracing::debug!(%detail, ?pause, "a request is repeated");
        let end = self.limits.deadline();
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        Ok(left.map_or(pause, |left| left.min(pause)))
    }

    /// Sleeps, and returns false if the transfer ended meanwhile.
    fn sleep(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = self.lock();
        while !state.is_over() {
            if Instant::now() >= end {
                return true;
            }
            state = self.wait(state);
        }
        false
    }

    fn get(
        &self,
        ask: &Ask,
        range: Option<ByteRange>,
        version: Option<&Version>,
    ) -> std::result::Result<(Answer, Verdict), Trouble> {
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        if let Some(range) = range {
            headers.push((RANGE, range.header()));
            let tag = version.and_then(|version| version.strong_etag.as_deref());
            let tag = tag.and_then(|tag| HeaderValue::from_str(tag).ok());
            headers.extend(tag.map(|tag| (IF_RANGE, tag)));
        }
        let mut answer = self.client.get(ask, &headers)?;
        match check(answer.status, &answer.headers, range, version) {
            Verdict::Later(after, detail) => Err(Trouble::Later(after, detail)),
            Verdict::Changed(what) => Err(Trouble::Changed(what)),
            Verdict::Denied(status) => {
                // The text of a server may repeat the signature of the URL.
                let text = redacted(&first_text(&mut answer.body), &answer.url);
                Err(Trouble::Denied(status, text))
            }
            Verdict::Fail(problem, detail) => {
                let detail = format!("{}: {detail}", answer.url.origin().host);
                Err(Trouble::Fatal(Failure::Error(self.error(problem, detail))))
            }
            verdict => Ok((answer, verdict)),
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
        if let Some(digest) = &file.sha256 {
            let mut check = |_| match self.client.stop().is_set() {
                true => Err(CatalogError::Cancelled),
                false => Ok(()),
            };
            let reused = self.staging().reuse(&file.name, digest, &mut check)?;
            if let Some(size) = reused {
                let mut state = self.lock();
                state.bytes.reused += size;
                let done = Done {
                    name: file.name.clone(),
                    size,
                    version: Version::default(),
                    reused: Some(digest.clone()),
                };
                state.done.insert(number, done);
                return Ok(());
            }
        }
        let first = ByteRange {
            begin: 0,
            end: window::part(1),
        };
        let (mut answer, mut verdict) = self.get(ask, Some(first), None)?;
        if let Verdict::Part(range, version) = &verdict {
            let is_all = version.size == Some(range.end);
            let can_join =
                version.size.is_some() && (version.strong_etag.is_some() || file.sha256.is_some());
            if !is_all && !can_join {
                // Nothing proves that the parts belong together.
                drop(answer);
                (answer, verdict) = self.get(ask, None, None)?;
            }
        }
        ask.url = answer.url.clone();
        if answer.url.origin() != file.ask.url.origin() {
            ask.authorization = None;
        }
        match verdict {
            Verdict::Part(range, version) => {
                self.open(scope, number, ask, version, attempts, false)
                    .map_err(Trouble::Fatal)?;
                self.take_first(number, range, answer);
                Ok(())
            }
            Verdict::Whole(version) => {
                let size = version.size;
                self.open(scope, number, ask, version, attempts, true)
                    .map_err(Trouble::Fatal)?;
                let end = size.unwrap_or(u64::MAX);
                self.take_first(number, ByteRange { begin: 0, end }, answer);
                Ok(())
            }
            Verdict::NothingThere(0) => {
                let version = Version {
                    size: Some(0),
                    ..Version::default()
                };
                self.open(scope, number, ask, version, attempts, true)
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
        is_whole: bool,
    ) -> std::result::Result<(), Failure> {
        let file = &self.files[number];
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
            _ if is_whole => String::new(),
            (Some(tag), _) => format!("etag {tag} size {stated}"),
            (None, Some(digest)) => format!("{digest} size {stated}"),
            // Nothing recognises this version again.
            (None, None) => String::new(),
        };
        // The bytes of an earlier call are taken first: they need no new space.
        let resumable = staging.resumable(&file.name, &text).map_err(failed)?;
        if size.is_some() {
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
            next: kept,
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

    /// Reads the first part of a file, unless an earlier call has these bytes.
    fn take_first(&self, number: usize, range: ByteRange, answer: Answer) {
        let mut state = self.lock();
        let Some(file) = state.active.get_mut(&number) else {
            return;
        };
        if file.next > range.begin {
            file.in_flight -= 1;
            drop(state);
            self.changed.notify_all();
            return;
        }
        file.next = range.end;
        drop(state);
        self.end_part(number, range, |place| {
            self.read_body(number, range, answer, place)
        });
    }

    /// Asks for a part of a file, and reads it.
    fn fetch_part(&self, number: usize, range: ByteRange) {
        let state = self.lock();
        let Some(file) = state.active.get(&number) else {
            return;
        };
        let (ask, version) = (file.ask.clone(), file.version.clone());
        drop(state);
        self.end_part(number, range, |place| {
            match self.get(&ask, Some(range), Some(&version))? {
                (answer, Verdict::Part(found, _)) if found == range => {
                    self.read_body(number, range, answer, place)
                }
                (_, Verdict::Whole(_)) => Err(Trouble::Changed(
                    "the server no longer sends parts".to_owned(),
                )),
                (_, verdict) => Err(Trouble::Changed(format!(
                    "the part {range} became {verdict:?}"
                ))),
            }
        });
    }

    /// Fetches a part. If the part fails, decides whether its rest is asked for again. `fetch` gets
    /// the place up to which the bytes have arrived, and moves it.
    fn end_part(
        &self,
        number: usize,
        range: ByteRange,
        fetch: impl FnOnce(&mut u64) -> std::result::Result<(), Trouble>,
    ) {
        let mut place = range.begin;
        let asked = Instant::now();
        let outcome = fetch(&mut place);
        let is_done = outcome.is_ok();
        let next = match outcome {
            Ok(()) | Err(Trouble::Net(NetError::Stopped)) => None,
            Err(Trouble::Changed(what)) => Some(AfterPart::Anew(Restart::Changed(what))),
            Err(Trouble::GivesWay) => Some(AfterPart::Later(ByteRange {
                begin: place,
                end: range.end,
            })),
            Err(trouble) => self.after_trouble(number, (asked, range, place), trouble),
        };
        let mut state = self.lock();
        if let Some(file) = state.active.get_mut(&number) {
            file.in_flight -= 1;
            if is_done && file.resolved_at.is_none_or(|at| asked >= at) {
                file.is_resolved_again = false;
            }
            match next {
                None => {}
                Some(AfterPart::Anew(restart)) => file.restart = Some(restart),
                Some(AfterPart::Later(rest)) => file.again.push(rest),
                Some(AfterPart::Again {
                    rest,
                    attempts,
                    is_resolved_again,
                }) => {
                    file.attempts = attempts;
                    if is_resolved_again && !file.is_resolved_again {
                        file.is_resolved_again = true;
                        file.resolved_at = Some(Instant::now());
                        file.ask = self.files[number].ask.clone();
                    }
                    file.again.push(rest);
                }
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Decides what follows a part that failed. Returns `None` if the transfer fails.
    fn after_trouble(
        &self,
        number: usize,
        (asked, range, place): (Instant, ByteRange, u64),
        trouble: Trouble,
    ) -> Option<AfterPart> {
        let rest = ByteRange {
            begin: place,
            end: range.end,
        };
        let state = self.lock();
        let file = state.active.get(&number)?;
        let (mut attempts, mut is_resolved_again) = (file.attempts, file.is_resolved_again);
        // A body without ranges cannot be continued.
        let is_whole = range.end == u64::MAX || file.is_whole;
        let has_counted = file.attempts.failed_at.is_some_and(|at| asked < at);
        let is_old = file.resolved_at.is_some_and(|at| asked < at);
        drop(state);
        let is_told_already = match &trouble {
            Trouble::Net(error) => error.is_transient() && has_counted,
            Trouble::Later(..) => has_counted,
            Trouble::Denied(..) => is_old,
            _ => false,
        };
        if is_told_already && !is_whole {
            return Some(AfterPart::Later(rest));
        }
        let detail = trouble.detail();
        match self.pause_after(trouble, &mut attempts, &mut is_resolved_again) {
            Ok(pause) if is_whole => {
                let goes_on = self.sleep(pause);
                goes_on.then_some(AfterPart::Anew(Restart::Interrupted(detail)))
            }
            Ok(pause) => {
                let now = Instant::now();
                attempts.not_before = Some(now + pause);
                attempts.failed_at = Some(now);
                Some(AfterPart::Again {
                    rest,
                    attempts,
                    is_resolved_again,
                })
            }
            Err(failure) => {
                self.fail(failure);
                None
            }
        }
    }

    /// Reads the bytes of a part from a body, writes them, and hands them to the hash.
    fn read_body(
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
        let mut rate = Rate::new(self.client.config().times.slow);
        let mut reserved = 0;
        loop {
            let left = usize::try_from(range.end - *place).unwrap_or(usize::MAX);
            let mut chunk = self.lock().buffers.pop().unwrap_or_default();
            chunk.resize(CHUNK.min(left), 0);
            let mut filled = 0;
            let mut is_end = false;
            while filled < chunk.len() {
                let read = answer.body.read(&mut chunk[filled..]);
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
                if !rate.note(read as u64) {
                    let host = answer.url.origin().host.clone();
                    let detail = format!("less than {LEAST_RATE} bytes a second arrived");
                    return Err(NetError::Broken { host, detail }.into());
                }
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
        writer: &catalog_core::fetching::PartWriter,
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

/// Measures whether a connection is too slow to live.
struct Rate {
    over: Duration,
    begin: Instant,
    bytes: u64,
}

impl Rate {
    fn new(over: Duration) -> Self {
        Self {
            over,
            begin: Instant::now(),
            bytes: 0,
        }
    }

    /// Counts bytes. Returns false if the connection is too slow.
    fn note(&mut self, bytes: u64) -> bool {
        self.bytes += bytes;
        let time = self.begin.elapsed();
        if time < self.over {
            return true;
        }
        let least = (LEAST_RATE as f64 * time.as_secs_f64()) as u64;
        let is_alive = self.bytes >= least;
        (self.begin, self.bytes) = (Instant::now(), 0);
        is_alive
    }
}

/// Returns half of a pause, and a random part of the other half.
fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0_u8) % 1024;
    pause / 2 + pause.mul_f64(random as f64 / 2048.0)
}

/// Returns the text of a server for an error message. The text is left out if the URL may be
/// signed, because it may repeat a part of the signature in another form.
fn redacted(text: &str, url: &crate::net::Url) -> String {
    match url.as_secret_str().contains('?') {
        true => "the text of the server is not shown, because the URL may be signed".to_owned(),
        false => text.to_owned(),
    }
}
