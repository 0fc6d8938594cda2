use std::fs;
use std::path::{Path, PathBuf};

use super::native::{file_system_id, kind_number, mount_number};
use crate::error::{CatalogError, Result};

/// The facts that decide, after a file system was mounted again, whether a file on it can still be
/// the same file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// The stable id of the file system, if it is known to have one.
    pub(crate) id: Option<String>,
    /// The identity of the mount, if a proof is valid for one mount only. It is empty if it cannot
    /// be determined.
    pub(crate) mount: Option<String>,
}

/// The kinds of file systems between which the store distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The file system stores its id on the disk.
    WithStableId,
    /// The next mount of such a file system may have other bytes with the same device, inodes and
    /// times. It shows one image, or layers or servers that can state any values that an image can.
    OneMount,
    /// The server of the file system decides about locks.
    Nfs,
    Other,
}

impl FileSystem {
    /// Returns the id that the file system of a path states. The id is stable for some kinds only.
    pub(crate) fn id_of(path: &Path) -> Option<String> {
        file_system_id(path).map(|id| format!("{id:x}"))
    }

    /// Determines the facts about the file system of a path.
    pub(crate) fn of(path: &Path) -> Self {
        match kind_of(path) {
            Kind::WithStableId => Self {
                id: Self::id_of(path),
                mount: None,
            },
            Kind::OneMount => Self {
                id: None,
                mount: Some(mount_identity(path).unwrap_or_default()),
            },
            Kind::Nfs | Kind::Other => Self::default(),
        }
    }
}

/// Refuses a root on a file system where the locks of the kernel do not exclude all other writers.
///
/// # Errors
///
/// [`CatalogError::FileSystemRefused`] for NFS.
pub(crate) fn refuse_without_shared_locks(root: &Path) -> Result<()> {
    if kind_of(root) != Kind::Nfs {
        return Ok(());
    }
    Err(CatalogError::FileSystemRefused {
        root: root.to_path_buf(),
        file_system: file_system_of(root).unwrap_or_else(|| "nfs".to_owned()),
        repair: "put the root on a local disk, or choose Locking::SingleProcess if no other \
                 process uses it",
    })
}

/// Returns the kind of the file system of a path, as the mount names it (`nfs4`, `ext4`), if the
/// kernel states it.
pub(crate) fn file_system_of(path: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mount_of(&path.canonicalize().ok()?, &mounts)?;
    Some(mount.kind.to_owned())
}

fn kind_of(path: &Path) -> Kind {
    match kind_number(path) {
        Some(number) => kind_by_number(number),
        None => file_system_of(path).map_or(Kind::Other, |name| kind_by_name(&name)),
    }
}

/// Returns the kind for the number that the kernel gives it; see statfs(2) and `linux/magic.h`.
fn kind_by_number(number: u32) -> Kind {
    match number {
        // ext2, ext3 and ext4, btrfs, zfs, bcachefs.
        0xEF53 | 0x9123_683E | 0x2FC1_2FC1 | 0xCA45_1A4E => Kind::WithStableId,
        // squashfs, erofs, iso9660, cramfs, romfs; then overlay and FUSE.
        0x7371_7368 | 0xE0F5_E1E2 | 0x9660 | 0x28CD_3D45 | 0x7275 | 0x794C_7630 | 0x6573_5546 => {
            Kind::OneMount
        }
        0x6969 => Kind::Nfs,
        _ => Kind::Other,
    }
}

/// Returns the kind for the name in the mount table. The id is not known in this case.
fn kind_by_name(name: &str) -> Kind {
    match name {
        "squashfs" | "erofs" | "iso9660" | "cramfs" | "romfs" | "overlay" => Kind::OneMount,
        "nfs" | "nfs4" => Kind::Nfs,
        // `fuse`, `fuseblk` and `fuse.NAME`, but not the file system of its control files.
        _ if name.starts_with("fuse") && name != "fusectl" => Kind::OneMount,
        _ => Kind::Other,
    }
}

