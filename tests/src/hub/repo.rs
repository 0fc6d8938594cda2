use std::collections::BTreeMap;

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
    /// What it consists of, as the hub states it.
    bytes: Vec<u8>,
    /// What is sent instead.
    sent: Option<Vec<u8>>,
    is_large: bool,
}

impl RepoFile {
    /// A file that git keeps itself.
    pub fn small(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            sent: None,
            is_large: false,
        }
    }

    /// A file whose SHA-256 the hub states.
    pub fn large(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            is_large: true,
            ..Self::small(bytes)
        }
    }

    /// One byte of what is sent differs from what the hub states.
    #[must_use]
    pub fn corrupt(mut self) -> Self {
        let mut sent = self.bytes.clone();
        if let Some(last) = sent.last_mut() {
            *last ^= 1;
        }
        self.sent = Some(sent);
        self
    }

    pub(super) fn sent(&self) -> &[u8] {
        self.sent.as_deref().unwrap_or(&self.bytes)
    }

    /// The hash that stands in its `ETag`.
    pub(super) fn etag(&self) -> String {
        if self.is_large {
            hex::encode(Sha256::digest(&self.bytes))
        } else {
            self.git_oid()
        }
    }

    fn git_oid(&self) -> String {
        let mut hash = Sha1::new();
        hash.update(format!("blob {}\0", self.bytes.len()));
        hash.update(&self.bytes);
        hex::encode(hash.finalize())
    }

    fn listed(&self, path: &str) -> Value {
        let size = self.bytes.len();
        let mut listed = json!({
            "type": "file", "path": path, "size": size, "oid": self.git_oid(),
        });
        if self.is_large {
            listed["lfs"] = json!({"oid": self.etag(), "size": size, "pointerSize": 130});
        }
        listed
    }
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
            hash.update(&file.bytes);
        }
        hex::encode(hash.finalize())
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
