use std::process::Command;
use std::time::{Duration, Instant};

/// How many rounds each row has; its figures are medians of them.
const ROUNDS: usize = 7;

/// Somebody who does the work of a row.
pub struct Contender<'c> {
    name: String,
    /// Calls in a round.
    count: usize,
    call: Box<dyn Fn(usize) + 'c>,
}

impl<'c> Contender<'c> {
    /// One who does it so many times in a round; each call is given another number.
    pub fn new(name: &str, count: usize, call: impl Fn(usize) + 'c) -> Self {
        Self {
            name: name.to_owned(),
            count,
            call: Box::new(call),
        }
    }
}

/// The time of one call.
#[derive(Debug, Clone)]
pub struct Stat {
    /// Whose.
    pub name: String,
    /// The median of the rounds.
    pub median: Duration,
    /// The fastest and the slowest round.
    pub spread: (Duration, Duration),
}

impl Stat {
    /// Of times that were taken elsewhere.
    pub fn of(name: &str, mut times: Vec<Duration>) -> Self {
        times.sort();
        Self {
            name: name.to_owned(),
            median: times[times.len() / 2],
            spread: (times[0], times[times.len() - 1]),
        }
    }
}

/// Writes all that is dirty in memory to the disks, so that nobody's turn pays for what the one
/// before left behind: some sync nothing.
fn write_back() {
    let status = Command::new("sync").status();
    assert!(status.is_ok_and(|status| status.success()), "sync");
}

/// Has the contenders take turns, round by round.
pub fn alternate(contenders: Vec<Contender<'_>>) -> Vec<Stat> {
    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..ROUNDS {
        for (contender, times) in contenders.iter().zip(&mut times) {
            write_back();
            let begin = Instant::now();
            for number in 0..contender.count {
                (contender.call)(round * contender.count + number);
            }
            let count = u32::try_from(contender.count).unwrap_or(u32::MAX);
            times.push(begin.elapsed() / count);
        }
    }
    let both = contenders.iter().zip(times);
    both.map(|(contender, times)| Stat::of(&contender.name, times))
        .collect()
}
