//! A process dies between the publication and the registration of a model.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use catalog_core::{CatalogStore, FsCatalog};
use model_provisioner::{Event, EventKind, ModelProvisioner};

use super::{MODEL, content};
use crate::strace::program;
use crate::toy::{ToyFetcher, log_of};

/// Returns the number of fetches after the crash. If it `is_forgetful`, the locks of models are lost.
pub(super) fn register_after_a_crash(is_forgetful: bool) -> Result<usize, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let folder = tempfile::tempdir().map_err(|error| text(&error))?;
    let (root, log) = (folder.path().join("root"), folder.path().join("log"));
    let status = Command::new(program())
        .arg("--die")
        .args([&root, &log])
        .stderr(Stdio::null())
        .status()
        .map_err(|error| text(&error))?;
    if status.success() {
        return Err("the process did not die".to_owned());
    }
    let catalog = FsCatalog::new(&root).map_err(|error| text(&error))?;
    let before = log_of(&log).len();
    let entries = catalog.list().map_err(|error| text(&error))?;
    if before == 0 || !entries.is_empty() {
        return Err("the process died before it published, or after it registered".to_owned());
    }
    if is_forgetful {
        fs::remove_dir_all(root.join("locks/models")).map_err(|error| text(&error))?;
    }
    let fetcher = ToyFetcher::of(&content()).logging_to(&log);
    let found = ModelProvisioner::new(catalog, fetcher)
        .ensure_present_str(MODEL, None)
        .map_err(|error| text(&error))?;
    let is_right = fs::read(&found.local_path).is_ok_and(|bytes| bytes == content());
    if !is_right {
        return Err(format!("wrong bytes at {}", found.local_path.display()));
    }
    let events = log_of(&log);
    Ok(events[before..]
        .iter()
        .filter(|(word, _)| word == "begin")
        .count())
}

/// A process that dies once it published: `ROOT LOG`.
pub fn run_dying_caller(arguments: &[String]) -> Result<(), String> {
    let [root, log] = arguments else {
        return Err("ROOT LOG".to_owned());
    };
    let catalog = FsCatalog::new(root).map_err(|error| error.to_string())?;
    let fetcher = ToyFetcher::of(&content()).logging_to(Path::new(log));
    let observer = |event: &Event| {
        if matches!(event.kind, EventKind::Published { .. }) {
            std::process::abort();
        }
    };
    let provisioner = ModelProvisioner::new(catalog, fetcher).with_observer(observer);
    let found = provisioner.ensure_present_str(MODEL, None);
    found.map(drop).map_err(|error| error.to_string())
}
