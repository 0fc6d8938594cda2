//! The catalog beside the stores that one could use instead.
//!
//! SQLite (WAL, synchronous=FULL) and redb are set as their documentation recommends. cacache syncs
//! nothing. The JSON file is read and written as a whole; it syncs nothing and locks nothing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use catalog_core::{CatalogEntry, Digest, LifecycleState};

use crate::measure::{Contender, ROUNDS, alternate};
use crate::measured::Row;
use crate::places::{self, on_each};
use crate::stores::{KINDS, Peer, open_store};
use crate::table::Table;
use crate::unit::thousands;

/// Returns an entry by its number. All stores hold the same entries.
pub fn entry(number: usize) -> CatalogEntry {
    CatalogEntry {
        id: format!("hf:organisation/repository-{number:06}@main/model-q4_k_m.gguf"),
        local_path: format!("/srv/models/organisation/repository-{number:06}/model-q4_k_m.gguf")
            .into(),
        lifecycle: LifecycleState::Active,
        digest: Some(Digest {
            algo: "sha256".to_owned(),
            value: format!("{number:064x}"),
        }),
        last_verified_ms: Some(1_700_000_000_000),
    }
}

/// An entry of them that was verified once more.
fn changed(entries: &[CatalogEntry], number: usize) -> CatalogEntry {
    CatalogEntry {
        last_verified_ms: Some(number as u64),
        ..entries[number * 7919 % entries.len()].clone()
    }
}

/// Measures a durable put on each file system, beside the stores that sync.
///
/// The last contender replaces a file of the size of our index durably, by bare system calls.
pub fn measure_puts(table: &mut Table) {
    const SIZE: usize = 1_000;
    let entries: Vec<CatalogEntry> = (0..SIZE).map(entry).collect();
    on_each(512 << 20, "put", table, |place, folder, table| {
        let kinds = KINDS.into_iter().filter(|kind| !kind.contains("no sync"));
        let stores: Vec<_> = kinds
            .map(|kind| (kind, open_store(kind, &folder.join(kind))))
            .collect();
        stores.iter().for_each(|(_, store)| store.put_all(&entries));
        let index = fs::read(folder.join("FsCatalog/index.json")).expect("it is there");
        let mut contenders: Vec<_> = stores
            .iter()
            .map(|(kind, store)| {
                contender(kind, 100, |number| store.put(&changed(&entries, number)))
            })
            .collect();
        let bare = Contender::new("the bare system calls of ours", 100, |_| {
            replace(folder, &index).expect("it can be replaced");
        });
        contenders.push(bare.bound());
        let stats = alternate(ROUNDS, contenders);
        let id = format!("put-{}", places::id(place));
        table.add(Row::of_time(&id, format!("put {place}"), stats).over(SIZE));
    });
}

/// A store as a contender; the first kind is ours.
fn contender<'c>(kind: &str, count: usize, call: impl Fn(usize) + 'c) -> Contender<'c> {
    let contender = Contender::new(kind, count, call);
    match kind == KINDS[0] {
        true => contender.ours(),
        false => contender,
    }
}

/// Replaces a file durably, and keeps the one before it.
fn replace(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    let [new, old, target, previous] =
        ["new", "old", "target", "previous"].map(|name| folder.join(name));
    let mut file = File::create_new(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if target.exists() {
        fs::hard_link(&target, &old)?;
        fs::rename(&old, &previous)?;
    }
    fs::rename(&new, &target)?;
    File::open(folder)?.sync_all()
}

/// Measures all rows at one size.
pub fn measure(size: usize, table: &mut Table) {
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    // What costs minutes at a size says no more than at the one before.
    let is_patient = |kind: &str| size <= 10_000 || !kind.contains("no sync");
    let (kinds, slow): (Vec<&str>, Vec<&str>) =
        KINDS.into_iter().partition(|kind| is_patient(kind));
    for kind in slow {
        table.skip(
            &format!("{kind} at {} entries", thousands(size)),
            "it takes minutes",
        );
    }
    let path = |kind: &str| folder.path().join(kind);
    let stores: Vec<_> = kinds
        .iter()
        .map(|kind| open_store(kind, &path(kind)))
        .collect();
    let entries: Vec<CatalogEntry> = (0..size).map(entry).collect();
    stores.iter().for_each(|store| store.put_all(&entries));
    // Ours is at its fastest once its handle is older than the file system's clock is coarse.
    std::thread::sleep(Duration::from_secs(3));
    let id = |number: usize| &entries[number * 7919 % size].id;
    let mut add = |id: &str, work: &str, count: usize, call: &(dyn Fn(&dyn Peer, usize) + Sync)| {
        let contenders = kinds.iter().zip(&stores).map(|(kind, store)| {
            let store = &**store;
            // Reading everything for each call, the naive one gets fewer of them.
            let count = match kind.contains("JSON") {
                true => (count / 200).max(1),
                false => count,
            };
            contender(kind, count, move |number| call(store, number))
        });
        let stats = alternate(ROUNDS, contenders.collect());
        table.add(Row::of_time(id, work, stats).over(size));
    };
    add("get", "get", 20_000, &|peer, number| {
        assert!(peer.get(id(number)).is_some())
    });
    add(
        "list",
        "list",
        (200_000 / size).clamp(2, 200),
        &|peer, _| {
            assert_eq!(peer.list().len(), size);
        },
    );
    add("put", "put", 40, &|peer, number| {
        peer.put(&changed(&entries, number))
    });
    add(
        "put-16-threads",
        "put, each of 16 threads",
        10,
        &|peer, number| {
            let entries = &entries;
            std::thread::scope(|scope| {
                for thread in 0..16 {
                    scope.spawn(move || peer.put(&changed(entries, number * 16 + thread)));
                }
            });
        },
    );
    drop(stores);

    let contenders = kinds.iter().map(|kind| {
        let path = path(kind);
        contender(kind, 1, move |_| {
            assert_eq!(open_store(kind, &path).list().len(), size);
        })
    });
    let stats = alternate(ROUNDS, contenders.collect());
    table.add(Row::of_time("open", "open and list", stats).over(size));
}
