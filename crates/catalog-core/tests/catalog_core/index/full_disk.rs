//! Changes on a disk without a free byte.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use catalog_core::{CatalogStore, FsCatalog, LifecycleState};

use crate::util::{STORE_FILES, entry, model_id, names_in};

/// A small file system in memory, gone at the end.
struct Disk(tempfile::TempDir);

impl Disk {
    /// Mounts one; none, with the reason in the output, if this account may not.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says why")]
    fn mounted() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            Ok(output) => {
                let reason = String::from_utf8_lossy(&output.stderr).into_owned();
                eprintln!("skipped, as no file system can be mounted: {reason}");
                None
            }
            Err(error) => {
                eprintln!("skipped, as no file system can be mounted: {error}");
                None
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

/// Writes until not a byte is left.
fn fill(disk: &Path) -> File {
    let filler = disk.join("filler");
    let mut filler = File::options()
        .append(true)
        .create(true)
        .open(filler)
        .unwrap();
    while filler.write_all(&[0; 512]).is_ok() {}
    while filler.write_all(&[0]).is_ok() {}
    filler
}

/// CAT-479
#[test]
fn changes_succeed_on_a_full_disk_again_and_again() {
    let Some(disk) = Disk::mounted() else { return };
    let disk = disk.0.path();
    let catalog = FsCatalog::new(disk.join("root")).unwrap();
    let reader = FsCatalog::new(disk.join("root")).unwrap();
    // Longer than the spare would be that a write of another index needs.
    let models = |edit: &mut catalog_core::CatalogEdit<'_>| {
        let long = "x".repeat(1000);
        (0..200).try_for_each(|n| edit.put(&entry(&format!("{n:03}-{long}"), "m")))?;
        edit.put(&entry("a", "m"))?;
        edit.put(&entry("b", "m"))
    };
    catalog.update(models).unwrap();
    for number in 0..20 {
        let path = catalog.root().join(format!("file-{number}"));
        fs::write(&path, vec![1; 8192]).unwrap();
        let id = format!("file-{number}");
        catalog.put(&entry(&id, &path)).unwrap();
        catalog.pin(&model_id(&id), "me", "needed").unwrap();
    }
    for number in 0..20 {
        // Whatever a change freed is taken by somebody else at once.
        let id = format!("file-{number}");
        let step = |what: &str, change: &dyn Fn() -> catalog_core::Result<()>| {
            fill(disk);
            if let Err(error) = change() {
                panic!(
                    "{what} {number}: {error}: {:?}",
                    std::error::Error::source(&error)
                );
            }
            assert_eq!(reader.list().unwrap(), catalog.list().unwrap(), "{what}");
        };
        step("put", &|| {
            catalog.put(&entry("a", format!("m{:03}", number).as_str()))
        });
        step("set_state", &|| {
            catalog.set_state("b", LifecycleState::Retired)
        });
        step("set_state", &|| {
            catalog.set_state("b", LifecycleState::Active)
        });
        step("unpin", &|| catalog.unpin(&model_id(&id), "me").map(drop));
        step("delete", &|| catalog.delete(&id).map(drop));
        assert!(!catalog.root().join(&id).exists());
    }
    assert_eq!(catalog.list().unwrap().len(), 202);
    assert_eq!(catalog.pins().unwrap(), []);

    // More than the spare has room for is refused, and changes nothing.
    fill(disk);
    let refused = catalog.update(|edit| {
        (0..900).try_for_each(|n| edit.put(&entry(&format!("{n}{}", "x".repeat(1000)), "m")))
    });
    assert_eq!(refused.unwrap_err().code(), "io");
    assert_eq!(reader.list().unwrap().len(), 202);
    fs::remove_file(disk.join("filler")).unwrap();
    catalog.put(&entry("after", "m")).unwrap();
    let names = names_in(catalog.root());
    assert_eq!(names, STORE_FILES, "nothing else is left");
}
