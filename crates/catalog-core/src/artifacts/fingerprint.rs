use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::local::LocalModel;
use crate::error::Result;
use crate::root::{FileSystem, FoundFile, Layout, is_older_than_granularity};

/// The fingerprint of a model: facts that the file system states about its files. Taking it does
/// not open the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// The device number of the first file.
    device: u64,
    /// The stable id of the file system, if it has one and all files are on that file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_system: Option<String>,
    /// The identities of the mounts of all files that are on an image. An empty text means that one
    /// of them is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mount: Option<String>,
    /// A digest of the name, inode, size, mtime and ctime of each file. It includes the device of a
    /// file if that differs from the device of the first file.
    stamps: String,
    #[serde(skip)]
    latest: Latest,
}

/// The latest time of any file, in nanoseconds since 1970. Comparisons ignore it.
#[derive(Debug, Clone, Copy)]
struct Latest(i128);

impl Default for Latest {
    /// Returns a time that never settles, because a stored fingerprint has no latest time.
    fn default() -> Self {
        Self(i128::MAX)
    }
}

impl PartialEq for Latest {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Latest {}

impl Fingerprint {
    /// Takes the fingerprint of the model at a path.
    ///
    /// # Errors
    ///
    /// The errors of [`LocalModel::resolve`].
    pub(crate) fn of(path: &Path) -> Result<Self> {
        Ok(Self::of_model(&LocalModel::resolve(path)?))
    }

    /// Takes the fingerprint of a model, including the facts about its file systems. The result can
    /// be stored.
    pub(crate) fn of_model(model: &LocalModel) -> Self {
        Self::of_stamps(model.files()).with_file_systems(model.files())
    }

    /// Creates the fingerprint of a folder that does not exist.
    pub(crate) fn of_nothing() -> Self {
        Self::of_stamps(&[])
    }

    /// Returns true if the model still matches this stored fingerprint. Mounts are checked only if
    /// an image is involved, or if the file system seems to be another one.
    pub(crate) fn is_still_of(&self, model: &LocalModel) -> bool {
        let now = Self::of_stamps(model.files());
        if !self.has_same_stamps(&now) {
            return false;
        }
        let is_known = self.mount.is_none()
            && match (&self.file_system, model.files()) {
                (Some(id), [first, ..]) => FileSystem::id_of(&first.path).as_ref() == Some(id),
                _ => self.device == now.device,
            };
        is_known || self.is_same_as(&now.with_file_systems(model.files()))
    }

    /// Returns true if both are fingerprints of the same files with the same content, according to
    /// the file system. A file system with a stable id is recognised by the id: its device number
    /// may change, and another file system may get the number. On an image, both must be of the
    /// same mount.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let is_same_file_system = match (&self.file_system, &other.file_system) {
            (Some(id), Some(other)) => id == other,
            _ => self.device == other.device,
        };
        let is_known_mount = self.mount.as_ref().is_none_or(|mount| !mount.is_empty());
        self.has_same_stamps(other)
            && is_same_file_system
            && self.mount == other.mount
            && is_known_mount
    }

    fn has_same_stamps(&self, other: &Self) -> bool {
        (self.files, self.bytes, &self.stamps) == (other.files, other.bytes, &other.stamps)
    }

    fn of_stamps(files: &[FoundFile]) -> Self {
        let device = files.first().map_or(0, |file| file.stamp.device());
        let mut stamps = Sha256::new();
        let (mut bytes, mut latest) = (0_u64, i128::MIN);
        for FoundFile { name, stamp, .. } in files {
            stamps.update((name.len() as u64).to_be_bytes());
            stamps.update(name);
            stamps.update(stamp.to_bytes());
            if stamp.device() == device {
                stamps.update([0]);
            } else {
                stamps.update([1]);
                stamps.update(stamp.device().to_be_bytes());
            }
            bytes = bytes.saturating_add(stamp.size());
            latest = latest.max(stamp.latest_nanos());
        }
        Self {
            files: files.len() as u64,
            bytes,
            device,
            file_system: None,
            mount: None,
            stamps: hex::encode(&stamps.finalize()[..16]),
            latest: Latest(latest),
        }
    }

    fn with_file_systems(self, files: &[FoundFile]) -> Self {
        // One file for each device.
        let devices: BTreeMap<u64, &FoundFile> = files
            .iter()
            .map(|file| (file.stamp.device(), file))
            .collect();
        let mut found: Vec<FileSystem> = devices
            .values()
            .map(|file| FileSystem::of(&file.path))
            .collect();
        let mounts: Vec<String> = found
            .iter_mut()
            .filter_map(|found| found.mount.take())
            .collect();
        let is_unknown = mounts.iter().any(String::is_empty);
        let mount = match is_unknown {
            true => String::new(),
            false => mounts.join(" "),
        };
        Self {
            mount: (!mounts.is_empty()).then_some(mount),
            file_system: match &mut found[..] {
                [only] => only.id.take(),
                _ => None,
            },
            ..self
        }
    }

    /// Returns true if all times were older than the granularity of clocks at `now`. Then each
    /// later change gives another fingerprint.
    pub(crate) fn is_settled_at(&self, now: SystemTime) -> bool {
        is_older_than_granularity(self.latest.0, now)
    }
}

