//! `strace` on one thread of a process that fetches a model.
//!
//! The threads of a transfer run beside each other, so the number of a call in the whole process differs from run
//! to run. The number of a call in one thread does not. The web server holds its answer until `strace` has the
//! thread, and so the first call that counts is the same in each run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::model_source::Moment;
use crate::steps::Step;
use crate::strace::{Point, Site, points_of_thread};

/// A thread of a transfer beside the calling thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Asks the server and writes the bytes.
    Fetch,
    /// Hashes the bytes in their order.
    Hash,
    /// Makes the bytes durable and journals their number.
    Sync,
}

/// The time after which a process that should go on counts as hung.
const HUNG: Duration = Duration::from_secs(60);

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fetch, Self::Hash, Self::Sync];

    /// The name that the library gives to the thread.
    fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Hash => "hash",
            Self::Sync => "sync",
        }
    }

    /// A system call that belongs to the work of the thread: it writes a part of the file, looks at the complete
    /// file, or makes the parts durable.
    fn expected_call(self) -> &'static str {
        match self {
            Self::Fetch => "pwrite64",
            Self::Hash => "statx",
            Self::Sync => "fdatasync",
        }
    }

    /// The moment at which the thread is there and waits. That of the requests opens the file and starts the
    /// others behind the head.
    fn moment(self) -> Moment {
        match self {
            Self::Fetch => Moment::BeforeHead,
            Self::Hash | Self::Sync => Moment::BeforeBody,
        }
    }
}

/// Returns the calls of a thread in an undisturbed run of a workload.
///
/// # Errors
///
/// A process that does not go on or does not end well, a thread that cannot be traced, and a thread that does not do
/// its work.
pub fn points_of(site: &Site, workload: &[Step], role: Role) -> Result<Vec<Point>, String> {
    let trace = site.root().with_file_name("trace");
    let options = ["-o".to_owned(), trace.display().to_string()];
    let status = run_with(site, workload, role, &options)?;
    if !status.success() {
        return Err(format!("an undisturbed workload ended with {status}"));
    }
    let trace = fs::read_to_string(trace).map_err(|error| error.to_string())?;
    let points = points_of_thread(&trace).into_iter();
    let points: Vec<Point> = points.map(|(_, point)| point).collect();
    match points
        .iter()
        .any(|point| point.call == role.expected_call())
    {
        true => Ok(points),
        false => Err(format!(
            "the thread never calls {}, so it is not tested",
            role.expected_call()
        )),
    }
}

/// Runs a workload with `strace` on one of its threads, with these options. Returns how the process ended.
///
/// # Errors
///
/// A process that does not go on, and a thread that cannot be traced.
pub fn run_with(
    site: &Site,
    workload: &[Step],
    role: Role,
    options: &[String],
) -> Result<ExitStatus, String> {
    let source = site.source().ok_or("the workload fetches nothing")?;
    let gate = source.hold(role.moment());
    let mut child = site.start(workload).map_err(|error| error.to_string())?;
    let attached = match gate.arrival(HUNG) {
        true => find(&mut child, role).and_then(|thread| Tracer::attach(thread, options)),
        false => Err("the process does not ask the server".to_owned()),
    };
    gate.open();
    let ended = attached.and_then(|tracer| {
        let status = end_of(&mut child)?;
        tracer.end()?;
        Ok(status)
    });
    if ended.is_err() {
        drop(child.kill());
        drop(child.wait());
    }
    ended
}

/// Waits for a thread of a process, and returns its number.
fn find(child: &mut Child, role: Role) -> Result<u32, String> {
    let begin = Instant::now();
    let tasks = format!("/proc/{}/task", child.id());
    while begin.elapsed() < HUNG {
        let threads = fs::read_dir(&tasks).map_err(|error| error.to_string())?;
        for thread in threads.flatten() {
            let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            if name.trim_end() == role.name() {
                let number = thread.file_name().to_string_lossy().parse();
                return number.map_err(|_| "a thread without a number".to_owned());
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err(format!("there is no thread {:?}", role.name()))
}

fn end_of(child: &mut Child) -> Result<ExitStatus, String> {
    let begin = Instant::now();
    while begin.elapsed() < HUNG {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Err("the process does not end".to_owned())
}

/// A `strace` of a thread.
struct Tracer {
    process: Child,
    /// Open until the end, as `strace` ends if it cannot write there.
    said: BufReader<ChildStderr>,
}

impl Tracer {
    /// Starts `strace`, and waits until it has the thread.
    fn attach(thread: u32, options: &[String]) -> Result<Self, String> {
        let process = Command::new("strace")
            .args(options)
            .args(["-p", &thread.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = process.map_err(|error| error.to_string())?;
        let said = process.stderr.take().ok_or("it was piped")?;
        let mut tracer = Self {
            process,
            said: BufReader::new(said),
        };
        let mut line = String::new();
        let read = tracer.said.read_line(&mut line);
        match read.is_ok() && line.contains("attached") {
            true => Ok(tracer),
            false => {
                drop(tracer.process.wait());
                Err(format!("strace has no thread {thread}: {line}"))
            }
        }
    }

    fn end(mut self) -> Result<(), String> {
        let ended = self.process.wait();
        ended.map(drop).map_err(|error| error.to_string())
    }
}
