//! The queue of the threads of this process that wait for one lock.
//!
//! The threads get the lock in the order of their arrival. Only the first thread asks the kernel
//! for the lock, no matter how many threads wait. A thread that recently held the lock queues
//! behind the threads that held it less often. Otherwise, of a thousand threads that need the lock
//! several times each, the first would end before the last begins. A thread that no longer needs
//! the lock passes it on to the next one. When other processes wait, this process leaves the lock
//! to them for a moment, because its own next thread would always be faster.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread, ThreadId};
use std::time::{Duration, Instant};

use super::file_lock::Locking;
use super::held_lock::HeldLock;
use crate::error::{CatalogError, Result};
use crate::progress::Limits;

/// The interval at which a waiting thread checks whether its call must stop.
const LOOK: Duration = Duration::from_millis(100);

/// The time for which a process leaves a lock to waiting processes. It is longer than the pause
/// between two of their attempts.
const COURTESY: Duration = Duration::from_millis(4);

/// The time for which an earlier turn counts. A thread that has waited longer than this is not
/// overtaken.
const MEMORY: Duration = Duration::from_secs(2);

/// The queues of this process, one for each lock.
static QUEUES: Mutex<BTreeMap<Key, Queue>> = Mutex::new(BTreeMap::new());

/// The key of a queue: the process, the path of the lock, and its locking. The process is part of
/// the key because a forked process has none of these threads, and none of their locks.
type Key = (u32, PathBuf, Locking);

/// The threads that wait for one lock. The first thread has the turn.
#[derive(Debug)]
struct Queue {
    threads: VecDeque<Waiter>,
    /// The number that the next thread gets.
    next: u64,
    /// The end of each recent turn and its thread, the oldest first.
    turns: VecDeque<(Instant, ThreadId)>,
    /// The time at which a thread of this process last released the lock.
    released: Instant,
    /// The time until which the lock is left to other processes.
    left_until: Option<Instant>,
    /// The lock that was passed on to the first thread.
    handed_over: Option<HeldLock>,
}

/// A thread in a queue.
#[derive(Debug)]
struct Waiter {
    number: u64,
    thread: Thread,
    begin: Instant,
    /// The number of recent turns of the thread.
    turns: usize,
}

impl Queue {
    fn new(now: Instant) -> Self {
        Self {
            threads: VecDeque::new(),
            next: 0,
            turns: VecDeque::new(),
            released: now,
            left_until: None,
            handed_over: None,
        }
    }

    /// Adds a thread to the queue, and returns its number. The thread goes behind all threads that
    /// had as few recent turns or have waited long, and behind the first thread, which has the
    /// turn.
    fn add(&mut self, thread: Thread, now: Instant) -> u64 {
        let is_old = |(end, _): &(Instant, ThreadId)| now.duration_since(*end) > MEMORY;
        while self.turns.front().is_some_and(is_old) {
            self.turns.pop_front();
        }
        let own = self.turns.iter().filter(|(_, id)| *id == thread.id());
        let turns = own.count();
        let goes_before =
            |waiter: &Waiter| waiter.turns <= turns || now.duration_since(waiter.begin) > MEMORY;
        let behind = self.threads.iter().rposition(goes_before);
        let place = behind.map_or(self.threads.len().min(1), |behind| behind + 1);
        let number = self.next;
        self.next += 1;
        let waiter = Waiter {
            number,
            thread,
            begin: now,
            turns,
        };
        self.threads.insert(place, waiter);
        number
    }

    /// Records that the calling thread held the lock.
    fn note_turn(&mut self) {
        self.released = Instant::now();
        self.turns
            .push_back((self.released, thread::current().id()));
        self.left_until = None;
    }

    fn is_remembered(&self, now: Instant) -> bool {
        let last = self.turns.back();
        last.is_some_and(|(end, _)| now.duration_since(*end) <= MEMORY)
    }
}

/// The turn of a thread to take and hold a lock. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    key: Key,
    number: u64,
    begin: Instant,
}

impl Turn {
    /// Waits for the turn of this thread. Fails if no thread of this process releases the lock
    /// within `patience`, or if the limits of the call end the wait.
    pub(super) fn wait(
        path: &Path,
        locking: Locking,
        limits: &Limits,
        patience: Duration,
    ) -> Result<Self> {
        let turn = Self::queue_up((std::process::id(), path.to_path_buf(), locking));
        loop {
            let now = Instant::now();
            let (is_first, left_until) = turn.look();
            if is_first {
                // This pause leaves the lock to other processes, which try more often than this
                // thread.
                if let Some(until) = left_until {
                    thread::sleep(until.saturating_duration_since(now));
                }
                return Ok(turn);
            }
            let deadline = turn.deadline(limits, patience);
            if now >= deadline {
                return Err(CatalogError::LockTimeout {
                    path: turn.key.1.clone(),
                    holder: other_threads(),
                    waited: now - turn.begin,
                });
            }
            limits.check("waiting for a lock")?;
            thread::park_timeout(LOOK.min(deadline - now));
        }
    }

    fn queue_up(key: Key) -> Self {
        let now = Instant::now();
        let mut queues = queues();
        queues.retain(|_, queue| !queue.threads.is_empty() || queue.is_remembered(now));
        let queue = queues.entry(key.clone()).or_insert_with(|| Queue::new(now));
        let number = queue.add(thread::current(), now);
        Self {
            key,
            number,
            begin: now,
        }
    }

