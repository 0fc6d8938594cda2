use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::figure::Sabotage;
use crate::model_source::ModelSource;
use crate::state::prepare;
use crate::steps::{EARLY, Step};

/// A place where workloads run: a root, and a folder for their answers.
#[derive(Debug)]
pub struct Site {
    folder: tempfile::TempDir,
    answers: Answers,
    source: Option<ModelSource>,
}

/// When the workloads of a site say that a call returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    WhenItDid,
    /// Before it is made: the sabotage.
    Early,
}

impl Site {
    /// A fresh root with the files that workloads register, in memory where there is such a place.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let site = Self {
            folder: folder.expect("a temporary folder can be made"),
            answers: Answers::WhenItDid,
            source: None,
        };
        prepare(&site.root());
        fs::create_dir(site.answers()).expect("a folder can be made");
        site
    }

    /// A fresh root for a workload, with the web server that it fetches from.
    pub fn of(workload: &[Step]) -> Self {
        let mut site = Self::new();
        if workload.contains(&Step::Fetch) {
            let source = ModelSource::start(&site.root());
            site.source = Some(source.expect("a port of the loopback interface is free"));
        }
        site
    }

    /// A fresh root for a workload that is disturbed in this way.
    pub fn with(workload: &[Step], sabotage: Sabotage) -> Self {
        let mut site = Self::of(workload);
        if sabotage == Sabotage::EarlyAnswers {
            site.answers = Answers::Early;
        }
        site
    }

    /// The web server of the site, if its workload fetches.
    pub fn source(&self) -> Option<&ModelSource> {
        self.source.as_ref()
    }

    /// The root.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Where the answers go.
    pub fn answers(&self) -> PathBuf {
        self.folder.path().join("answers")
    }

    /// Runs a workload under `strace` with these options.
    pub fn run(&self, workload: &[Step], options: &[String]) -> ExitStatus {
        let words = self.words(workload);
        run_words(&self.root(), &self.answers(), words, options)
    }

    /// Starts a workload without `strace`.
    pub fn start(&self, workload: &[Step]) -> io::Result<Child> {
        let mut command = Command::new(program());
        command
            .arg("--workload")
            .args([self.root(), self.answers()]);
        command.args(self.words(workload));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    fn words(&self, workload: &[Step]) -> Vec<String> {
        let early = (self.answers == Answers::Early).then_some(EARLY);
        let steps = workload.iter().map(|step| format!("{step:?}"));
        early.map(str::to_owned).into_iter().chain(steps).collect()
    }

    /// Runs a workload and gives the trace of its system calls, all text in hexadecimal.
    pub fn trace(&self, workload: &[Step]) -> String {
        let trace = self.folder.path().join("trace");
        self.run_traced(workload, &[], &trace);
        fs::read_to_string(trace).expect("strace wrote its trace")
    }

    /// Runs a workload and gives the trace of all its threads in the order in which they were seen.
    pub fn trace_together(&self, workload: &[Step]) -> String {
        let trace = self.folder.path().join("trace");
        self.run_traced(workload, &["-f".to_owned()], &trace);
        fs::read_to_string(trace).expect("strace wrote its trace")
    }

    /// Runs a workload with more options, and gives the traces of its threads: that of the first one,
    /// and those of the others.
    pub fn trace_threads(&self, workload: &[Step], more: &[String]) -> (String, Vec<String>) {
        let folder = self.folder.path().join("traces");
        fs::create_dir(&folder).expect("a folder can be made");
        let mut options = vec!["-ff".to_owned()];
        options.extend_from_slice(more);
        self.run_traced(workload, &options, &folder.join("trace"));
        let (mut first, mut others) = (None, Vec::new());
        for entry in fs::read_dir(&folder).expect("it can be read").flatten() {
            let trace = fs::read_to_string(entry.path()).expect("strace wrote its trace");
            match trace.starts_with("execve(") {
                true => first = Some(trace),
                false => others.push(trace),
            }
        }
        (first.expect("a process begins with its program"), others)
    }

    fn run_traced(&self, workload: &[Step], more: &[String], trace: &Path) {
        let mut options = ["-xx", "-s", "1000000"].map(str::to_owned).to_vec();
        options.extend_from_slice(more);
        options.extend(["-o".to_owned(), trace.display().to_string()]);
        assert!(
            self.run(workload, &options).success(),
            "an undisturbed workload ends well"
        );
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs a workload on a root under `strace` with these options.
pub fn run_workload(
    root: &Path,
    answers: &Path,
    workload: &[Step],
    options: &[String],
) -> ExitStatus {
    let words = workload.iter().map(|step| format!("{step:?}")).collect();
    run_words(root, answers, words, options)
}

fn run_words(root: &Path, answers: &Path, words: Vec<String>, options: &[String]) -> ExitStatus {
    Command::new("strace")
        .args(options)
        .arg(program())
        .arg("--workload")
        .args([root, answers])
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("strace was found before")
}

/// The program that runs workloads, contenders and daemons: the scoreboard itself.
pub fn program() -> PathBuf {
    std::env::current_exe().expect("a process knows its program")
}

/// Runs the program so that every lock is granted at once, if that is the sabotage.
pub fn program_with(sabotage: Sabotage) -> Command {
    if sabotage != Sabotage::NoLocks {
        return Command::new(program());
    }
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-e", "inject=flock:retval=0"]);
    command.arg(program());
    command
}

/// Why there is no `strace` to be used here, if there is none.
pub fn missing() -> Option<String> {
    let output = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            Some(format!("strace may not trace here: {}", text.trim()))
        }
        Err(error) => Some(format!("strace: {error}")),
    }
}

/// A system call of a trace: its name, and which of that name it is in its process, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// The system call.
    pub call: String,
    /// Which one of that name.
    pub number: usize,
}

/// The calls of a trace from where the workload begins.
pub fn points(trace: &str) -> Vec<Point> {
    let begin = trace.lines().position(|line| line.starts_with("getppid("));
    let all = points_of_thread(trace);
    let begin = begin.map_or(usize::MAX, |line| line + 1);
    let begun = all.into_iter().filter(|(line, _)| *line >= begin);
    begun.map(|(_, point)| point).collect()
}

/// The calls of the trace of one thread, with their lines.
pub fn points_of_thread(trace: &str) -> Vec<(usize, Point)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut points = Vec::new();
    for (line, text) in trace.lines().enumerate() {
        let Some((call, _)) = text.split_once('(') else {
            continue;
        };
        let number = counts.entry(call).or_default();
        *number += 1;
        if !matches!(call, "exit_group" | "restart_syscall") {
            let (call, number) = (call.to_owned(), *number);
            points.push((line, Point { call, number }));
        }
    }
    points
}
