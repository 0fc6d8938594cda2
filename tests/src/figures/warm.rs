//! What a call costs when nothing is to be done, in a catalog of 10,000 entries: a model that is
//! Active, proved and unchanged, in place and in the store. Shows by its system calls that it writes
//! nothing, locks nothing and starts nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use catalog_core::{CatalogStore, FsCatalog, ModelRef};
use model_provisioner::{ModelProvisioner, Policy, StagingMode};

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::state::register_others;
use crate::strace::{missing, program};

const ENTRIES: usize = 10_000;

/// Calls that change something, or start or ask somebody.
const EFFECTS: [&str; 34] = [
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "ftruncate",
    "truncate",
    "fsync",
    "fdatasync",
    "flock",
    "fallocate",
    "utimensat",
    "fchmod",
    "chmod",
    "copy_file_range",
    "clone",
    "clone3",
    "fork",
    "vfork",
    "execve",
    "socket",
    "connect",
    "ioctl",
];

pub(super) fn measure(trial: Trial) -> Outcome {
    if let Some(reason) = missing() {
        return Outcome::Skipped(reason);
    }
    let calls = match trial.extent {
        Extent::Quick => 2_000,
        Extent::Full => 100_000,
    };
    let mut measured = Measured::default();
    for (kind, what) in [("in-place", "ns in place"), ("managed", "ns in the store")] {
        match try_kind(kind, calls, trial.sabotage, &mut measured) {
            Ok(median) => measured.count(what, median),
            Err(error) => measured.violation(format!("{kind}: {error}")),
        }
    }
    measured.count("calls of each", calls);
    Outcome::Measured(measured)
}

/// Tells the median time of a call, in nanoseconds, and notes what it did.
fn try_kind(
    kind: &str,
    calls: usize,
    sabotage: Sabotage,
    measured: &mut Measured,
) -> Result<usize, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = folder.path().join("root");
    let trace = folder.path().join("trace");
    let run = |mut command: Command, calls: usize| {
        let output = command
            .arg("--warm")
            .arg(&root)
            .args([kind, &calls.to_string()])
            .args((sabotage == Sabotage::WriteWhenWarm).then_some(WRITING))
            .output()
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    };
    let median = run(Command::new(program()), calls)?;
    let mut traced = Command::new("strace");
    traced.arg("-f").arg("-o").arg(&trace).arg(program());
    run(traced, 50)?;

    // Between the two places where it asks for its parent, which nothing else does.
    let text = fs::read_to_string(&trace).map_err(|error| error.to_string())?;
    let made: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.contains("getppid("))
        .skip(1)
        .take_while(|line| !line.contains("getppid("))
        .collect();
    measured.check(made.len() >= 50, || {
        format!("{kind}: {} calls were seen", made.len())
    });
    for line in &made {
        let call = line.split_whitespace().nth(1).unwrap_or_default();
        let name = call.split('(').next().unwrap_or_default();
        let opens_for_writing = name.starts_with("open")
            && ["O_WRONLY", "O_RDWR", "O_CREAT"]
                .iter()
                .any(|flag| line.contains(flag));
        measured.check(!EFFECTS.contains(&name) && !opens_for_writing, || {
            format!("{kind}: {line}")
        });
    }
    measured.count(
        match kind {
            "managed" => "system calls for 50 in the store",
            _ => "system calls for 50 in place",
        },
        made.len(),
    );
    median
        .parse()
        .map_err(|_| format!("{median:?} is no number"))
}

/// The word for a process that writes a file at each call.
const WRITING: &str = "writing";

/// The process of the calls: `ROOT KIND CALLS [writing]`. Prints the median time in nanoseconds.
#[expect(clippy::print_stdout, reason = "its parent reads it")]
pub fn run_warm(arguments: &[String]) -> Result<(), String> {
    let [root, kind, calls, rest @ ..] = arguments else {
        return Err("ROOT KIND CALLS [writing]".to_owned());
    };
    let is_writing = rest.iter().any(|word| word == WRITING);
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let calls: usize = calls.parse().map_err(|_| "CALLS is a number")?;
    let catalog = FsCatalog::new(root).map_err(|error| text(&error))?;
    if catalog.list().map_err(|error| text(&error))?.is_empty() {
        register_others(&catalog, ENTRIES).map_err(|error| text(&error))?;
    }
    let model: PathBuf = Path::new(root).with_file_name("model.bin");
    if !model.exists() {
        fs::write(&model, vec![7; 1 << 20]).map_err(|error| text(&error))?;
    }
    let mut policy = Policy::default();
    if kind == "managed" {
        policy.staging = StagingMode::Managed;
    }
    let provisioner = ModelProvisioner::new(catalog, catalog_core::FileFetcher);
    let provisioner = provisioner
        .with_policy(policy)
        .map_err(|error| error.to_string())?;
    let digest = catalog_core::Digest::of_file(&model).map_err(|error| text(&error))?;
    let model_ref = ModelRef::File { path: model };
    let id = model_ref.id().map_err(|error| text(&error))?;
    let begin = Instant::now();
    loop {
        let found = provisioner.ensure_present(&model_ref, Some(digest.clone()));
        found.map_err(|error| text(&error))?;
        let known = provisioner.catalog().registered(&id, None);
        let known = known.map_err(|error| text(&error))?;
        if known.ok_or("it is not registered")?.proof.is_some() {
            break;
        }
        if begin.elapsed() > Duration::from_secs(60) {
            return Err("it does not settle".to_owned());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let mut times = Vec::with_capacity(calls);
    let _ = std::os::unix::process::parent_id();
    for _ in 0..calls {
        let begin = Instant::now();
        let found = provisioner.ensure_present(&model_ref, None);
        if is_writing {
            let noted = fs::write(Path::new(root).with_file_name("noted"), "it was used");
            noted.map_err(|error| text(&error))?;
        }
        times.push(begin.elapsed().as_nanos());
        found.map_err(|error| text(&error))?;
    }
    let _ = std::os::unix::process::parent_id();
    times.sort_unstable();
    println!("{}", times[times.len() / 2]);
    Ok(())
}
