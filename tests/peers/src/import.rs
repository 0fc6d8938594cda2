//! Bringing a large file into a store, hashed on the way, on each file system at hand. Ours is
//! durable and verified when it returns; the others leave the writing to the kernel.

use std::fs::File;
use std::io;
use std::path::Path;

use cacache::{Algorithm, WriteOpts};
use catalog_core::{CatalogStore, FsCatalog, ImportRequest};
use workspace_tests::mounts::Mount;

use crate::files::{GIB, MIB, command, fill, remove, run};
use crate::measure::{Contender, FEW_ROUNDS, alternate};
use crate::table::{Row, Table};

/// Measures the rows; `scale` divides the size.
pub fn measure(scale: usize, table: &mut Table) {
    let size = GIB / scale;
    let here = tempfile::tempdir_in(".").expect("a folder can be made here");
    import(size, "here", here.path(), table);
    for (kind, mkfs) in [("XFS", "mkfs.xfs"), ("btrfs", "mkfs.btrfs")] {
        // The source, a copy of each contender, and as much again for what is freed late.
        let image = 5 * size as u64 + (512 << 20);
        match Mount::in_large_image(mkfs, &["-q", "-f"], image) {
            Ok(mount) => import(size, &format!("on {kind}"), &mount.path(), table),
            Err(why) => table.skip(&format!("import on {kind}"), &why),
        }
    }
}

fn import(size: usize, place: &str, folder: &Path, table: &mut Table) {
    let source = folder.join("source.bin");
    fill(&source, size, 1);
    let catalog = FsCatalog::new(folder.join("catalog")).expect("it opens");
    let (copy, cache) = (folder.join("copy.bin"), folder.join("cacache"));
    let forget = |_| {
        catalog.delete("model").expect("it can be deleted");
        remove(&copy);
        remove(&cache);
    };
    let copy_with = |option: &str| {
        run(command("cp").arg(option).arg(&source).arg(&copy));
    };
    let contenders = vec![
        Contender::new("import", 1, |_| {
            let request = ImportRequest::new("model", &source);
            let imported = catalog.import(&request, &mut |_| Ok(()));
            imported.expect("it can be imported");
        }),
        Contender::new("cp --reflink=auto, sha256sum (no sync)", 1, |_| {
            copy_with("--reflink=auto");
            run(command("sha256sum").arg(&copy));
        }),
        Contender::new("cp --reflink=auto, openssl, sync", 1, |_| {
            copy_with("--reflink=auto");
            run(command("openssl").args(["dgst", "-sha256"]).arg(&copy));
            run(command("sync").arg(&copy));
        }),
        Contender::new("cacache (no sync)", 1, |_| {
            into_cacache(&cache, &source).expect("it can be written");
        }),
    ];
    let contenders = contenders.into_iter().map(|one| one.prepared(forget));
    let stats = alternate(FEW_ROUNDS, contenders.collect());
    table.add(Row::of_time(
        format!("import {} MiB {place}", size / MIB),
        stats,
    ));
    forget(0);
}

/// Writes a file into a cacache, as a stream.
pub fn into_cacache(cache: &Path, source: &Path) -> io::Result<()> {
    let mut writer = WriteOpts::new()
        .algorithm(Algorithm::Sha256)
        .open_sync(cache, "model")
        .map_err(io::Error::other)?;
    io::copy(&mut File::open(source)?, &mut writer)?;
    writer.commit().map_err(io::Error::other)?;
    Ok(())
}
