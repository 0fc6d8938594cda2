//! What readers notice of a writer: eight threads look entries up a thousand times a second each,
//! while another process writes, and while a thread behind the same handle does.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use catalog_core::{CatalogEntry, CatalogStore, FsCatalog};

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::state::register_others;
use crate::strace::program;
use crate::timing::{least, median, quantile};

mod readers;
mod writer;

use readers::{Get, Handles, Readers};
pub use writer::run_latency_writer;

const SIZES: [usize; 2] = [1_000, 10_000];

/// A `get` that ends so long after a write was acknowledged was not slowed by it.
const AFTERMATH_NS: u64 = 2_000_000;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// The writes of the other process.
    writes: usize,
    /// The time between two of them.
    interval: Duration,
    /// Rounds of the same handle, each quiet and then with a writer.
    rounds: usize,
    /// The time that each takes.
    round: Duration,
}

pub(super) fn measure(trial: Trial) -> Outcome {
    let plan = match trial.extent {
        Extent::Quick => Plan {
            writes: 25,
            interval: Duration::from_millis(100),
            rounds: 2,
            round: Duration::from_secs(1),
        },
        Extent::Full => Plan {
            writes: 300,
            interval: Duration::from_millis(200),
            rounds: 5,
            round: Duration::from_secs(10),
        },
    };
    let handles = match trial.sabotage {
        Sabotage::FreshHandles => Handles::FreshAfterEachWrite,
        _ => Handles::One,
    };
    let sizes = match trial.sabotage {
        Sabotage::Nothing => &SIZES[..],
        // What is read again shows most where there is most of it.
        _ => &SIZES[1..],
    };
    let mut measured = Measured::default();
    measured.count("writes of another process at each size", plan.writes);
    for size in sizes {
        if let Err(error) = measure_size(*size, plan, handles, &mut measured) {
            measured.violation(format!("{size} entries: {error}"));
        }
    }
    Outcome::Measured(measured)
}

fn measure_size(
    size: usize,
    plan: Plan,
    handles: Handles,
    measured: &mut Measured,
) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = folder.path().join("root");
    let catalog = FsCatalog::new(&root).map_err(|error| error.to_string())?;
    register_others(&catalog, size).map_err(|error| error.to_string())?;
    let entries = catalog.list().map_err(|error| error.to_string())?;
    let readers = Readers {
        catalog: &catalog,
        entries: &entries,
        handles,
    };

    let disturbed = beside_a_process(&readers, plan, "index")?;
    let control = beside_a_process(&readers, plan, "file")?;
    let bound = 2.0 * disturbed.read_ms + 0.5;
    let (middle, most) = (
        median(&disturbed.slowest),
        quantile(&disturbed.slowest, 0.99),
    );
    let most_of_control = quantile(&control.slowest, 0.99);
    measured.count(
        &format!(
            "ms median (control {:.2}, bound {bound:.2})",
            median(&control.slowest)
        ),
        format!("at {size} entries {middle:.2}"),
    );
    measured.count(
        &format!("ms p99 (control {most_of_control:.2})"),
        format!("{most:.2}"),
    );
    measured.check(middle <= bound, || {
        format!("{size} entries: the slowest get of a write takes {middle:.2} ms in the median")
    });
    measured.check(most <= 10.0 || most <= 1.5 * most_of_control, || {
        format!("{size} entries: the slowest get of a write takes {most:.2} ms in one of a hundred")
    });

    let (mut quiet, mut writing) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        quiet.push(extreme(&readers.run_for(plan.round, &|| ())?));
        let writer = || write_behind(&catalog, &entries, plan);
        writing.push(extreme(&readers.run_for(plan.round, &writer)?));
    }
    let (quiet, writing) = (least(&quiet), least(&writing));
    measured.count(
        &format!("ms p99.9 behind the same handle (quiet {quiet:.3})"),
        format!("{writing:.3}"),
    );
    measured.check(writing <= 3.0 * quiet, || {
        format!("{size} entries: p99.9 behind the same handle {writing:.3} ms, quiet {quiet:.3} ms")
    });
    Ok(())
}

/// What readers noticed of another process.
struct Disturbance {
    /// For each of its writes the slowest `get` that it caused, in milliseconds.
    slowest: Vec<f64>,
    /// How long it takes to read the index and to compare it with the bytes from before, in
    /// milliseconds.
    read_ms: f64,
}

/// Reads while another process writes the index, or a file of its size elsewhere.
fn beside_a_process(
    readers: &Readers<'_>,
    plan: Plan,
    target: &str,
) -> Result<Disturbance, String> {
    let root = readers.catalog.root();
    let index = root.join("index.json");
    let mut times = Vec::new();
    let (gets, output) = readers.run_while(|| {
        let child = Command::new(program())
            .arg("--latency-writer")
            .arg(root)
            .args([target, &plan.writes.to_string()])
            .arg(plan.interval.as_millis().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let old = fs::read(&index).map_err(|error| error.to_string())?;
        for _ in 0..21 {
            times.push(read_and_compare(&index, &old));
            std::thread::sleep(Duration::from_millis(5));
        }
        let output = child
            .wait_with_output()
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!("the writer ended with {}", output.status)),
        }
    })?;
    let writes = output.lines().filter_map(|line| {
        let (begin, end) = line.split_once(' ')?;
        Some((begin.parse().ok()?, end.parse().ok()?))
    });
    let writes: Vec<(u64, u64)> = writes.collect();
    if writes.len() != plan.writes {
        return Err(format!("the writer told of {} writes", writes.len()));
    }
    let slowest = writes.iter().map(|(begin, end)| {
        let caused = gets
            .iter()
            .filter(|get| get.begin <= end + AFTERMATH_NS && get.end >= *begin);
        caused.map(Get::ms).fold(0.0, f64::max)
    });
    Ok(Disturbance {
        slowest: slowest.collect(),
        read_ms: median(&times),
    })
}

fn read_and_compare(index: &Path, old: &[u8]) -> f64 {
    let begin = crate::timing::now_ns();
    let is_same = fs::read(index).is_ok_and(|bytes| bytes == old);
    std::hint::black_box(is_same);
    (crate::timing::now_ns() - begin) as f64 * 1e-6
}

/// The value of the gets that one of a thousand exceeds, in milliseconds.
fn extreme(gets: &[Get]) -> f64 {
    let times: Vec<f64> = gets.iter().map(Get::ms).collect();
    quantile(&times, 0.999)
}

/// Changes one entry through the readers' own handle, then waits as the other process would.
fn write_behind(catalog: &FsCatalog, entries: &[CatalogEntry], plan: Plan) {
    let number = crate::timing::now_ns();
    let mut entry = entries[usize::try_from(number).unwrap_or(0) % entries.len()].clone();
    entry.last_verified_ms = Some(number / 1_000_000);
    catalog.put(&entry).expect("it can be put");
    std::thread::sleep(plan.interval.max(Duration::from_millis(200)));
}
