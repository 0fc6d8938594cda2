use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use catalog_core::{CatalogError, Result};

use super::output::Output;

/// A function that is called a few times a second. If it returns an error, the running command is
/// stopped.
pub(super) type Tick<'t> = dyn FnMut() -> Result<()> + 't;

/// The script that supervises a program. Its first argument is a mark; the others are the program
/// and its arguments. The script runs the program in the background. It kills its own process group
/// when the program has ended, or when its standard input ends. The input ends when the fetcher
/// closes it, or when the process of the fetcher dies. When the program has ended, the script
/// prints the mark and the exit code in a line of their own before it kills the group. A process
/// that leaves the group survives.
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

/// The time between two checks whether a child has ended. The standard library cannot wait with a
/// deadline, and the call may be cancelled during the wait.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The time between two calls of the function that watches a child.
const TICK_EVERY: Duration = Duration::from_millis(150);

/// The time that a supervisor has to kill its process group before this process does.
const GRACE: Duration = Duration::from_secs(2);

/// The error number of a wait for a child that was reaped already, as in a process that ignores
/// SIGCHLD. The number is the same on all supported systems.
const ECHILD: i32 = 10;

/// A program to run, with its arguments and its environment variables.
#[derive(Debug)]
pub(super) struct Invocation {
    program: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

/// The result of a program that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The exit code. `None` if the program was killed with its supervisor.
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

    /// Runs the program to its end, without standard input. `tick` is called a few times a second.
    /// If it returns an error, the program is stopped.
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
        let mut child = shell()
            .args(["-c", SUPERVISE, "supervise", &mark])
            .arg(&self.program)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed("start"))?;
        let (stdout, stderr) = match outputs_of(&mut child) {
            Ok(outputs) => outputs,
            Err(error) => {
                stop(&mut child);
                return Err(failed("read the output of")(error));
            }
        };
        let mut ticked = Instant::now();
        while !has_ended(&mut child).map_err(failed("wait for"))? {
            if ticked.elapsed() >= TICK_EVERY {
                ticked = Instant::now();
                if let Err(error) = tick() {
                    stop(&mut child);
                    return Err(error);
                }
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let (stdout, stderr) = (stdout.into_text(), stderr.into_text());
        let (said, code) = match stderr.rsplit_once(&format!("\n{mark} ")) {
            Some((said, code)) => (said.to_owned(), code.trim().parse().ok()),
            None => (stderr, None),
        };
        Ok(Ended {
            code,
            stdout,
            stderr: said,
        })
    }
}

/// Returns a word that a program does not print by chance.
fn mark() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    format!("ended-{}-{nanos}", std::process::id())
}

/// Returns the command of a shell that neither blocks nor ignores signals, even if this process
/// does: a shell that inherits a blocked or ignored SIGCHLD can wait for ever. If `env` cannot
/// reset signals, the plain shell is returned.
fn shell() -> Command {
    static RESETS_SIGNALS: OnceLock<bool> = OnceLock::new();
    const ENV: &str = "/usr/bin/env";
    const DEFAULT: &str = "--default-signal";
    let resets_signals = RESETS_SIGNALS.get_or_init(|| {
        let asked = Command::new(ENV)
            .args([DEFAULT, "echo", DEFAULT])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        asked.is_ok_and(|mut asked| {
            let mut said = String::new();
            let read = asked
                .stdout
                .take()
                .map(|mut out| out.read_to_string(&mut said));
            drop(asked.wait());
            matches!(read, Some(Ok(_))) && said.trim_end() == DEFAULT
        })
    });
    match resets_signals {
        true => {
            let mut command = Command::new(ENV);
            command.args([DEFAULT, "/bin/sh"]);
            command
        }
        false => Command::new("/bin/sh"),
    }
}

/// Starts to read both outputs of a child.
fn outputs_of(child: &mut Child) -> io::Result<(Output, Output)> {
    let none = || io::Error::other("the child has no such pipe");
    let stdout = Output::of(child.stdout.take().ok_or_else(none)?)?;
    let stderr = Output::of(child.stderr.take().ok_or_else(none)?)?;
    Ok((stdout, stderr))
}

/// Returns true if a child has ended. Its exit code is not needed, because the supervisor prints
/// the exit code of the program.
fn has_ended(child: &mut Child) -> io::Result<bool> {
    match child.try_wait() {
        Err(error) if error.raw_os_error() == Some(ECHILD) => Ok(true),
        status => Ok(status?.is_some()),
    }
}

/// Stops the process group of a child, and waits for the child.
fn stop(child: &mut Child) {
    // The supervisor kills its group when its input ends.
    drop(child.stdin.take());
    let begin = Instant::now();
    while begin.elapsed() < GRACE {
        if has_ended(child).unwrap_or(true) {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    // The supervisor hangs. Its process id is still its own, because no call has waited for it.
    let killed = shell()
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
