use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use catalog_core::Result;

use super::process::Invocation;

/// The names of the command, the current one first.
const NAMES: [&str; 2] = ["hf", "huggingface-cli"];

/// The command that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tool {
    pub(super) path: PathBuf,
    version: (u32, u32),
}

impl Tool {
    /// Looks in the folders of a `PATH` for the first command that works. Fails with what was tried.
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

    /// Asks a command for its version.
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
            _ => Err(format!("{} does not tell its version", path.display(),)),
        })
    }

    /// Whether it lists the files of a repository, with their sizes.
    pub(super) fn can_list(&self) -> bool {
        self.version >= (2, 0)
    }

    /// Whether it made links into its cache unless it was told not to.
    pub(super) fn makes_links(&self) -> bool {
        self.version < (0, 23)
    }

    /// For provenance.
    pub(super) fn described(&self) -> String {
        let (major, minor) = self.version;
        format!("hf-cli {major}.{minor}")
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The first two numbers that look like a version.
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
