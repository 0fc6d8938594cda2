//! The cost of a call for a model that is Active, proved and unchanged, in place and in the store, in a
//! catalog of 10,000 entries. The system calls of `ensure_present` show that it writes nothing, locks
//! nothing and starts nothing. `provision` also takes a lease.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use catalog_core::{CatalogStore, FsCatalog, ModelRef};
use model_provisioner::{ModelProvisioner, Policy, ProvisionRequest, StagingMode};

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::state::register_others;
use crate::strace::{missing, program};

const ENTRIES: usize = 10_000;

/// The bound of the ratio of `provision` with its lease to `ensure_present`.
const MAX_RATIO: f64 = 1.5;

/// System calls that change something, start a process or ask another host.
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
        // The system calls show it, not the times.
        _ if trial.sabotage != Sabotage::Nothing => 50,
        Extent::Quick => 2_000,
        Extent::Full => 100_000,
    };
    let mut measured = Measured::of(trial);
    for (kind, place) in [("in-place", "in place"), ("managed", "in the store")] {
        match try_kind(kind, place, calls, trial.sabotage, &mut measured) {
            Ok(times) => {
                let [alone, ensure, provision] = times;
                measured.count(&format!("ns {place}"), alone);
                let ratio = provision as f64 / ensure as f64;
                measured.count(
                    &format!("times that with a lease {place}"),
                    format!("{ratio:.2}"),
                );
                // A busy machine must not fail the tests.
                measured.check(trial.extent == Extent::Quick || ratio <= MAX_RATIO, || {
                    format!("{place}: a call with a lease takes {ratio:.2} times the call without")
                });
            }
            Err(error) => measured.violation(format!("{kind}: {error}")),
        }
        if measured.is_hopeless() {
            break;
        }
    }
    measured.count("calls of each", calls);
    Outcome::Measured(measured)
}

/// Returns the median times in nanoseconds that the process of the calls prints, and notes their
/// system calls.
fn try_kind(
    kind: &str,
    place: &str,
    calls: usize,
    sabotage: Sabotage,
    measured: &mut Measured,
) -> Result<[u64; 3], String> {
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
    let times = run(Command::new(program()), calls)?;
    let mut traced = Command::new("strace");
    traced.arg("-f").arg("-o").arg(&trace).arg(program());
    run(traced, 50)?;

    // Between the places where it asks for its parent, which nothing else does.
    let text = fs::read_to_string(&trace).map_err(|error| error.to_string())?;
    let mut parts = vec![Vec::new()];
    for line in text.lines() {
        match line.contains("getppid(") {
            true => parts.push(Vec::new()),
            false => parts.last_mut().expect("there is one").push(line),
        }
    }
    let [_, alone, with_lease, ..] = &parts[..] else {
        return Err("the trace shows no calls".to_owned());
    };
    measured.check(alone.len() >= 50, || {
        format!("{kind}: {} calls were seen", alone.len())
    });
    for line in alone {
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
    measured.count(&format!("system calls for 50 {place}"), alone.len());
    measured.count(
        &format!("system calls for 50 with a lease {place}"),
        with_lease.len(),
    );
    let times: Vec<u64> = times
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| format!("{times:?} are no numbers"))?;
    <[u64; 3]>::try_from(times).map_err(|times| format!("{times:?} are not three times"))
}

/// The word for a process that writes a file at each call.
const WRITING: &str = "writing";

/// The process of the calls: `ROOT KIND CALLS [writing]`. Prints the median times of `ensure_present`
/// alone, and of `ensure_present` and `provision` in turn, in nanoseconds.
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
    let ensure = || {
        let begin = Instant::now();
        let found = provisioner.ensure_present(&model_ref, None);
        if is_writing {
            let noted = fs::write(Path::new(root).with_file_name("noted"), "it was used");
            noted.map_err(|error| text(&error))?;
        }
        let took = begin.elapsed().as_nanos();
        found.map(|_| took).map_err(|error| text(&error))
    };
    let request = ProvisionRequest::new(model_ref.clone());
    let provision = || {
        let begin = Instant::now();
        let report = provisioner.provision(&request);
        let took = begin.elapsed().as_nanos();
        report.map(|_| took).map_err(|error| text(&error))
    };
    // The first lease of an hour notes the use.
    provision()?;
    let mark = || {
        let _ = std::os::unix::process::parent_id();
    };
    mark();
    let alone: Vec<u128> = (0..calls).map(|_| ensure()).collect::<Result<_, _>>()?;
    mark();
    for _ in 0..calls.min(50) {
        provision()?;
    }
    mark();
    let mut in_turn = (Vec::new(), Vec::new());
    for _ in 0..calls {
        in_turn.0.push(ensure()?);
        in_turn.1.push(provision()?);
    }
    let times = [alone, in_turn.0, in_turn.1].map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].to_string()
    });
    println!("{}", times.join(" "));
    Ok(())
}
