//! Bringing a large file into a store, hashed on the way, on each file system at hand. Ours is
//! durable and verified when it returns; some others leave the writing to the kernel. Where extents
//! are shared the hash is the limit, elsewhere the slower one of it and of the disk.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use cacache::{Algorithm, WriteOpts};
use catalog_core::{CatalogStore, FsCatalog, ImportRequest};

use crate::files::{GIB, command, fill, remove, run, write_back};
use crate::measure::{Contender, FEW_ROUNDS, alternate};
use crate::measured::Row;
use crate::places::{self, on_each};
use crate::table::Table;
use crate::unit::Unit;

/// The pause before each turn. The rate of some virtual disks is limited over seconds.
const RECOVERY: Duration = Duration::from_secs(3);

/// Measures the rows; `scale` divides the size.
pub fn measure(scale: usize, table: &mut Table) {
    let size = GIB / scale;
    // The source, a copy of each contender, and as much again for what is freed late.
    let image = 5 * size as u64 + (512 << 20);
    on_each(image, "import", table, |place, folder, table| {
        import(size, place, folder, table);
    });
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
        write_back();
        std::thread::sleep(RECOVERY);
    };
    let copy_with = |option: &str| {
        run(command("cp").arg(option).arg(&source).arg(&copy));
    };
    let contenders = vec![
        Contender::new("import", 1, |_| {
            let id = "model".parse().expect("it is an id");
            let request = ImportRequest::new(&id, &source);
            let imported = catalog.import(&request, &mut |_| Ok(()));
            imported.expect("it can be imported");
        })
        .ours(),
        Contender::new("cp --reflink=auto, sha256sum (no sync)", 1, |_| {
            copy_with("--reflink=auto");
            run(command("sha256sum").arg(&copy));
        }),
        Contender::new("cp --reflink=auto, openssl, sync", 1, |_| {
            copy_with("--reflink=auto");
            run(command("openssl").args(["dgst", "-sha256"]).arg(&copy));
            run(command("sync").arg(&copy));
        }),
        Contender::new("cp and sync alone", 1, |_| {
            copy_with("--reflink=auto");
            run(command("sync").arg(&copy));
        }),
        Contender::new("cacache (no sync)", 1, |_| {
            into_cacache(&cache, &source).expect("it can be written");
        }),
    ];
    let contenders = contenders.into_iter().map(|one| one.prepared(forget));
    let stats = alternate(FEW_ROUNDS, contenders.collect());
    table.add(Row::of_time(
        &format!("import-{}", places::id(place)),
        format!("import {} {place}", Unit::Bytes.show_tick(size as f64)),
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