/// Returns the identity of a mount, which is valid during one boot. Before Linux 6.8, a later mount
/// can get the number of an earlier mount.
fn mount_identity(path: &Path) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let number = mount_number(path).or_else(|| {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        mount_of(&path.canonicalize().ok()?, &mounts)?.number
    });
    Some(format!("{}/{}", boot.trim(), number?))
}

/// A mount, parsed from its line in `mountinfo`; see proc(5).
struct Mount<'l> {
    number: Option<u64>,
    place: PathBuf,
    kind: &'l str,
}

/// Returns the mount of a canonical path.
fn mount_of<'m>(path: &Path, mounts: &'m str) -> Option<Mount<'m>> {
    let above = |mount: &Mount<'_>| path.starts_with(&mount.place);
    let of_path = mounts.lines().filter_map(mount).filter(above);
    // Take the deepest mount. Of two mounts at the same place, take the later one, which hides the
    // other.
    of_path.max_by_key(|mount| mount.place.components().count())
}

fn mount(line: &str) -> Option<Mount<'_>> {
    let (place_and_options, kind_and_source) = line.split_once(" - ")?;
    let mut words = place_and_options.split(' ');
    let number = words.next()?.parse().ok();
    let place = words.nth(3)?;
    // Other escaped characters are not decoded, so a mount at such a place is not found.
    let place = place.replace("\\040", " ").replace("\\134", "\\");
    Some(Mount {
        number,
        place: place.into(),
        kind: kind_and_source.split(' ').next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CAT-1042
    #[test]
    fn only_file_systems_whose_id_is_on_the_disk_have_a_stable_one() {
        for number in [0xEF53, 0x9123_683E, 0x2FC1_2FC1, 0xCA45_1A4E] {
            assert_eq!(kind_by_number(number), Kind::WithStableId, "{number:x}");
        }
        // tmpfs, XFS, SMB.
        for number in [0x0102_1994, 0x5846_5342, 0xFE53_4D42] {
            assert_eq!(kind_by_number(number), Kind::Other, "{number:x}");
        }
        assert_eq!(FileSystem::of(Path::new("/proc")), FileSystem::default());
    }

    /// CAT-1043
    #[test]
    fn images_and_layers_are_known_by_number_and_name_and_have_a_mount() {
        for (number, name) in [
            (0x7371_7368, "squashfs"),
            (0xE0F5_E1E2, "erofs"),
            (0x9660, "iso9660"),
            (0x28CD_3D45, "cramfs"),
            (0x7275, "romfs"),
            (0x794C_7630, "overlay"),
            (0x6573_5546, "fuse"),
            (0x6573_5546, "fuse.squashfuse"),
            (0x6573_5546, "fuseblk"),
        ] {
            assert_eq!(kind_by_number(number), Kind::OneMount, "{name}");
            assert_eq!(kind_by_name(name), Kind::OneMount, "{name}");
        }
        let (root, proc) = (Path::new("/"), Path::new("/proc"));
        assert_eq!(mount_identity(root), mount_identity(root));
        assert_ne!(mount_identity(root), mount_identity(proc));
    }

    /// CAT-1044
    #[test]
    fn nfs_is_refused_and_nothing_else() {
        assert_eq!(kind_by_number(0x6969), Kind::Nfs);
        let line = |place: &str, kind: &str| {
            format!("36 35 98:0 /a {place} rw,noatime master:1 - {kind} host:/a rw\n")
        };
        let mounts = [
            line("/", "ext4"),
            line("/srv", "nfs4"),
            line("/srv/a\\040b", "xfs"),
        ];
        let mounts = mounts.concat();
        for (path, kind) in [
            ("/srvx", Kind::Other),
            ("/srv/models", Kind::Nfs),
            ("/srv/a b/root", Kind::Other),
        ] {
            let mount = mount_of(Path::new(path), &mounts).expect("there is a mount");
            assert_eq!(kind_by_name(mount.kind), kind, "{path}");
            assert_eq!(mount.number, Some(36));
        }
        let here = tempfile::tempdir().expect("a folder can be made");
        refuse_without_shared_locks(here.path()).expect("tests do not run on NFS");
    }
}
