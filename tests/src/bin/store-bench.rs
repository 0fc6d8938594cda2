//! What the artifact store costs beside the tools of the system, side by side in one run:
//! `store-bench [SCALE]`, where 1 is full size and 8 an eighth of it. As the superuser also on XFS
//! and btrfs, mounted from images.

#![expect(clippy::print_stdout, reason = "a command line prints")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use catalog_core::{
    CatalogStore, CollectionPolicy, Digest, DigestAlgorithm, Expectation, FsCatalog, ImportRequest,
};
use workspace_tests::mounts::Mount;

const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scale: usize = std::env::args().nth(1).map_or(Ok(1), |text| text.parse())?;
    let folder = tempfile::tempdir_in(".")?;
    let gib = (1 << 30) / scale;
    println!("sizes divided by {scale}; medians of {ROUNDS} rounds, in turn");
    import("here", folder.path(), gib)?;
    for (kind, mkfs) in [("xfs", "mkfs.xfs"), ("btrfs", "mkfs.btrfs")] {
        match Mount::in_large_image(mkfs, &["-q", "-f"], 3 * gib as u64 + (512 << 20)) {
            Ok(mount) => import(kind, &mount.path(), gib)?,
            Err(reason) => println!("import on {kind}: skipped: {reason}"),
        }
    }
    hash(folder.path(), gib / 4)?;
    collect(folder.path(), 100_000 / scale, 1_000 / scale)?;
    Ok(())
}

/// Fills a file with bytes that do not compress.
fn fill(path: &Path, size: usize) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    let mut state = 88_172_645_463_325_252_u64 ^ size as u64;
    let mut chunk = Vec::with_capacity(1 << 20);
    let mut left = size;
    while left > 0 {
        chunk.clear();
        for _ in 0..(1 << 17) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            chunk.extend_from_slice(&state.to_le_bytes());
        }
        let some = left.min(chunk.len());
        file.write_all(&chunk[..some])?;
        left -= some;
    }
    file.sync_all()
}

fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begin = Instant::now();
    let answer = work();
    (begin.elapsed(), answer)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn spread(times: &[Duration]) -> String {
    let times: Vec<String> = times.iter().map(|time| format!("{time:.2?}")).collect();
    times.join(" ")
}

/// The bytes that a file system has in use, when everything is written.
fn used(path: &Path) -> std::io::Result<u64> {
    Command::new("sync").arg("-f").arg(path).status()?;
    let output = Command::new("df")
        .args(["--output=used", "-B1"])
        .arg(path)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text
        .lines()
        .nth(1)
        .and_then(|line| line.trim().parse().ok())
        .unwrap_or(0))
}

fn import(place: &str, folder: &Path, size: usize) -> Result<(), Box<dyn std::error::Error>> {
    let source = folder.join("source.bin");
    fill(&source, size)?;
    let catalog = FsCatalog::new(folder.join("root"))?;
    let (mut ours, mut copies, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    let mut space = 0;
    for _ in 0..ROUNDS {
        let before = used(folder)?;
        // So that every round begins alike: nothing in memory but the source. Only the superuser may.
        let _ = fs::write("/proc/sys/vm/drop_caches", "3");
        Digest::of_file(&source)?;
        let request = ImportRequest::new("id", &source);
        let (taken, imported) = time(|| catalog.import(&request, &mut |_| Ok(())));
        imported?;
        ours.push(taken);
        space = used(folder)?.saturating_sub(before);
        catalog.delete("id")?;
        let copy = folder.join("copy.bin");
        // As durable as an import is.
        let (taken, copied) = time(|| {
            let status = Command::new("cp").arg(&source).arg(&copy).status()?;
            fs::File::open(&copy)?.sync_all()?;
            Ok::<_, std::io::Error>(status)
        });
        copied?;
        copies.push(taken);
        fs::remove_file(&copy)?;
        let (taken, hashed) = time(|| Digest::of_file(&source));
        hashed?;
        hashes.push(taken);
    }
    let spread = spread(&ours);
    let (ours, copy, hash) = (median(&mut ours), median(&mut copies), median(&mut hashes));
    let slower = copy.max(hash).as_secs_f64();
    println!(
        "import of {} MiB on {place}: {ours:.2?}; cp and sync {copy:.2?}, hashing alone {hash:.2?}; \
         {:.2}x the rate of the slower, {:.2}x that of hashing; new space {} MiB; imports {spread}",
        size >> 20,
        slower / ours.as_secs_f64(),
        hash.as_secs_f64() / ours.as_secs_f64(),
        space >> 20,
    );
    fs::remove_file(&source)?;
    Ok(())
}

/// The most memory that this process ever held, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok())
        .unwrap_or(0)
}

