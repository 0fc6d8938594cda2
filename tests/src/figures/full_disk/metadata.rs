//! A btrfs whose metadata is full: no file can be created or renamed, and one can still be unlinked.

use std::fs;
use std::path::Path;

use catalog_core::maintenance::{CollectionPolicy, Verify};
use catalog_core::{
    CatalogError, CatalogStore, FsCatalog, ImportRequest, LifecycleState, ModelId, Result,
    VerificationOutcomeKind,
};

use super::fill_bytes;
use crate::account::set_mode;
use crate::figure::Measured;
use crate::mounts::Mount;
use crate::state::{describe, model, names_in};

/// The size of a file in quarantine. Its space is what the metadata needs.
const BAD: usize = 8 << 20;

/// A call that frees space, and whether the root is as it should be behind it.
type Call = (&'static str, fn(&Path) -> Result<bool>);

const FREEING: [Call; 3] = [
    ("deletion", |root| {
        let catalog = FsCatalog::new(root)?;
        let path = catalog.get("m")?.map(|entry| entry.local_path);
        let is_deleted = catalog.delete("m")? && catalog.get("m")?.is_none();
        Ok(is_deleted && path.is_some_and(|path| !path.exists()))
    }),
    ("deletion of an entry in place", |root| {
        let catalog = FsCatalog::new(root)?;
        Ok(catalog.delete("in-place")? && catalog.get("in-place")?.is_none())
    }),
    ("collection", |root| {
        let catalog = FsCatalog::new(root)?;
        let policy = CollectionPolicy::default().retired_for(std::time::Duration::ZERO);
        let plan = catalog.plan_collection(&policy)?;
        let done = catalog.collect(&plan)?;
        Ok(done.spared.is_empty() && catalog.get("retired")?.is_none())
    }),
];

/// Tries the calls. Returns how many were made, and how many were refused; or the reason if this machine
/// has no such disk.
pub(super) fn try_full_of_metadata(
    measured: &mut Measured,
) -> std::result::Result<(usize, usize), String> {
    let (mut made, mut refused) = (0, 0);
    for (what, call) in FREEING {
        for has_quarantine in [true, false] {
            let mount = Mount::in_large_image("mkfs.btrfs", &["-q", "--mixed"], 64 << 20)?;
            let root = mount.path().join("root");
            prepare(&root, has_quarantine)?;
            fill(&mount.path())?;
            let look = || {
                let catalog = FsCatalog::new(&root)?;
                catalog.lease("m")?;
                Ok((catalog.list()?, catalog.pins()?))
            };
            let before: Result<_> = look();
            if let Err(error) = &before {
                measured.violation(format!("btrfs, metadata: reading: {}", describe(error)));
            }
            made += 1;
            match call(&root) {
                Ok(is_right) => {
                    measured.check(is_right, || {
                        format!("btrfs, metadata: after {what} the root is not as it should be")
                    });
                }
                Err(error) if has_quarantine => {
                    measured.violation(format!("btrfs, metadata: {what}: {}", describe(&error)));
                }
                Err(error) => {
                    refused += 1;
                    let is_typed = error.code() == "io";
                    let is_same =
                        matches!((&before, look()), (Ok(before), Ok(after)) if *before == after);
                    measured.check(is_typed && is_same, || {
                        format!(
                            "btrfs, metadata: {what} left a change: {}",
                            describe(&error)
                        )
                    });
                }
            }
        }
    }
    Ok((made, refused))
}

fn prepare(root: &Path, has_quarantine: bool) -> std::result::Result<(), String> {
    let text = |error: CatalogError| describe(&error);
    let io = |error: std::io::Error| error.to_string();
    fs::create_dir_all(root).map_err(io)?;
    let catalog = FsCatalog::new(root).map_err(text)?;
    let import = |id: &str, content: &[u8]| {
        let source = root.with_file_name("source.bin");
        fs::write(&source, content).map_err(io)?;
        let id: ModelId = id.parse().map_err(text)?;
        let mut request = ImportRequest::new(&id, &source);
        // The source must not share the space that its removal is to free.
        request.how = catalog_core::Import::Copy;
        let imported = catalog.import(&request, &mut |_| Ok(()));
        fs::remove_file(&source).map_err(io)?;
        imported.map_err(text)
    };
    import("m", b"the weights")?;
    import("retired", b"the weights of a retired model")?;
    let bad = import("bad", &vec![7; BAD])?.local_path;
    let mut entry = model("in-place", LifecycleState::Active);
    entry.local_path = "/srv/models/in-place".into();
    catalog.put(&entry).map_err(text)?;
    catalog
        .set_state("retired", LifecycleState::Retired)
        .map_err(text)?;
    if has_quarantine {
        set_mode(&bad, 0o600)?;
        let file = fs::File::options().write(true).open(&bad);
        let spoilt = file.and_then(|file| std::os::unix::fs::FileExt::write_all_at(&file, b"x", 0));
        spoilt.map_err(io)?;
        let found = catalog.verify("bad", Verify::Full, &mut |_| Ok(()));
        let outcome = found.map_err(text)?.outcome.kind;
        if outcome != VerificationOutcomeKind::Fail
            || names_in(&root.join("quarantine"))?.is_empty()
        {
            return Err("the bad file is not in quarantine".to_owned());
        }
    }
    Ok(())
}

/// Fills a disk until nothing can be renamed.
fn fill(disk: &Path) -> std::result::Result<(), String> {
    fill_bytes(disk);
    let [from, to] = ["filler-0", "renamed"].map(|name| disk.join(name));
    for number in 0..100_000 {
        let small = disk.join(format!("small-{number}"));
        if fs::write(small, [1; 2_000]).is_err() && fs::rename(&from, &to).is_err() {
            return Ok(());
        }
        drop(fs::rename(&to, &from));
    }
    Err("its metadata cannot be filled".to_owned())
}