    /// Returns whether this thread has the turn, and the time until which it leaves the lock to
    /// other processes.
    fn look(&self) -> (bool, Option<Instant>) {
        let queues = queues();
        let queue = queues.get(&self.key);
        let first = queue.and_then(|queue| queue.threads.front());
        let is_first = first.is_some_and(|first| first.number == self.number);
        (is_first, queue.and_then(|queue| queue.left_until))
    }

    /// Returns the time at which the wait for the lock ends. The time of the wait starts again each
    /// time a thread of this process releases the lock.
    pub(super) fn deadline(&self, limits: &Limits, patience: Duration) -> Instant {
        let queues = queues();
        let released = queues.get(&self.key).map(|queue| queue.released);
        let since = released.map_or(self.begin, |released| released.max(self.begin));
        limits.end_of_wait_since(since, patience)
    }

    /// Returns the time at which this thread joined the queue.
    pub(super) fn begin(&self) -> Instant {
        self.begin
    }

    /// Returns true if another thread waits behind this one.
    pub(super) fn has_next(&self) -> bool {
        let queues = queues();
        let queue = queues.get(&self.key);
        queue.is_some_and(|queue| queue.threads.len() > 1)
    }

    /// Takes the lock that the previous thread passed on.
    pub(super) fn take_handed_over(&self) -> Option<HeldLock> {
        queues().get_mut(&self.key)?.handed_over.take()
    }

    /// Records that this thread no longer needs the lock, and passes the lock on to the next
    /// thread. Without a next thread the lock is released.
    pub(super) fn end(&self, lock: HeldLock) {
        let mut lock = Some(lock);
        let mut queues = queues();
        if let Some(queue) = queues.get_mut(&self.key) {
            queue.note_turn();
            if queue.threads.len() > 1 {
                queue.handed_over = lock.take();
            }
        }
        drop(queues);
        drop(lock);
    }

    /// Records that this thread no longer needs the lock, which was released for other processes.
    pub(super) fn leave_to_others(&self) {
        if let Some(queue) = queues().get_mut(&self.key) {
            queue.note_turn();
            queue.left_until = Some(Instant::now() + COURTESY);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queues = queues();
        let Some(queue) = queues.get_mut(&self.key) else {
            return;
        };
        queue.threads.retain(|waiter| waiter.number != self.number);
        let unwanted = match queue.threads.front() {
            Some(first) => {
                first.thread.unpark();
                None
            }
            None => queue.handed_over.take(),
        };
        drop(queues);
        drop(unwanted);
    }
}

/// Describes other threads of this process as the holder of a lock.
pub(crate) fn other_threads() -> String {
    format!("other threads of process {}", std::process::id())
}

fn queues() -> MutexGuard<'static, BTreeMap<Key, Queue>> {
    QUEUES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the numbers of the threads in the order of their turns.
    fn order(queue: &Queue) -> Vec<u64> {
        queue.threads.iter().map(|waiter| waiter.number).collect()
    }

    /// Adds a thread that had this number of recent turns to the queue.
    fn add(queue: &mut Queue, turns: usize, now: Instant) {
        let one_more = thread::spawn(thread::current).join();
        let thread = one_more.expect("it does not panic");
        let turn = (now, thread.id());
        queue.turns.extend(std::iter::repeat_n(turn, turns));
        queue.add(thread, now);
    }

    /// CAT-457
    #[test]
    fn threads_that_had_fewer_turns_go_first_and_nobody_goes_before_the_one_that_has_the_turn() {
        let now = Instant::now();
        let mut queue = Queue::new(now);
        for turns in [2, 1, 0, 1, 0, 2, 0] {
            add(&mut queue, turns, now);
        }
        assert_eq!(order(&queue), [0, 2, 4, 6, 1, 3, 5]);
    }

    /// CAT-457
    #[test]
    fn a_thread_that_waited_for_long_is_overtaken_by_nobody() {
        let now = Instant::now();
        let later = now + MEMORY + Duration::from_millis(1);
        let mut queue = Queue::new(now);
        for turns in [0, 2, 1] {
            add(&mut queue, turns, now);
        }
        assert_eq!(order(&queue), [0, 2, 1]);
        add(&mut queue, 0, later);
        assert_eq!(order(&queue), [0, 2, 1, 3]);
    }

    /// CAT-457
    #[test]
    fn a_thread_that_gives_up_leaves_the_turn_and_the_lock_to_the_next() {
        let path = Path::new("/a-lock-that-nobody-else-uses");
        let wait = |time| {
            let limits = Limits::none();
            Turn::wait(path, Locking::Kernel, &limits, Duration::from_millis(time))
        };
        let first = wait(1).expect("nobody else waits");
        std::thread::scope(|scope| {
            let gives_up = scope.spawn(|| wait(1).map(drop));
            let error = gives_up.join().expect("it does not panic").unwrap_err();
            assert_eq!(error.code(), "lock_timeout");
            assert!(error.to_string().contains("other threads"), "{error}");
            let next = scope.spawn(|| wait(60_000).map(drop));
            drop(first);
            next.join()
                .expect("it does not panic")
                .expect("its turn comes");
        });
        let queues = queues();
        let queue = &queues[&(std::process::id(), path.to_path_buf(), Locking::Kernel)];
        assert!(queue.threads.is_empty(), "{queue:?}");
    }
}
