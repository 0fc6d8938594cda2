use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

/// A model repository at one commit.
#[derive(Debug, Clone, Default)]
pub struct Repo {
    files: BTreeMap<String, RepoFile>,
    /// Who asks must have this token.
    pub(super) gate: Option<String>,
}

/// A file of a repository.
#[derive(Debug, Clone)]
pub struct RepoFile {
    /// What the hub states of it.
    size: u64,
    git_oid: String,
    /// Only of files that git does not keep itself.
    sha256: Option<String>,
    /// What is sent.
    sent: Arc<[u8]>,
}

impl RepoFile {
    /// A file that git keeps itself.
    pub fn small(bytes: impl Into<Vec<u8>>) -> Self {
        let sent: Arc<[u8]> = bytes.into().into();
        Self {
            size: sent.len() as u64,
            git_oid: git_oid(&sent),
            sha256: None,
            sent,
        }
    }

    /// A file whose SHA-256 the hub states.
    pub fn large(bytes: impl Into<Vec<u8>>) -> Self {
        let small = Self::small(bytes);
        Self {
            sha256: Some(hex::encode(Sha256::digest(&small.sent))),
            ..small
        }
    }

    /// A file of so many bytes that is listed, with its SHA-256, but never sent.
    pub fn only_listed(size: u64, sha256: &str) -> Self {
        Self {
            size,
            git_oid: git_oid(sha256.as_bytes()),
            sha256: Some(sha256.to_owned()),
            sent: Arc::default(),
        }
    }

    /// One byte of what is sent differs from what the hub states.
    #[must_use]
    pub fn corrupt(mut self) -> Self {
        let mut sent = self.sent.to_vec();
        if let Some(last) = sent.last_mut() {
            *last ^= 1;
        }
        self.sent = sent.into();
        self
    }

    pub(super) fn sent(&self) -> &Arc<[u8]> {
        &self.sent
    }

    /// The hash that stands in its `ETag`.
    pub(super) fn etag(&self) -> &str {
        self.sha256.as_ref().unwrap_or(&self.git_oid)
    }

    fn listed(&self, path: &str) -> Value {
        let mut listed = json!({
            "type": "file", "path": path, "size": self.size, "oid": self.git_oid,
        });
        if let Some(sha256) = &self.sha256 {
            listed["lfs"] = json!({"oid": sha256, "size": self.size, "pointerSize": 130});
        }
        listed
    }
}

/// What git calls a file of these bytes.
fn git_oid(bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    hex::encode(hash.finalize())
}

impl Repo {
    /// Adds a file, or replaces it.
    #[must_use]
    pub fn with(mut self, path: &str, file: RepoFile) -> Self {
        self.files.insert(path.to_owned(), file);
        self
    }

    /// Lets in only those who have this token.
    #[must_use]
    pub fn gated_by(mut self, token: &str) -> Self {
        self.gate = Some(token.to_owned());
        self
    }

    /// Its commit: follows from its content.
    pub fn commit(&self) -> String {
        let mut hash = Sha1::new();
        for (path, file) in &self.files {
            hash.update(path);
            hash.update(&file.git_oid);
        }
        hex::encode(hash.finalize())
    }

    /// Returns the answers of the hub about a repository of this name, its branch being `main`: their
    /// paths below the endpoint, and their JSON. A server of static files can give them.
    pub fn answers(&self, name: &str) -> Vec<(String, String)> {
        let commit = self.commit();
        let info = self.info(name).to_string();
        vec![
            (format!("api/models/{name}/revision/main"), info.clone()),
            (format!("api/models/{name}/revision/{commit}"), info),
            (
                format!("api/models/{name}/tree/{commit}"),
                self.tree().to_string(),
            ),
        ]
    }

    pub(super) fn file(&self, path: &str) -> Option<&RepoFile> {
        self.files.get(path)
    }

    pub(super) fn info(&self, name: &str) -> Value {
        let siblings: Vec<Value> = self
            .files
            .keys()
            .map(|path| json!({"rfilename": path}))
            .collect();
        json!({"id": name, "modelId": name, "sha": self.commit(), "private": false,
               "gated": false, "disabled": false, "downloads": 0, "likes": 0, "tags": [],
               "siblings": siblings})
    }

    pub(super) fn tree(&self) -> Value {
        let files = self.files.iter();
        files.map(|(path, file)| file.listed(path)).collect()
    }
}
