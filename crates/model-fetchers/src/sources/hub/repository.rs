use catalog_core::fetching::HubFile;
use catalog_core::{CatalogError, Digest, FetchProblem, HfParts, Result};
use serde::Deserialize;

use super::api::{Api, Report};
use super::listing::{ListedFile, is_commit, list};
use crate::net::{Ask, Url};
use crate::transfer::{Checksum, RemoteFile};

/// The branch of a reference without a revision.
const DEFAULT_REVISION: &str = "main";

/// The facts that the hub states about a revision.
#[derive(Debug, Deserialize)]
struct Info {
    sha: String,
    id: Option<String>,
}

/// A repository at the hub.
pub(super) struct Repository<'r> {
    pub(super) api: &'r Api<'r>,
    pub(super) parts: HfParts<'r>,
}

/// A commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Commit {
    pub(super) sha: String,
    /// The spelling of the repository at the hub, if it is another one than in the reference.
    pub(super) spelling: Option<String>,
}

impl Repository<'_> {
    fn name(&self) -> String {
        format!("{}/{}", self.parts.org, self.parts.name)
    }

    fn address(&self, parts: &[&str]) -> Url {
        let api = ["api", "models", self.parts.org, self.parts.name];
        let all = api.into_iter().chain(parts.iter().copied());
        self.api.endpoint.with_parts(all)
    }

    /// Resolves a revision to a commit with one request. A commit needs no request.
    pub(super) fn resolve(
        &self,
        revision: Option<&str>,
        report: &mut Report<'_>,
    ) -> Result<Commit> {
        let revision = revision.unwrap_or(DEFAULT_REVISION);
        if is_commit(revision) {
            return Ok(Commit {
                sha: revision.to_owned(),
                spelling: None,
            });
        }
        let asked = self.address(&["revision", revision]);
        let page = self.api.get::<Info>(&asked, report)?;
        self.check_name(&page.url)?;
        let Info { sha, id } = page.value;
        if !is_commit(&sha) {
            let detail = "the hub resolves the revision to a text that is no commit".to_owned();
            return Err(self.api.error(FetchProblem::Refused, detail));
        }
        let name = self.name();
        let spelling = id.filter(|id| *id != name && id.eq_ignore_ascii_case(&name));
        Ok(Commit { sha, spelling })
    }

    /// Lists the files of a commit.
    pub(super) fn files(&self, commit: &str, report: &mut Report<'_>) -> Result<Vec<ListedFile>> {
        let tree = self.address(&["tree", commit]).with_query("recursive=true");
        list(self.api, tree, &|url| self.check_name(url), report)
    }

    /// Returns the first request for a file of a commit.
    pub(super) fn remote_file(
        &self,
        commit: &str,
        file: &HubFile,
        listed: &ListedFile,
        known: Option<&Digest>,
    ) -> RemoteFile {
        let begin = [self.parts.org, self.parts.name, "resolve", commit];
        let parts = begin.into_iter().chain(file.path.split('/'));
        RemoteFile {
            name: file.name.clone(),
            sha256: listed.sha256.clone().or_else(|| known.cloned()),
            checksum: listed
                .git_oid
                .as_deref()
                .and_then(|oid| Checksum::of_git(oid, listed.size)),
            size: Some(listed.size),
            ask: Ask {
                url: self.api.endpoint.with_parts(parts),
                authorization: self.api.authorization.clone(),
            },
        }
    }

    /// Returns an error if the hub answered for a repository of another name. Upper and lower case do
    /// not matter to the hub.
    fn check_name(&self, answered: &Url) -> Result<()> {
        let (_, after) = answered
            .path_and_query()
            .split_once("/api/models/")
            .unwrap_or_default();
        let mut parts = after.split('/');
        let (Some(org), Some(name)) = (parts.next(), parts.next()) else {
            return Ok(());
        };
        let found = format!("{org}/{name}");
        if found.eq_ignore_ascii_case(&self.name()) {
            return Ok(());
        }
        let mr = self.api.task.model_ref;
        let mut new = self.parts;
        (new.org, new.name) = found.split_once('/').unwrap_or_default();
        Err(CatalogError::Fetch {
            reference: mr.to_string(),
            problem: FetchProblem::Renamed,
            detail: format!("the hub answers for the repository {found:?}"),
            repair: format!("write {new} if you trust the new name").into(),
        })
    }
}
