use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The part that the test command runs.
    Quick,
    /// All of it.
    Full,
}

/// A fault that the harness puts between the product and the system, to show that a figure notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Nothing is broken.
    Nothing,
    /// Files are not synced.
    NoFileSync,
    /// Folders are not synced.
    NoFolderSync,
    /// The index is renamed before it is synced.
    RenameBeforeSync,
    /// Every lock of the kernel is granted at once.
    NoLocks,
    /// Readers open the catalog again after each write.
    FreshHandles,
    /// All entries are written once more before each deletion.
    RewriteBeforeDelete,
    /// Calls are made without the limits that they should keep.
    NoLimits,
    /// Workloads say that a call returned before they make it.
    EarlyAnswers,
    /// A call for a model that is there already writes a file.
    WriteWhenWarm,
    /// A secret is left in a temporary file.
    Leak,
    /// Callers find no source call and no key of a call before them.
    ForgetCalls,
    /// The umask of a process decides the modes of its files.
    UmaskDecides,
    /// The root has no spare for a full disk.
    NoSpare,
    /// The pins are damaged, which stops the removal of everything.
    BadPins,
    /// A file system that is mounted again is another one with the same files.
    OtherFileSystem,
    /// An artifact that no call concerns is lost.
    LostNeighbour,
    /// A process may open few files.
    FewHandles,
    /// Content is not checked.
    NoChecks,
    /// A process reads a whole file into memory before its header is checked.
    WholeFiles,
}

impl Sabotage {
    /// Returns the sabotage of this name on the command line.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "no-file-sync" => Some(Self::NoFileSync),
            "no-folder-sync" => Some(Self::NoFolderSync),
            "rename-before-sync" => Some(Self::RenameBeforeSync),
            "no-locks" => Some(Self::NoLocks),
            "fresh-handles" => Some(Self::FreshHandles),
            "rewrite-before-delete" => Some(Self::RewriteBeforeDelete),
            "no-limits" => Some(Self::NoLimits),
            "early-answers" => Some(Self::EarlyAnswers),
            "write-when-warm" => Some(Self::WriteWhenWarm),
            "leak" => Some(Self::Leak),
            "forget-calls" => Some(Self::ForgetCalls),
            "umask-decides" => Some(Self::UmaskDecides),
            "no-spare" => Some(Self::NoSpare),
            "bad-pins" => Some(Self::BadPins),
            "other-file-system" => Some(Self::OtherFileSystem),
            "lost-neighbour" => Some(Self::LostNeighbour),
            "few-handles" => Some(Self::FewHandles),
            "no-checks" => Some(Self::NoChecks),
            "whole-files" => Some(Self::WholeFiles),
            _ => None,
        }
    }
}

/// How a figure is measured.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// How much is tried.
    pub extent: Extent,
    /// The part that is broken on purpose.
    pub sabotage: Sabotage,
}

/// The outcome of a figure.
#[derive(Debug)]
pub enum Outcome {
    /// The figure was measured.
    Measured(Measured),
    /// This machine cannot measure the figure, for this reason.
    Skipped(String),
}

/// The number of violations that are printed above a closing line.
const PRINTED_VIOLATIONS: usize = 20;

/// The counts of a figure.
#[derive(Debug, Default)]
pub struct Measured {
    /// The counts, in the order in which they are printed.
    counts: Vec<(String, String)>,
    /// The events that should never have happened.
    violations: Vec<String>,
}

impl Measured {
    /// Adds a count to the closing line.
    pub fn count(&mut self, what: &str, number: impl fmt::Display) {
        self.counts.push((what.to_owned(), number.to_string()));
    }

    /// Adds a count that must be at least `bound`.
    pub fn at_least(&mut self, bound: usize, what: &str, number: usize) {
        self.count(what, number);
        if number < bound {
            self.violation(format!(
                "{what}: {number}, at least {bound} were to be tried"
            ));
        }
    }

    /// Notes something that should never have happened.
    pub fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// Notes it unless it is so.
    pub fn check(&mut self, is_so: bool, what: impl FnOnce() -> String) {
        if !is_so {
            self.violation(what());
        }
    }

    /// How often something happened that should not have.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }

    /// Returns true once there are as many violations as are printed: more tell nothing new.
    pub fn is_hopeless(&self) -> bool {
        self.violations.len() >= PRINTED_VIOLATIONS
    }

    /// Calls a function for each of many values, on all processors, and returns the sum of its
    /// results. Ends early once a processor has found as many violations as are printed. Tells on standard
    /// error each minute how far it is.
    pub fn for_each<T: Sync>(
        &mut self,
        items: &[T],
        work: impl Fn(&T, &mut Self) -> usize + Sync,
    ) -> usize {
        let next = AtomicUsize::new(0);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let start = Instant::now();
        let minutes = AtomicU64::new(0);
        let run = || {
            let mut measured = Self::default();
            let mut sum = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(number) else {
                    break;
                };
                sum += work(item, &mut measured);
                let minute = start.elapsed().as_secs() / 60;
                if minutes.fetch_max(minute, Ordering::Relaxed) < minute {
                    let done = format!("{number} of {} done after {minute} minutes", items.len());
                    drop(writeln!(io::stderr(), "{done}"));
                }
                if measured.is_hopeless() {
                    break;
                }
            }
            (measured, sum)
        };
        let parts: Vec<(Self, usize)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            let parts = threads.into_iter().map(|thread| thread.join());
            parts
                .map(|part| part.expect("a panic here ends the figure"))
                .collect()
        });
        let mut sum = 0;
        for (measured, part) in parts {
            self.violations.extend(measured.violations);
            sum += part;
        }
        sum
    }
}

/// A figure of the scoreboard.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Its name on the command line.
    pub name: &'static str,
    /// Measures it.
    pub measure: fn(Trial) -> Outcome,
    /// Whether its bounds are times. The quick run leaves such figures out unless they are named:
    /// a busy machine must not fail the tests.
    pub is_timed: bool,
}

impl Figure {
    /// Measures it and gives its closing line, with the first violations above it, and whether it
    /// is within bounds. A skipped figure is within bounds.
    pub fn report(&self, trial: Trial) -> (String, bool) {
        let begin = Instant::now();
        match (self.measure)(trial) {
            Outcome::Skipped(reason) => (format!("{}: skipped: {reason}", self.name), true),
            Outcome::Measured(measured) => {
                let mut text = String::new();
                for violation in measured.violations.iter().take(PRINTED_VIOLATIONS) {
                    text.push_str(&format!("  {}: {violation}\n", self.name));
                }
                let counts: Vec<String> = measured
                    .counts
                    .iter()
                    .map(|(what, number)| format!("{number} {what}"))
                    .collect();
                text.push_str(&format!(
                    "{}: {}, {:.1} s, {} violations",
                    self.name,
                    counts.join(", "),
                    begin.elapsed().as_secs_f64(),
                    measured.violations.len()
                ));
                (text, measured.violations.is_empty())
            }
        }
    }
}
