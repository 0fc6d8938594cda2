//! The progress of a call: bars on a terminal, plain lines elsewhere.

#![expect(clippy::print_stderr, reason = "a command line prints")]

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use catalog_core::Progress;
use indicatif::{HumanBytes, HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use model_provisioner::{Event, EventKind};

/// Work that takes longer than this is shown.
const SHOW_AFTER: Duration = Duration::from_millis(500);

/// The time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows the progress of a call.
pub(crate) struct Show {
    is_quiet: bool,
    begin: Instant,
    shown: Mutex<Shown>,
}

enum Shown {
    Bars {
        all: MultiProgress,
        /// The bar of the whole work, and the word before it.
        total: Option<(&'static str, ProgressBar)>,
        files: BTreeMap<String, ProgressBar>,
    },
    Lines {
        last: Option<Instant>,
        /// The word of the work, and the time and the bytes at its first report.
        first: Option<(&'static str, Instant, u64)>,
    },
}

impl Show {
    pub(crate) fn new(is_quiet: bool) -> Self {
        let shown = match std::io::stderr().is_terminal() {
            true => Shown::Bars {
                all: MultiProgress::new(),
                total: None,
                files: BTreeMap::new(),
            },
            false => Shown::Lines {
                last: None,
                first: None,
            },
        };
        Self {
            is_quiet,
            begin: Instant::now(),
            shown: Mutex::new(shown),
        }
    }

    pub(crate) fn on_event(&self, event: &Event) {
        match &event.kind {
            EventKind::Waiting { progress, .. } => self.show("waiting", *progress),
            EventKind::Fetching(progress) => self.show("fetching", *progress),
            EventKind::Verifying(progress) => self.show("hashing", *progress),
            EventKind::FetchingFile { name, progress, .. } => self.show_file(name, *progress),
            EventKind::Finished { .. } | EventKind::Failed { .. } => self.clear(),
            _ => {}
        }
    }

    fn is_early(&self) -> bool {
        self.is_quiet || self.begin.elapsed() < SHOW_AFTER
    }

    pub(crate) fn show(&self, word: &'static str, progress: Progress) {
        if self.is_early() {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *shown {
            Shown::Bars { all, total, .. } => {
                if total.as_ref().is_none_or(|(shown, _)| *shown != word) {
                    if let Some((_, bar)) = total.take() {
                        bar.finish_and_clear();
                    }
                    let bar = all.add(bar(word));
                    advance(&bar, progress);
                    // Bytes that were here before say nothing about the rate.
                    bar.reset_eta();
                    *total = Some((word, bar));
                }
                if let Some((_, bar)) = total {
                    advance(bar, progress);
                }
            }
            Shown::Lines { last, first } => {
                let (_, begin, before) = match *first {
                    Some(first) if first.0 == word => first,
                    _ => *first.insert((word, Instant::now(), progress.done)),
                };
                if last.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
                    *last = Some(Instant::now());
                    eprintln!("{word}: {}", line(progress, before, begin.elapsed()));
                }
            }
        }
    }

    fn show_file(&self, name: &str, progress: Progress) {
        if self.is_early() {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Shown::Bars { all, files, .. } = &mut *shown {
            let bar = files.entry(name.to_owned());
            let bar = bar.or_insert_with(|| all.add(bar_of_file(name)));
            advance(bar, progress);
            if Some(progress.done) == progress.total {
                bar.finish_and_clear();
            }
        }
    }

    pub(crate) fn clear(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Shown::Bars { total, files, .. } = &mut *shown {
            let bars = total.take().into_iter().map(|(_, bar)| bar);
            for bar in bars.chain(std::mem::take(files).into_values()) {
                bar.finish_and_clear();
            }
        }
    }
}

/// Returns a line about the progress, with the rate and the time that is left.
fn line(progress: Progress, before: u64, time: Duration) -> String {
    let done = HumanBytes(progress.done);
    // Bytes that were here before say nothing about the rate.
    let since = progress.done.saturating_sub(before) as f64;
    let rate = match time >= SHOW_AFTER {
        true => since / time.as_secs_f64(),
        false => 0.0,
    };
    let per_second = HumanBytes(rate as u64);
    match progress.total {
        Some(total) if rate == 0.0 => format!("{done} of {}", HumanBytes(total)),
        None if rate == 0.0 => done.to_string(),
        Some(total) => {
            let left = total.saturating_sub(progress.done) as f64 / rate;
            let left = HumanDuration(Duration::try_from_secs_f64(left).unwrap_or_default());
            format!(
                "{done} of {}, {per_second}/s, {left} left",
                HumanBytes(total)
            )
        }
        None => format!("{done}, {per_second}/s"),
    }
}

fn advance(bar: &ProgressBar, progress: Progress) {
    if let Some(total) = progress.total {
        bar.set_length(total);
    }
    bar.set_position(progress.done);
}

fn bar(word: &'static str) -> ProgressBar {
    let style = "{msg} {bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta} left";
    styled(style).with_message(word)
}

fn bar_of_file(name: &str) -> ProgressBar {
    styled("  {msg} {bar:30} {bytes}/{total_bytes}").with_message(name.to_owned())
}

fn styled(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
