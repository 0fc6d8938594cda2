//! A program that behaves as the hub's command does, over a folder instead of a hub.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use catalog_core::ArtifactStore;
use model_provisioner::HfCliFetcher;

/// The commit that everything it brings is from.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The folder of a hub with one repository, `org/repo`, and the command that brings it.
pub(crate) struct FakeHub {
    folder: PathBuf,
}

impl FakeHub {
    pub(crate) fn new(folder: &Path) -> Self {
        let hub = Self {
            folder: folder.to_path_buf(),
        };
        fs::create_dir_all(hub.repository()).unwrap();
        hub.write_command("0.36.0", "");
        hub
    }

    pub(crate) fn command(&self) -> PathBuf {
        self.folder.join("hf")
    }

    fn repository(&self) -> PathBuf {
        self.folder.join("org/repo")
    }

    /// Puts a file into the repository.
    pub(crate) fn put(&self, name: &str, content: &str) {
        let path = self.repository().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Moves the branch to another commit.
    pub(crate) fn push(&self, commit: &str) {
        fs::write(self.folder.join("commit"), commit).unwrap();
    }

    /// What it was called with so far: arguments, and the variables that configure it.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Gives the command another version, and something to do before it downloads.
    pub(crate) fn write_command(&self, version: &str, before: &str) {
        let script = format!(
            r#"#!/bin/sh
echo "$* | token ${{HF_TOKEN:-none}} endpoint ${{HF_ENDPOINT:-none}}" >> "{hub}/calls"
case "$1" in
version) echo "version: {version}"; exit 0 ;;
models) repo=$3 ;;
*) repo=$2 ;;
esac
[ "$repo" = org/repo ] || {{ echo "Error: Model '$repo' not found." >&2; exit 1; }}
if [ "$1" = models ]; then
  cd "{hub}/org/repo"
  find . -type f | sort | sed 's|^\./||' | while read -r file; do
    printf '{{"path":"%s","size":%d}},' "$file" "$(wc -c < "$file")"
  done | sed 's/^/[/;s/,$/]/'
  exit 0
fi
shift 2
files= dir= include=
while [ $# -gt 0 ]; do
  case "$1" in
  --local-dir) dir=$2; shift 2 ;;
  --include) include=$2; shift 2 ;;
  --include=*) include=${{1#*=}}; shift ;;
  --cache-dir) echo "$2/models--org--repo/snapshots/$(cat "{hub}/commit" 2>/dev/null || echo {COMMIT})"; exit 0 ;;
  --repo-type | --revision | --local-dir-use-symlinks) shift 2 ;;
  --quiet) shift ;;
  *) files="$files $1"; shift ;;
  esac
done
{before}
commit=$(cat "{hub}/commit" 2>/dev/null)
cd "{hub}/org/repo"
if [ -n "$include" ]; then files=$(find . -path "./$include" -type f | sed 's|^\./||')
elif [ -z "$files" ]; then files=$(find . -type f | sed 's|^\./||'); fi
for file in $files; do
  [ -f "$file" ] || {{ echo "Error: File not found in model '$repo': $file" >&2; exit 1; }}
  notes=$dir/.cache/huggingface/download/$file.metadata
  mkdir -p "$(dirname "$dir/$file")" "$(dirname "$notes")"
  cp "$file" "$dir/$file"
  sum=$(sha256sum < "$file" | cut -d ' ' -f 1)
  printf '%s\n%s\n0\n' "${{commit:-{COMMIT}}}" "$sum" > "$notes"
done
"#,
            hub = self.folder.display(),
        );
        // Written aside: a script that is still open for writing cannot be started.
        let aside = self.folder.join("hf.new");
        fs::write(&aside, script).unwrap();
        fs::set_permissions(&aside, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(aside, self.command()).unwrap();
    }

    pub(crate) fn fetcher(&self, store: &ArtifactStore) -> HfCliFetcher {
        HfCliFetcher::new(store).command(self.command())
    }
}
