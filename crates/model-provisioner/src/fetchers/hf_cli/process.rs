use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use catalog_core::{CatalogError, Result};

/// Runs its arguments in the background and kills its whole process group when its standard input
/// ends: when the fetcher closes it, or its process dies, however that happens.
const SUPERVISE: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- &
tool=$!
( read -r _ <&3; kill -KILL 0 ) &
watch=$!
exec 3<&-
wait "$tool"
code=$?
kill -KILL "$watch" 2>/dev/null
exit "$code"
"#;

/// Between two looks at a child.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Between two calls of what watches it.
const TICK_EVERY: Duration = Duration::from_millis(200);

/// How long the group has to end by itself once it was told to.
const GRACE: Duration = Duration::from_millis(500);

/// As much of what a child says is read.
const MAX_OUTPUT: u64 = 16 << 20;

/// A program to run, with its arguments and variables.
#[derive(Debug)]
pub(super) struct Invocation {
    program: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Invocation {
    pub(super) fn new(program: &Path, arguments: &[&str]) -> Self {
        Self {
            program: program.to_path_buf(),
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            variables: Vec::new(),
        }
    }

    pub(super) fn argument(&mut self, text: impl Into<String>) -> &mut Self {
        self.arguments.push(text.into());
        self
    }

    pub(super) fn variable(&mut self, name: &'static str, value: impl Into<String>) -> &mut Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs it to its end, with nothing to read. `tick` is called a few times a second and may stop
    /// it by failing.
    pub(super) fn run(&self, tick: &mut dyn FnMut() -> Result<()>) -> Result<Ended> {
        let failed = |action| {
            let path = self.program.clone();
            move |source| CatalogError::Io {
                action,
                path,
                source,
            }
        };
        // Files, as a pipe that nobody empties stops who writes into it.
        let stdout = tempfile::tempfile().map_err(failed("keep the output of"))?;
        let stderr = tempfile::tempfile().map_err(failed("keep the output of"))?;
        let clone = |file: &File| file.try_clone().map_err(failed("keep the output of"));
        let mut child = Command::new("/bin/sh")
            .args(["-c", SUPERVISE, "supervise"])
            .arg(&self.program)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(clone(&stdout)?)
            .stderr(clone(&stderr)?)
            .process_group(0)
            .spawn()
            .map_err(failed("start"))?;
        let mut ticked = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(failed("wait for"))? {
                break status;
            }
            if ticked.elapsed() >= TICK_EVERY {
                ticked = Instant::now();
                if let Err(error) = tick() {
                    stop(&mut child);
                    return Err(error);
                }
            }
            std::thread::sleep(LOOK_EVERY);
        };
        let read = |file| text_of(file).map_err(failed("read the output of"));
        Ok(Ended {
            status,
            stdout: read(stdout)?,
            stderr: read(stderr)?,
        })
    }
}

/// Ends the process group of a child, and waits for that.
fn stop(child: &mut Child) {
    drop(child.stdin.take());
    let begin = Instant::now();
    while begin.elapsed() < GRACE {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    // The supervisor itself hangs.
    drop(child.kill());
    drop(child.wait());
}

fn text_of(mut file: File) -> io::Result<String> {
    let len = file.seek(SeekFrom::End(0))?;
    // What comes last says why it failed.
    file.seek(SeekFrom::Start(len.saturating_sub(MAX_OUTPUT)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