fn hash(folder: &Path, size: usize) -> Result<(), Box<dyn std::error::Error>> {
    let model = folder.join("model");
    fs::create_dir(&model)?;
    for number in 0..8 {
        fill(&model.join(format!("part-{number}.bin")), size)?;
    }
    let (mut all, mut one) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (taken, tree) =
            time(|| Digest::compute(&model, DigestAlgorithm::Sha256Tree, &mut |_| {}));
        tree?;
        all.push(taken);
        let (taken, digests) = time(|| {
            let digest = |number| Digest::of_file(&model.join(format!("part-{number}.bin")));
            (0..8).map(digest).collect::<Result<Vec<_>, _>>()
        });
        digests?;
        one.push(taken);
    }
    let (all, one) = (median(&mut all), median(&mut one));
    println!(
        "tree digest of 8 files of {} MiB: {all:.2?}, one after the other {one:.2?}: {:.2}x; \
         peak memory of this process {} MiB",
        size >> 20,
        one.as_secs_f64() / all.as_secs_f64(),
        peak() >> 10,
    );
    fs::remove_dir_all(&model)?;
    Ok(())
}

fn collect(
    folder: &Path,
    blobs: usize,
    artifacts: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let root = folder.join("many");
    let catalog = FsCatalog::new(&root)?;
    let publish = |id: &str, files: usize| -> catalog_core::Result<catalog_core::Artifact> {
        let mut staging = catalog.artifacts().stage(id, 0)?;
        for number in 0..files {
            // Written as a fetcher's program would: hashed when it is verified.
            let path = staging.folder().join(format!("{number}.bin"));
            fs::write(&path, format!("{id} {number}")).map_err(|source| {
                catalog_core::CatalogError::Io {
                    action: "write",
                    path,
                    source,
                }
            })?;
        }
        let _ = &mut staging;
        staging
            .verify(&Expectation::default(), &mut |_| Ok(()))?
            .publish()
    };
    let each = blobs / artifacts;
    let mut entries = Vec::new();
    for number in 0..artifacts {
        entries.push(publish(&format!("model-{number}"), each)?.entry());
    }
    // One of ten stays.
    catalog.update(|edit| {
        entries
            .iter()
            .step_by(10)
            .try_for_each(|entry| edit.put(entry))
    })?;
    let (walk, found) = time(|| {
        Command::new("find")
            .arg(&root)
            .args(["-printf", "%n %s\n"])
            .output()
    });
    let names = found?.stdout.iter().filter(|byte| **byte == b'\n').count();
    let (planning, plan) = time(|| catalog.plan_collection(&CollectionPolicy::default()));
    let plan = plan?;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (collecting, (done, published)) = time(|| {
        std::thread::scope(|scope| {
            let publisher = scope.spawn(|| {
                let mut count = 0_usize;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    publish(&format!("meanwhile-{count}"), 1)?;
                    count += 1;
                }
                Ok::<_, catalog_core::CatalogError>(count)
            });
            let done = catalog.collect(&plan);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            (done, publisher.join())
        })
    });
    let done = done?;
    let published = published.map_err(|_| "the publisher panicked")??;
    println!(
        "collection over {blobs} blobs and {artifacts} artifacts: plan {planning:.2?}, a walk of the \
         {names} names by find {walk:.2?}; {} removals {collecting:.2?}, meanwhile {published} \
         models were published",
        done.removed.len(),
    );
    Ok(())
}
