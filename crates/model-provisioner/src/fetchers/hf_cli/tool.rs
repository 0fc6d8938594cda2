use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use catalog_core::Result;

use super::process::Invocation;

/// The names of the command, the current name first.
const NAMES: [&str; 2] = ["hf", "huggingface-cli"];

/// The installed command, with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tool {
    pub(super) path: PathBuf,
    version: (u32, u32),
}

impl Tool {
    /// Searches the folders of a `PATH` for a command that works. The outer error ends the call.
    /// The inner error lists the commands that were tried.
    pub(super) fn find(
        search_path: Option<&OsStr>,
        tick: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Result<Self, String>> {
        let path =
            search_path.map_or_else(|| env::var_os("PATH").unwrap_or_default(), OsString::from);
        let folders: Vec<PathBuf> = env::split_paths(&path).collect();
        let mut tried = Vec::new();
        for name in NAMES {
            let found = folders.iter().map(|folder| folder.join(name));
            let Some(found) = found.into_iter().find(|path| is_executable(path)) else {
                tried.push(format!("`{name}` is not in PATH"));
                continue;
            };
            match Self::probe(&found, tick)? {
                Ok(tool) => return Ok(Ok(tool)),
                Err(why) => tried.push(why),
            }
        }
        let tried = tried.join(", ");
        let how = "`pip install --upgrade huggingface_hub` installs it";
        Ok(Err(format!("{tried}; {how}")))
    }

    /// Runs a command to read its version. The outer error ends the call. The inner error states
    /// that the command did not print its version.
    pub(super) fn probe(
        path: &Path,
        tick: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Result<Self, String>> {
        let mut asked = Invocation::new(path, &["version"]);
        asked.variable("NO_COLOR", "1");
        asked.variable("HF_HUB_DISABLE_TELEMETRY", "1");
        asked.variable("HF_HUB_DISABLE_UPDATE_CHECK", "1");
        let ended = asked.run(tick)?;
        let version = version_in(&ended.stdout);
        Ok(match (ended.is_success(), version) {
            (true, Some(version)) => Ok(Self {
                path: path.to_path_buf(),
                version,
            }),
            _ => Err(format!("{} does not print its version", path.display(),)),
        })
    }

    /// Returns true if the command can list the files of a repository with their sizes.
    pub(super) fn can_list(&self) -> bool {
        self.version >= (2, 0)
    }

    /// Returns true if the command creates links into its cache by default.
    pub(super) fn makes_links(&self) -> bool {
        self.version < (0, 23)
    }

    /// Returns the name and the version of the command, for the provenance of a model.
    pub(super) fn described(&self) -> String {
        let (major, minor) = self.version;
        format!("hf-cli {major}.{minor}")
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Returns the first two numbers of the first word that looks like a version.
fn version_in(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some((major, minor))
    })
}

#[cfg(test)]
mod tests {
    use super::version_in;

    /// PROV-430
    #[test]
    fn the_version_is_found_in_what_each_release_says() {
        for (text, version) in [
            ("✓ hf version\n  version: 2.4.0\n", Some((2, 4))),
            ("huggingface_hub version: 0.36.2\n", Some((0, 36))),
            ("1.0.0.rc1", Some((1, 0))),
            ("Warning: deprecated. Use 'hf' instead.", None),
            ("", None),
        ] {
            assert_eq!(version_in(text), version, "{text:?}");
        }
    }
}
