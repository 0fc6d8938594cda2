//! The power of real file systems cut at points of workloads; what was acknowledged is there when
//! they are mounted again.

use std::fs;

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::mounts::{Mount, run};
use crate::state::{observe, prepare, write_and_look_for_leftovers};
use crate::steps::{Step, answers, states};
use crate::strace::{Point, Site, missing, points, run_workload};

/// How to make each file system.
const FILE_SYSTEMS: [(&str, &str, &[&str]); 2] = [
    ("ext4", "mkfs.ext4", &["-q", "-F"]),
    ("xfs", "mkfs.xfs", &["-q", "-f"]),
];

/// What is under way when the power is cut.
const WORKLOADS: [&[Step]; 2] = [
    &[Step::PutA, Step::UpdateBoth, Step::PutEngine, Step::DeleteA],
    &[Step::ImportM, Step::ImportN, Step::DeleteM, Step::Collect],
];

pub(super) fn measure(trial: Trial) -> Outcome {
    if let Some(reason) = missing() {
        return Outcome::Skipped(reason);
    }
    if let Err(reason) = run("xfs_io", &["-V"]) {
        return Outcome::Skipped(reason);
    }
    let (each, bound) = match trial.extent {
        Extent::Quick => (6, 12),
        Extent::Full => (110, 200),
    };
    let workloads = WORKLOADS.map(|workload| {
        let points = points(&Site::new().trace(workload));
        (workload, points)
    });
    let mut measured = Measured::of(trial);
    let mut cuts = 0;
    for (name, mkfs, arguments) in FILE_SYSTEMS {
        let mount = match Mount::in_image(mkfs, arguments) {
            Ok(mount) => mount,
            Err(reason) => return Outcome::Skipped(reason),
        };
        for number in 0..each {
            if measured.is_hopeless() {
                break;
            }
            let (workload, all) = &workloads[number % workloads.len()];
            let point = &all[number * all.len() / each];
            cuts += 1;
            if let Err(error) = cut(&mount, workload, point, number, trial.sabotage) {
                measured.violation(format!(
                    "{name} at {} {}: {error}",
                    point.call, point.number
                ));
            }
        }
    }
    measured.count("file systems", FILE_SYSTEMS.len());
    measured.at_least(bound, "cuts", cuts);
    Outcome::Measured(measured)
}

/// Kills the workload at a point, cuts the power at once, and looks.
fn cut(
    mount: &Mount,
    workload: &[Step],
    point: &Point,
    number: usize,
    sabotage: Sabotage,
) -> Result<(), String> {
    let root = mount.path().join(number.to_string());
    prepare(&root);
    run("sync", &["-f", &root.display().to_string()])?;
    // The answers are kept elsewhere: they are what the outer world was told.
    let told = tempfile::tempdir().map_err(|error| error.to_string())?;
    let inject = format!("inject={}:signal=KILL:when={}", point.call, point.number);
    let mut options = ["-o", "/dev/null", "-e", &inject]
        .map(str::to_owned)
        .to_vec();
    if sabotage == Sabotage::NoFileSync {
        // Of files and folders alike: `strace` does not tell them apart.
        options.extend(["-e", "inject=fsync:retval=0"].map(str::to_owned));
    }
    run_workload(&root, told.path(), workload, &options);
    mount.cut()?;
    mount.unmount()?;
    mount.mount()?;
    let acknowledged = answers(told.path()).len();
    let expected = states(workload);
    let legal = &expected[acknowledged..expected.len().min(acknowledged + 2)];
    let state = observe(&root)?;
    if !legal.contains(&state) {
        return Err(format!("{acknowledged} calls returned, found {state}"));
    }
    write_and_look_for_leftovers(&root)?;
    fs::remove_dir_all(&root).map_err(|error| error.to_string())
}
