//! The main job from the command line: makes a model present, verified and registered.
//!
//! ```text
//! provision MODEL_REF [--digest ALGORITHM:HEX] [--cache-dir DIR]
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

mod common;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use catalog_core::{
    Digest, DigestAlgorithm, ModelRef, Progress, VerificationOutcomeKind, default_model_cache_dir,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model_provisioner::{Event, EventKind, Handoff, ModelProvisioner, ProvisionRequest};

const USAGE: &str = "usage: provision MODEL_REF [--digest ALGORITHM:HEX] [--cache-dir DIR]

MODEL_REF  a path, file:…, or hf:org/repo[@revision][/path], for which the hub's `hf` command
           must be installed
--digest   what the bytes must be: sha256:…, sha512:… for a file, sha256-tree:… for a folder
--cache-dir  where the catalog lives; ~/.cache/models unless given";

/// Hashing for longer than this shows a progress bar.
const SHOW_AFTER: Duration = Duration::from_millis(500);

struct Arguments {
    model_ref: String,
    digest: Option<Digest>,
    cache_dir: PathBuf,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .init();
    let outcome = match arguments() {
        Ok(Some(arguments)) => run(&arguments),
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let _ = common::exit_code(Err(error));
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    common::exit_code(outcome)
}

/// Returns `None` if the arguments ask for help.
fn arguments() -> Result<Option<Arguments>, Box<dyn Error>> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut parser = lexopt::Parser::from_env();
    let (mut model_ref, mut digest, mut cache_dir) = (None, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Value(value) if model_ref.is_none() => model_ref = Some(value.string()?),
            Long("digest") => digest = Some(parser.value()?.string()?.parse()?),
            Long("cache-dir") => cache_dir = Some(PathBuf::from(parser.value()?)),
            Long("help") | Short('h') => return Ok(None),
            _ => return Err(argument.unexpected().into()),
        }
    }
    Ok(Some(Arguments {
        model_ref: model_ref.ok_or("MODEL_REF is missing")?,
        digest,
        cache_dir: cache_dir.unwrap_or_else(default_model_cache_dir),
    }))
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let begin = Instant::now();
    let bar = Arc::new(HashBar::default());
    let observer = {
        let bar = Arc::clone(&bar);
        move |event: &Event| {
            if let EventKind::Verifying(progress) = event.kind {
                bar.show(progress);
            }
        }
    };
    let provisioner = ModelProvisioner::with_hf_cli(&arguments.cache_dir)?.with_observer(observer);
    let model_ref = ModelRef::parse(&arguments.model_ref)?;
    let request = ProvisionRequest::new(model_ref).expecting(arguments.digest.clone());
    let report = provisioner.provision(&request)?;
    let path = &report.resolved.local_path;

    let digest = match &report.digest {
        Some(proved) => proved.clone(),
        None => {
            let algorithm = if path.is_dir() {
                DigestAlgorithm::Sha256Tree
            } else {
                DigestAlgorithm::Sha256
            };
            Digest::compute(path, algorithm, &mut |progress| bar.show(progress))?
        }
    };
    let outcome = match report.outcome.kind {
        VerificationOutcomeKind::Pass => "verified: the bytes are the expected ones",
        _ => "unverified: pass the digest above with --digest to pin it",
    };
    println!("id:       {}", report.resolved.id);
    println!("path:     {}", path.display());
    println!("size:     {} bytes", Handoff::of(&report)?.document().size);
    println!("digest:   {digest}");
    println!("outcome:  {outcome}");
    println!("duration: {:.3} s", begin.elapsed().as_secs_f64());
    Ok(())
}

/// A progress bar that shows on a terminal only, and only when hashing takes long.
#[derive(Default)]
struct HashBar(Mutex<HashBarState>);

#[derive(Default)]
struct HashBarState {
    begin: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl HashBar {
    fn show(&self, progress: Progress) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = *state.begin.get_or_insert_with(Instant::now);
        if Some(progress.done) == progress.total {
            if let Some(bar) = state.bar.take() {
                bar.finish_and_clear();
            }
        } else if begin.elapsed() > SHOW_AFTER {
            let bar = state
                .bar
                .get_or_insert_with(|| hash_bar(progress.total.unwrap_or(progress.done)));
            bar.set_position(progress.done);
        }
    }
}

fn hash_bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "hashing {bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
    );
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
