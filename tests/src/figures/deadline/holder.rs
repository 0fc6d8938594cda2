use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use catalog_core::managed::ModelLockAttempt;
use catalog_core::{FsCatalog, ModelId};
use rustix::process::{Pid, Signal, kill_process};

use super::Held;
use super::calls::Site;
use crate::strace::program;

/// A process that took a lock and was stopped.
pub(super) struct Holder(Child);

impl Holder {
    pub(super) fn start(site: &Site, held: Held) -> Result<Self, String> {
        let what = match held {
            Held::Manifest => site.manifest()?.display().to_string(),
            _ => held.word().to_owned(),
        };
        let mut child = Command::new(program())
            .arg("--hold-lock")
            .arg(site.root())
            .arg(what)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            let read = BufReader::new(output).read_line(&mut line);
            read.map_err(|error| error.to_string())?;
        }
        let holder = Self(child);
        if line.trim() != "held" {
            return Err(format!("{held:?} could not be taken"));
        }
        let id = i32::try_from(holder.0.id()).map_err(|error| error.to_string())?;
        let id = Pid::from_raw(id).ok_or("a process has an id")?;
        kill_process(id, Signal::STOP).map_err(|error| error.to_string())?;
        Ok(holder)
    }

    /// Lets go of the lock after this time, or when what this returns is dropped.
    pub(super) fn release_after(self, time: Duration) -> Release {
        let (ended, is_ended) = channel();
        let thread = std::thread::spawn(move || {
            // Either it ended, or the time is up.
            let _ = is_ended.recv_timeout(time);
            drop(self);
        });
        Release {
            ended: Some(ended),
            thread: Some(thread),
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Kills a stopped process, too.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) struct Release {
    ended: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Release {
    fn drop(&mut self) {
        drop(self.ended.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The process that holds a lock: `ROOT WHAT`, which is a file of the root, or `model` or `claim`.
/// Prints `held` once it has it, and ends after a minute at the latest.
#[expect(clippy::print_stdout, reason = "its parent reads it")]
pub fn run_lock_holder(arguments: &[String]) -> Result<(), String> {
    let [root, what] = arguments else {
        return Err("ROOT WHAT".to_owned());
    };
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let held: Box<dyn std::any::Any> = match what.as_str() {
        "model" => {
            let catalog = FsCatalog::new(root).map_err(|error| text(&error))?;
            let id = ModelId::new(super::calls::MANAGED).map_err(|error| text(&error))?;
            let attempt = catalog.try_lock_model(&id);
            match attempt.map_err(|error| text(&error))? {
                ModelLockAttempt::Begun(lock) => Box::new(lock),
                ModelLockAttempt::Taken(_) => return Err("somebody else has it".to_owned()),
            }
        }
        "claim" => {
            let catalog = FsCatalog::new(root).map_err(|error| text(&error))?;
            let id = ModelId::new(super::calls::NEW).map_err(|error| text(&error))?;
            let staging = catalog.artifacts().stage(&id, 0);
            Box::new(staging.map_err(|error| text(&error))?)
        }
        file => {
            let path = Path::new(root).join(file);
            let file = open(&path).map_err(|error| text(&error))?;
            file.lock().map_err(|error| text(&error))?;
            Box::new(file)
        }
    };
    println!("held");
    std::io::stdout().flush().map_err(|error| text(&error))?;
    std::thread::sleep(Duration::from_secs(60));
    drop(held);
    Ok(())
}

/// Opens a lock file, which may not be there yet, or one that may only be read.
fn open(path: &PathBuf) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let options = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    options.or_else(|_| File::open(path))
}
