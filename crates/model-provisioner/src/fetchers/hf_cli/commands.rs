use std::path::Path;

use catalog_core::{CatalogError, FetchProblem, HfParts, ModelRef, Result};

use super::cli_error::{fetch_error, read_error};
use super::process::{Ended, Invocation, Tick};
use super::records::is_hex;
use super::selection::{Listed, Selection};
use super::settings::Settings;
use super::tool::Tool;

/// The exit code of the command if it does not know an argument.
const USAGE_ERROR: i32 = 2;

/// A pattern that no file of a repository matches.
const NO_FILE: &str = "no/file/has/this/name";

/// A repository at one revision, and the command that reads it.
pub(super) struct Repository<'r> {
    pub(super) settings: &'r Settings,
    pub(super) tool: &'r Tool,
    pub(super) model_ref: &'r ModelRef,
    pub(super) parts: HfParts<'r>,
    /// The revision. `None` stands for the default branch.
    pub(super) revision: Option<&'r str>,
}

/// The failure of a command.
pub(super) struct CommandFailure {
    is_usage: bool,
    pub(super) problem: FetchProblem,
    pub(super) error: CatalogError,
}

impl Repository<'_> {
    fn name(&self) -> String {
        format!("{}/{}", self.parts.org, self.parts.name)
    }

    /// Runs the command. The outer error ends the call. The inner error is a failure of the
    /// command.
    fn run(
        &self,
        mut invocation: Invocation,
        tick: &mut Tick<'_>,
    ) -> Result<Result<Ended, CommandFailure>> {
        if let Some(revision) = self.revision {
            invocation.argument("--revision").argument(revision);
        }
        self.settings.configure(&mut invocation);
        let ended = invocation.run(tick)?;
        if ended.is_success() {
            return Ok(Ok(ended));
        }
        let (problem, detail) = read_error(&self.settings.without_secrets(&ended.stderr));
        Ok(Err(CommandFailure {
            is_usage: ended.code == Some(USAGE_ERROR),
            problem,
            error: fetch_error(self.model_ref, problem, detail),
        }))
    }

    /// Lists the files of the repository. Returns `None` if the command cannot list files or its
    /// listing cannot be read.
    pub(super) fn list(&self, tick: &mut Tick<'_>) -> Result<Option<Vec<Listed>>> {
        if !self.tool.can_list() {
            return Ok(None);
        }
        let name = self.name();
        let arguments = ["models", "ls", &name, "--recursive", "--format", "json"];
        let invocation = Invocation::new(&self.tool.path, &arguments);
        match self.run(invocation, tick)? {
            Ok(ended) => {
                let listing = serde_json::from_str(&ended.stdout);
                Ok(listing
                    .inspect_err(
                        |error| tracing::warn!(%error, "the listing of the hub cannot be read"),
                    )
                    .ok())
            }
            Err(failure) if failure.is_usage => Ok(None),
            Err(failure) => Err(failure.error),
        }
    }

    /// Downloads the selected files into a folder.
    pub(super) fn download(
        &self,
        selection: &Selection,
        folder: &Path,
        tick: &mut Tick<'_>,
    ) -> Result<Result<(), CommandFailure>> {
        let Some(folder) = folder.to_str() else {
            let detail = "the path of the staging area is not UTF-8".to_owned();
            return Err(fetch_error(self.model_ref, FetchProblem::Refused, detail));
        };
        for arguments in selection.runs() {
            let mut invocation = Invocation::new(&self.tool.path, &["download", &self.name()]);
            for argument in arguments {
                invocation.argument(argument);
            }
            for argument in ["--repo-type", "model", "--quiet", "--local-dir", folder] {
                invocation.argument(argument);
            }
            if self.tool.makes_links() {
                invocation
                    .argument("--local-dir-use-symlinks")
                    .argument("False");
            }
            if let Err(failure) = self.run(invocation, tick)? {
                return Ok(Err(failure));
            }
        }
        Ok(Ok(()))
    }

    /// Returns the commit to which the revision resolves now. The command is asked to download no
    /// file into a cache in this folder. It prints the path of a folder of the cache, whose name is
    /// the commit.
    pub(super) fn commit(&self, cache: &Path, tick: &mut Tick<'_>) -> Result<Option<String>> {
        let folder = cache.to_string_lossy();
        let name = self.name();
        let arguments = [
            "download",
            &name,
            "--include",
            NO_FILE,
            "--quiet",
            "--cache-dir",
            &*folder,
        ];
        let invocation = Invocation::new(&self.tool.path, &arguments);
        let ended = self.run(invocation, tick)?;
        let ended = ended.map_err(|failure| failure.error)?;
        Ok(ended.stdout.lines().rev().find_map(|line| {
            let name = Path::new(line.trim()).file_name()?.to_str()?;
            is_hex(name, 40).then(|| name.to_owned())
        }))
    }
}
