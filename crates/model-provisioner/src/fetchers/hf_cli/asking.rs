use std::path::Path;

use catalog_core::{CatalogError, FetchProblem, HfParts, ModelRef, Result};

use super::complaint::{complaint, fetch_error};
use super::process::{Ended, Invocation};
use super::records::is_hex;
use super::settings::Settings;
use super::tool::Tool;
use super::wanted::{Listed, Wanted};

/// The exit code of a command that does not know an argument.
const USAGE_ERROR: i32 = 2;

/// A pattern that no file of a repository matches.
const NO_FILE: &str = "no/file/has/this/name";

/// Called a few times a second, and may stop what runs by failing.
pub(super) type Tick<'t> = dyn FnMut() -> Result<()> + 't;

/// Questions about one repository at one revision.
pub(super) struct Repository<'r> {
    pub(super) settings: &'r Settings,
    pub(super) tool: &'r Tool,
    pub(super) model_ref: &'r ModelRef,
    pub(super) parts: HfParts<'r>,
    /// The default branch unless given.
    pub(super) revision: Option<&'r str>,
}

/// How the command failed.
pub(super) struct Complaint {
    is_usage: bool,
    pub(super) problem: FetchProblem,
    pub(super) error: CatalogError,
}

impl Repository<'_> {
    fn name(&self) -> String {
        format!("{}/{}", self.parts.org, self.parts.name)
    }

    /// Runs the command; how it failed, if it did.
    fn run(
        &self,
        mut invocation: Invocation,
        tick: &mut Tick<'_>,
    ) -> Result<Result<Ended, Complaint>> {
        if let Some(revision) = self.revision {
            invocation.argument("--revision").argument(revision);
        }
        self.settings.configure(&mut invocation);
        let ended = invocation.run(tick)?;
        if ended.is_success() {
            return Ok(Ok(ended));
        }
        let (problem, detail) = complaint(&self.settings.without_secrets(&ended.stderr));
        Ok(Err(Complaint {
            is_usage: ended.code == Some(USAGE_ERROR),
            problem,
            error: fetch_error(self.model_ref, problem, detail),
        }))
    }

    /// Its files; none if the command cannot list them.
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
                        |error| tracing::warn!(%error, "the listing of the hub is not used"),
                    )
                    .ok())
            }
            Err(complaint) if complaint.is_usage => Ok(None),
            Err(complaint) => Err(complaint.error),
        }
    }

    /// Downloads files into a folder.
    pub(super) fn download(
        &self,
        wanted: &Wanted,
        folder: &Path,
        tick: &mut Tick<'_>,
    ) -> Result<Result<(), Complaint>> {
        let Some(folder) = folder.to_str() else {
            let detail = "the path of its staging area is not UTF-8".to_owned();
            return Err(fetch_error(self.model_ref, FetchProblem::Refused, detail));
        };
        let mut invocation = Invocation::new(&self.tool.path, &["download", &self.name()]);
        for argument in wanted.arguments() {
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
        Ok(self.run(invocation, tick)?.map(drop))
    }

    /// The commit that the revision is now. The command looks it up, downloads nothing into a cache
    /// in this folder, and names a folder after it.
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
        let ended = ended.map_err(|complaint| complaint.error)?;
        Ok(ended.stdout.lines().rev().find_map(|line| {
            let name = Path::new(line.trim()).file_name()?.to_str()?;
            is_hex(name, 40).then(|| name.to_owned())
        }))
    }
}
