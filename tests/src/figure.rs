use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

pub use crate::sabotage::{Proof, Sabotage};

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The part that the test command runs.
    Quick,
    /// All of it.
    Full,
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

/// What a report says of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing happened that should not have.
    WithinBounds,
    /// There were violations.
    OutOfBounds,
    /// This machine cannot measure the figure.
    Skipped,
}

/// The number of violations that are printed above a closing line.
const PRINTED_VIOLATIONS: usize = 20;

/// The counts of a figure.
#[derive(Debug)]
pub struct Measured {
    /// The counts, in the order in which they are printed.
    counts: Vec<(String, String)>,
    /// The events that should never have happened.
    violations: Vec<String>,
    /// The number of violations after which more tell nothing new.
    enough: usize,
}

impl Default for Measured {
    fn default() -> Self {
        Self::with_enough(PRINTED_VIOLATIONS)
    }
}

impl Measured {
    fn with_enough(enough: usize) -> Self {
        Self {
            counts: Vec::new(),
            violations: Vec::new(),
            enough,
        }
    }

    /// Begins a trial. The first violation shows that a sabotage was noticed, and is enough.
    pub fn of(trial: Trial) -> Self {
        match trial.sabotage {
            Sabotage::Nothing => Self::default(),
            _ => Self::with_enough(1),
        }
    }

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

    /// Adds the counts and violations of a part of the figure that was measured by itself.
    pub fn include(&mut self, part: Self) {
        self.counts.extend(part.counts);
        self.violations.extend(part.violations);
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

    /// Returns true once more violations tell nothing new: there are as many as are printed, or one beside a
    /// sabotage.
    pub fn is_hopeless(&self) -> bool {
        self.violations.len() >= self.enough
    }

    /// Calls a function for each of many values, on all processors, and returns the sum of its
    /// results. Ends early once a processor has found so many violations that more tell nothing new. Tells on
    /// standard error each minute how far it is.
    pub fn for_each<T: Sync>(
        &mut self,
        items: &[T],
        work: impl Fn(&T, &mut Self) -> usize + Sync,
    ) -> usize {
        let next = AtomicUsize::new(0);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let start = Instant::now();
        let minutes = AtomicU64::new(0);
        let enough = self.enough;
        let run = || {
            let mut measured = Self::with_enough(enough);
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
                    // The other processors end, too.
                    next.store(items.len(), Ordering::Relaxed);
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
    /// The faults that it must notice.
    pub proofs: &'static [Proof],
}

impl Figure {
    /// Measures it once beside each of its sabotages, in the quick extent. Calls a function with a line for each,
    /// and returns whether all were noticed. Where this machine cannot measure the figure, nothing is to be
    /// noticed.
    pub fn prove(&self, mut print: impl FnMut(&str)) -> bool {
        let mut all_noticed = true;
        for proof in self.proofs {
            let trial = Trial {
                extent: Extent::Quick,
                sabotage: proof.sabotage,
            };
            let what = format!("{}: the sabotage {}", self.name, proof.sabotage.name());
            let measured = match (self.measure)(trial) {
                Outcome::Measured(measured) => measured,
                Outcome::Skipped(reason) => {
                    print(&format!("{what} was skipped: {reason}"));
                    continue;
                }
            };
            match proof.shown_by(&measured.violations) {
                Some(violation) => print(&format!("{what} was noticed: {violation}")),
                None => {
                    all_noticed = false;
                    print(&format!("{what} was not noticed"));
                    for other in measured.violations.iter().take(PRINTED_VIOLATIONS) {
                        print(&format!("  instead of {:?}: {other}", proof.violations));
                    }
                }
            }
        }
        all_noticed
    }

    /// Measures it and gives its closing line, with the first violations above it, and whether it
    /// is within bounds.
    pub fn report(&self, trial: Trial) -> (String, Verdict) {
        let begin = Instant::now();
        match (self.measure)(trial) {
            Outcome::Skipped(reason) => {
                let text = format!("{}: skipped: {reason}", self.name);
                (text, Verdict::Skipped)
            }
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
                let verdict = match measured.violations.is_empty() {
                    true => Verdict::WithinBounds,
                    false => Verdict::OutOfBounds,
                };
                (text, verdict)
            }
        }
    }
}
