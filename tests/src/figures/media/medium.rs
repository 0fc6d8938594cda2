//! The media, and the mounts that make each of them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::figure::Sabotage;
use crate::mounts::{MakeImage, Mount, run};

/// A kind of place where models lie.
pub(super) struct Medium {
    pub(super) name: &'static str,
    /// Mounts the content of a folder. The reason if this machine cannot.
    pub(super) mount: fn(&Path) -> Result<Mounts, String>,
    /// What becomes of a proof when the medium is mounted again.
    pub(super) proof: Proof,
}

/// What becomes of a proof when its medium is mounted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The file system is known again.
    Holds,
    /// The bytes are hashed once more.
    Ends,
}

pub(super) const ALL: [Medium; 9] = [
    Medium {
        name: "squashfs",
        mount: |folder| Mounts::of_image(folder, make_squashfs),
        proof: Proof::Ends,
    },
    Medium {
        name: "erofs",
        mount: |folder| Mounts::of_image(folder, make_erofs),
        proof: Proof::Ends,
    },
    Medium {
        name: "ext4",
        mount: |folder| Mounts::of_image(folder, make_ext4),
        proof: Proof::Holds,
    },
    Medium {
        name: "btrfs",
        mount: |folder| Mounts::of_image(folder, make_btrfs),
        proof: Proof::Holds,
    },
    Medium {
        name: "a read-only mount of a folder",
        mount: |folder| {
            let memory = copied_to_memory(folder)?;
            let top = Mount::read_only(&memory.path())?;
            Ok(Mounts::of_folders(top, vec![memory]))
        },
        proof: Proof::Holds,
    },
    Medium {
        name: "the lower layer of an overlay",
        mount: |folder| {
            let (lower, upper) = (copied_to_memory(folder)?, memory()?);
            let top = Mount::overlay(&lower.path(), &upper.path())?;
            Ok(Mounts::of_folders(top, vec![lower, upper]))
        },
        proof: Proof::Ends,
    },
    Medium {
        name: "the upper layer of an overlay",
        mount: |folder| {
            let (lower, upper) = (memory()?, memory()?);
            let top = Mount::overlay(&lower.path(), &upper.path())?;
            copy(folder, &top.path())?;
            Ok(Mounts::of_folders(top, vec![lower, upper]))
        },
        proof: Proof::Ends,
    },
    Medium {
        name: "an overlay over squashfs",
        mount: |folder| Mounts::over_image(folder, make_squashfs),
        proof: Proof::Ends,
    },
    Medium {
        name: "an overlay over erofs",
        mount: |folder| Mounts::over_image(folder, make_erofs),
        proof: Proof::Ends,
    },
];

/// The mounts that make up a medium.
pub(super) struct Mounts {
    top: Mount,
    /// The image, and the program that makes it. It is the top one if no overlay lies over it.
    image: Option<(Option<Mount>, MakeImage)>,
    _memory: Vec<Mount>,
}

impl Mounts {
    fn of_image(folder: &Path, make: MakeImage) -> Result<Self, String> {
        Ok(Self {
            top: Mount::of_folder(folder, make)?,
            image: Some((None, make)),
            _memory: Vec::new(),
        })
    }

    fn over_image(folder: &Path, make: MakeImage) -> Result<Self, String> {
        let image = Mount::of_folder(folder, make)?;
        let upper = memory()?;
        Ok(Self {
            top: Mount::overlay(&image.path(), &upper.path())?,
            image: Some((Some(image), make)),
            _memory: vec![upper],
        })
    }

    fn of_folders(top: Mount, memory: Vec<Mount>) -> Self {
        Self {
            top,
            image: None,
            _memory: memory,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.top.path()
    }

    /// Whether its files cannot be synced.
    pub(super) fn refuses_sync(&self) -> bool {
        fs::File::open(self.path().join(super::in_place::FILE))
            .is_ok_and(|file| file.sync_data().is_err())
    }

    /// Mounts it again. The sabotage makes its file systems from the same files, anew.
    pub(super) fn mount_again(&self, folder: &Path, sabotage: Sabotage) -> Result<(), String> {
        match sabotage {
            Sabotage::OtherFileSystem => self.replace(folder).map(drop),
            _ => self.mount_after(|_, _| Ok(())),
        }
    }

    /// Makes its image of other files, and mounts it. False if it is no image.
    pub(super) fn replace(&self, folder: &Path) -> Result<bool, String> {
        self.mount_after(|image, make| {
            fs::remove_file(image).map_err(|error| error.to_string())?;
            make(folder, image)
        })?;
        Ok(self.image.is_some())
    }

    fn mount_after(
        &self,
        change: impl Fn(&Path, MakeImage) -> Result<(), String>,
    ) -> Result<(), String> {
        self.top.unmount()?;
        match &self.image {
            Some((Some(below), make)) => {
                below.unmount()?;
                change(&below.image(), *make)?;
                below.mount()?;
            }
            Some((None, make)) => change(&self.top.image(), *make)?,
            None => {}
        }
        self.top.mount()
    }
}

fn memory() -> Result<Mount, String> {
    Mount::in_memory("size=8m")
}

fn copied_to_memory(folder: &Path) -> Result<Mount, String> {
    let mount = memory()?;
    copy(folder, &mount.path())?;
    Ok(mount)
}

/// Copies the content of a folder, with all times.
pub(super) fn copy(folder: &Path, to: &Path) -> Result<(), String> {
    let content = format!("{}/.", folder.display());
    run("cp", &["-a", &content, &to.display().to_string()])
}

fn texts(folder: &Path, image: &Path) -> [String; 2] {
    [folder.display().to_string(), image.display().to_string()]
}

pub(super) fn make_squashfs(folder: &Path, image: &Path) -> Result<(), String> {
    let [folder, image] = texts(folder, image);
    run("mksquashfs", &[&folder, &image, "-quiet", "-no-progress"])
}

fn make_erofs(folder: &Path, image: &Path) -> Result<(), String> {
    let [folder, image] = texts(folder, image);
    run("mkfs.erofs", &["--quiet", &image, &folder])
}

fn make_ext4(folder: &Path, image: &Path) -> Result<(), String> {
    let [folder, image] = texts(folder, image);
    run("mkfs.ext4", &["-q", "-F", "-d", &folder, &image, "16M"])
}

fn make_btrfs(folder: &Path, image: &Path) -> Result<(), String> {
    let [folder, image] = texts(folder, image);
    run("truncate", &["-s", "128M", &image])?;
    run("mkfs.btrfs", &["-q", "--rootdir", &folder, &image])
}
