use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use catalog_core::{CatalogError, Result};

/// Runs its arguments but the first in the background. Kills its whole process group when its
/// standard input ends: when the fetcher closes it, or its process dies, however that happens; and
/// when the program has ended, so that nothing that it started goes on. Its exit code is told before,
/// in a last line behind the first argument.
const SUPERVISE: &str = r#"
mark=$1
shift
exec 3<&0 </dev/null
"$@" 3<&- &
tool=$!
( read -r _ <&3; kill -KILL 0 ) &
exec 3<&-
wait "$tool"
printf '\n%s %s\n' "$mark" "$?" >&2
kill -KILL 0
"#;

/// Between two looks at a child: std has no wait for one that ends at some time, and cancel and
/// deadline have to be seen meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Between two calls of what watches it.
const TICK_EVERY: Duration = Duration::from_millis(200);

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
    /// Its exit code; none if it was killed with its supervisor.
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ended {
    pub(super) fn is_success(&self) -> bool {
        self.code == Some(0)
    }
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
        let mark = mark();
        // Files, as a pipe that nobody empties stops who writes into it.
        let stdout = tempfile::tempfile().map_err(failed("keep the output of"))?;
        let stderr = tempfile::tempfile().map_err(failed("keep the output of"))?;
        let clone = |file: &File| file.try_clone().map_err(failed("keep the output of"));
        let mut child = Command::new("/bin/sh")
            .args(["-c", SUPERVISE, "supervise", &mark])
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
        while child.try_wait().map_err(failed("wait for"))?.is_none() {
            if ticked.elapsed() >= TICK_EVERY {
                ticked = Instant::now();
                if let Err(error) = tick() {
                    stop(&mut child);
                    return Err(error);
                }
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let read = |file| text_of(file).map_err(failed("read the output of"));
        let stderr = read(stderr)?;
        let (said, code) = match stderr.rsplit_once(&format!("\n{mark} ")) {
            Some((said, code)) => (said.to_owned(), code.trim().parse().ok()),
            None => (stderr, None),
        };
        Ok(Ended {
            code,
            stdout: read(stdout)?,
            stderr: said,
        })
    }
}

/// A word that no program says by chance.
fn mark() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    format!("ended-{}-{nanos}", std::process::id())
}

/// Ends the process group of a child, and waits for the child.
fn stop(child: &mut Child) {
    drop(child.stdin.take());
    // The supervisor does so by itself, unless it hangs. Its number is still its own, as nobody has
    // waited for it.
    let killed = Command::new("/bin/sh")
        .args([
            "-c",
            "kill -KILL -- \"-$1\"",
            "kill",
            &child.id().to_string(),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if killed.is_err() {
        drop(child.kill());
    }
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
