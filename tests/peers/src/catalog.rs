//! The catalog beside stores that a user would pick instead: SQLite (WAL, synchronous=FULL) and redb,
//! each as its documentation recommends; cacache, which syncs nothing; and the JSON file that is read
//! and written as a whole, which syncs nothing and locks nothing.

use std::sync::Mutex;
use std::time::Duration;

use catalog_core::{CatalogEntry, CatalogStore, Digest, FsCatalog, LifecycleState};
use redb::Database;
use rusqlite::Connection;

use crate::measure::{Contender, alternate};
use crate::stores::{Cacache, NaiveJson, Ours, Peer, Redb, Sqlite};
use crate::table::{Row, Table};

fn entry(number: usize) -> CatalogEntry {
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

/// Opens what was written before.
type Opener = (&'static str, Box<dyn Fn() -> usize>);

/// Measures all rows at one size.
pub fn measure(size: usize, table: &mut Table) {
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let path = |name: &str| folder.path().join(name);
    let peers: Vec<Box<dyn Peer>> = vec![
        Box::new(Ours(FsCatalog::new(path("catalog")).expect("it opens"))),
        Box::new(Sqlite::open(&path("sqlite.db"))),
        Box::new(Redb(Database::create(path("redb.db")).expect("it opens"))),
        Box::new(Cacache(path("cacache"))),
        Box::new(NaiveJson(Mutex::new(path("naive.json")))),
    ];
    // What costs minutes at a size says no more than at the one before.
    let is_patient = |peer: &str| size <= 10_000 || !peer.contains("no sync");
    let peers: Vec<Box<dyn Peer>> = peers
        .into_iter()
        .filter(|peer| is_patient(peer.name()))
        .collect();
    let entries: Vec<CatalogEntry> = (0..size).map(entry).collect();
    peers.iter().for_each(|peer| peer.put_all(&entries));
    // Ours is at its fastest once its handle is older than the file system's clock is coarse.
    std::thread::sleep(Duration::from_secs(3));
    let id = |number: usize| &entries[number * 7919 % size].id;
    let changed = |number: usize| CatalogEntry {
        last_verified_ms: Some(number as u64),
        ..entries[number * 7919 % size].clone()
    };
    let mut add = |work: &str, count: usize, call: &(dyn Fn(&dyn Peer, usize) + Sync)| {
        let contenders = peers.iter().map(|peer| {
            let peer = &**peer;
            // Reading everything for each call, the naive one gets fewer of them.
            let count = match peer.name().contains("JSON") {
                true => (count / 200).max(1),
                false => count,
            };
            Contender::new(peer.name(), count, move |number| call(peer, number))
        });
        table.add(Row {
            work: work.to_owned(),
            size: Some(size),
            stats: alternate(contenders.collect()),
        });
    };
    add("get", 20_000, &|peer, number| {
        assert!(peer.get(id(number)).is_some())
    });
    add("list", (200_000 / size).clamp(2, 200), &|peer, _| {
        assert_eq!(peer.list().len(), size);
    });
    add("put", 40, &|peer, number| peer.put(&changed(number)));
    add("put, each of 16 threads", 10, &|peer, number| {
        std::thread::scope(|scope| {
            for thread in 0..16 {
                scope.spawn(move || peer.put(&changed(number * 16 + thread)));
            }
        });
    });
    drop(peers);

    let openers: Vec<Opener> = vec![
        ("FsCatalog", {
            let path = path("catalog");
            Box::new(move || {
                FsCatalog::new(&path)
                    .and_then(|catalog| catalog.list())
                    .map_or(0, |all| all.len())
            })
        }),
        ("SQLite", {
            let path = path("sqlite.db");
            Box::new(move || {
                let peer = Sqlite(Mutex::new(Connection::open(&path).expect("it opens")));
                peer.list().len()
            })
        }),
        ("redb", {
            let path = path("redb.db");
            Box::new(move || Redb(Database::open(&path).expect("it opens")).list().len())
        }),
    ];
    let contenders = openers
        .iter()
        .map(|(name, open)| Contender::new(name, 1, move |_| assert_eq!(open(), size)));
    table.add(Row {
        work: "open and list".to_owned(),
        size: Some(size),
        stats: alternate(contenders.collect()),
    });
}
