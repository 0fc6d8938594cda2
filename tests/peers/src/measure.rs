use std::time::Instant;

use crate::files::write_back;
use crate::measured::{Stat, Whose};

/// How many rounds a row has whose work takes less than a second.
pub const ROUNDS: usize = 7;
/// How many rounds a row has whose work takes seconds.
pub const FEW_ROUNDS: usize = 5;

/// Somebody who does the work of a row.
pub struct Contender<'c> {
    name: String,
    whose: Whose,
    /// Calls in a round.
    count: usize,
    prepare: Box<dyn Fn(usize) + 'c>,
    call: Box<dyn Fn(usize) + 'c>,
}

impl<'c> Contender<'c> {
    /// A peer whose call is repeated `count` times in a round. Each call gets another number.
    pub fn new(name: &str, count: usize, call: impl Fn(usize) + 'c) -> Self {
        Self {
            name: name.to_owned(),
            whose: Whose::Peer,
            count,
            prepare: Box::new(|_| {}),
            call: Box::new(call),
        }
    }

    /// States that it is ours.
    #[must_use]
    pub fn ours(mut self) -> Self {
        self.whose = Whose::Ours;
        self
    }

    /// States that it is the least that the work takes.
    #[must_use]
    pub fn bound(mut self) -> Self {
        self.whose = Whose::Bound;
        self
    }

    /// Adds a step before each round, whose time is not counted. The step gets the number of the round.
    #[must_use]
    pub fn prepared(mut self, prepare: impl Fn(usize) + 'c) -> Self {
        self.prepare = Box::new(prepare);
        self
    }
}

/// Has the contenders take turns, round by round, and tells the seconds that one call of each takes.
/// Each turn begins with nothing left to be written.
pub fn alternate(rounds: usize, contenders: Vec<Contender<'_>>) -> Vec<Stat> {
    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..rounds {
        for turn in 0..contenders.len() {
            // Another one begins each round, so that nobody always follows the same neighbour.
            let who = (round + turn) % contenders.len();
            let (contender, times) = (&contenders[who], &mut times[who]);
            (contender.prepare)(round);
            write_back();
            let begin = Instant::now();
            for number in 0..contender.count {
                (contender.call)(round * contender.count + number);
            }
            times.push(begin.elapsed().as_secs_f64() / contender.count as f64);
        }
    }
    let both = contenders.iter().zip(times);
    both.map(|(contender, times)| Stat::of(&contender.name, contender.whose, times))
        .collect()
}