/// Returns the earlier of two times: that of the clock of this process, and that of the file system
/// of the root. So neither clock makes a recent change look old. Returns `None` if no file can be
/// written there.
pub(crate) fn now_at_most(layout: &Layout) -> Option<SystemTime> {
    let file = tempfile::tempfile_in(layout.locks()).ok()?;
    let there = file.metadata().ok()?.modified().ok()?;
    Some(there.min(SystemTime::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the fingerprint of a new file, and its folder.
    fn fingerprint() -> (tempfile::TempDir, Fingerprint) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("m.bin");
        std::fs::write(&path, "weights").expect("a file can be written");
        let fingerprint = Fingerprint::of(&path).expect("it can be looked at");
        (folder, fingerprint)
    }

    /// CAT-1040
    #[test]
    fn what_is_stored_and_read_back_is_the_same_and_never_settles() {
        let (folder, now) = fingerprint();
        let text = serde_json::to_string(&now).expect("it can be written");
        let read: Fingerprint = serde_json::from_str(&text).expect("it can be read");
        let model = LocalModel::resolve(&folder.path().join("m.bin")).expect("it is there");
        assert!(read.is_same_as(&now) && read.is_still_of(&model));
        let later = SystemTime::now() + std::time::Duration::from_secs(3_600);
        assert!(now.is_settled_at(later) && !read.is_settled_at(later));
    }

    /// CAT-1041
    #[test]
    fn a_device_number_counts_only_without_a_stable_id() {
        let (_folder, now) = fingerprint();
        let with = |device: u64, id: Option<&str>| Fingerprint {
            device: now.device + device,
            file_system: id.map(str::to_owned),
            mount: None,
            ..now.clone()
        };
        for (recorded, now, is_same) in [
            (with(0, None), with(0, None), true),
            (with(0, None), with(0, Some("a")), true),
            (with(0, Some("a")), with(0, Some("b")), false),
            (with(0, Some("a")), with(0, None), true),
            (with(0, Some("a")), with(1, Some("a")), true),
            (with(0, Some("a")), with(1, Some("b")), false),
            (with(0, Some("a")), with(1, None), false),
            (with(0, None), with(1, None), false),
        ] {
            assert_eq!(recorded.is_same_as(&now), is_same, "{recorded:?} {now:?}");
            let changed = Fingerprint {
                stamps: "other".to_owned(),
                ..now
            };
            assert!(!recorded.is_same_as(&changed), "whatever the device");
        }
    }

    /// CAT-1043
    #[test]
    fn on_an_image_a_proof_holds_for_one_mount() {
        let (_folder, now) = fingerprint();
        let on = |mount: &str| Fingerprint {
            mount: Some(mount.to_owned()),
            ..now.clone()
        };
        assert!(on("boot/1").is_same_as(&on("boot/1")));
        assert!(!on("boot/1").is_same_as(&on("boot/2")));
        assert!(
            !on("").is_same_as(&on("")),
            "an unknown mount proves nothing"
        );
        let no_image = Fingerprint {
            mount: None,
            ..now.clone()
        };
        assert!(!on("boot/1").is_same_as(&no_image));
    }
}
