//! The catalog beside stores that a user would pick instead: SQLite (WAL, synchronous=FULL) and redb,
//! each as its documentation recommends; cacache, which syncs nothing; and the JSON file that is read
//! and written as a whole, which syncs nothing and locks nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use catalog_core::{CatalogEntry, CatalogStore, Digest, FsCatalog, LifecycleState};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use rusqlite::{Connection, OptionalExtension};

use crate::measure::{Contender, alternate};
use crate::table::{Row, Table};

/// A store of entries by id, as a peer of the catalog.
trait Peer: Sync {
    fn name(&self) -> &'static str;
    fn put_all(&self, entries: &[CatalogEntry]);
    fn put(&self, entry: &CatalogEntry);
    fn get(&self, id: &str) -> Option<CatalogEntry>;
    fn list(&self) -> Vec<CatalogEntry>;
}

struct Ours(FsCatalog);

impl Peer for Ours {
    fn name(&self) -> &'static str {
        "FsCatalog"
    }
    fn put_all(&self, entries: &[CatalogEntry]) {
        let all = self
            .0
            .update(|edit| entries.iter().try_for_each(|entry| edit.put(entry)));
        all.expect("they can be put");
    }
    fn put(&self, entry: &CatalogEntry) {
        self.0.put(entry).expect("it can be put");
    }
    fn get(&self, id: &str) -> Option<CatalogEntry> {
        self.0.get(id).expect("it can be read")
    }
    fn list(&self) -> Vec<CatalogEntry> {
        self.0.list().expect("it can be read")
    }
}

/// One connection behind a lock: SQLite has one writer anyhow.
struct Sqlite(Mutex<Connection>);

impl Sqlite {
    fn open(path: &Path) -> Self {
        let connection = Connection::open(path).expect("it opens");
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
                 CREATE TABLE models (id TEXT PRIMARY KEY, path TEXT NOT NULL, lifecycle TEXT NOT NULL,
                                      digest TEXT, verified INTEGER) WITHOUT ROWID;",
            )
            .expect("it can be set up");
        Self(Mutex::new(connection))
    }

    fn insert(connection: &Connection, entry: &CatalogEntry) {
        let mut statement = connection
            .prepare_cached("INSERT OR REPLACE INTO models VALUES (?1, ?2, ?3, ?4, ?5)")
            .expect("it is SQL");
        statement
            .execute((
                &entry.id,
                entry.local_path.to_str(),
                format!("{:?}", entry.lifecycle),
                entry.digest.as_ref().map(Digest::to_string),
                entry.last_verified_ms.map(|ms| ms as i64),
            ))
            .expect("it can be put");
    }

    fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<CatalogEntry> {
        let digest: Option<String> = row.get(3)?;
        let lifecycle: String = row.get(2)?;
        Ok(CatalogEntry {
            id: row.get(0)?,
            local_path: row.get::<_, String>(1)?.into(),
            lifecycle: if lifecycle == "Active" {
                LifecycleState::Active
            } else {
                LifecycleState::Retired
            },
            digest: digest.and_then(|text| text.parse().ok()),
            last_verified_ms: row.get::<_, Option<i64>>(4)?.map(|ms| ms as u64),
        })
    }
}

impl Peer for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite"
    }
    fn put_all(&self, entries: &[CatalogEntry]) {
        let mut connection = self.0.lock().expect("no panic");
        let transaction = connection.transaction().expect("it begins");
        entries
            .iter()
            .for_each(|entry| Self::insert(&transaction, entry));
        transaction.commit().expect("it commits");
    }
    fn put(&self, entry: &CatalogEntry) {
        Self::insert(&self.0.lock().expect("no panic"), entry);
    }
    fn get(&self, id: &str) -> Option<CatalogEntry> {
        let connection = self.0.lock().expect("no panic");
        let mut statement = connection
            .prepare_cached("SELECT * FROM models WHERE id = ?1")
            .expect("it is SQL");
        statement
            .query_row([id], Self::entry)
            .optional()
            .expect("it can be read")
    }
    fn list(&self) -> Vec<CatalogEntry> {
        let connection = self.0.lock().expect("no panic");
        let mut statement = connection
            .prepare_cached("SELECT * FROM models ORDER BY id")
            .expect("it is SQL");
        let rows = statement
            .query_map([], Self::entry)
            .expect("it can be read");
        rows.map(|row| row.expect("it is an entry")).collect()
    }
}

const MODELS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("models");

struct Redb(Database);

impl Redb {
    fn write(&self, entries: &[CatalogEntry]) {
        let transaction = self.0.begin_write().expect("it begins");
        {
            let mut table = transaction.open_table(MODELS).expect("it is there");
            for entry in entries {
                let bytes = serde_json::to_vec(entry).expect("it is plain");
                table
                    .insert(entry.id.as_str(), bytes.as_slice())
                    .expect("it can be put");
            }
        }
        transaction.commit().expect("it commits");
    }
}

impl Peer for Redb {
    fn name(&self) -> &'static str {
        "redb"
    }
    fn put_all(&self, entries: &[CatalogEntry]) {
        self.write(entries);
    }
    fn put(&self, entry: &CatalogEntry) {
        self.write(std::slice::from_ref(entry));
    }
    fn get(&self, id: &str) -> Option<CatalogEntry> {
        let transaction = self.0.begin_read().expect("it begins");
        let table = transaction.open_table(MODELS).expect("it is there");
        let found = table.get(id).expect("it can be read")?;
        Some(serde_json::from_slice(found.value()).expect("it is an entry"))
    }
    fn list(&self) -> Vec<CatalogEntry> {
        let transaction = self.0.begin_read().expect("it begins");
        let table = transaction.open_table(MODELS).expect("it is there");
        let all = table.iter().expect("it can be read");
        all.map(|pair| {
            let (_, bytes) = pair.expect("it can be read");
            serde_json::from_slice(bytes.value()).expect("it is an entry")
        })
        .collect()
    }
}

/// Content by key, with an index file for each; a put is a file of content and an index entry.
struct Cacache(PathBuf);

impl Peer for Cacache {
    fn name(&self) -> &'static str {
        "cacache (no sync)"
    }
    fn put_all(&self, entries: &[CatalogEntry]) {
        entries.iter().for_each(|entry| self.put(entry));
    }
    fn put(&self, entry: &CatalogEntry) {
        let bytes = serde_json::to_vec(entry).expect("it is plain");
        cacache::write_sync(&self.0, &entry.id, bytes).expect("it can be put");
    }
    fn get(&self, id: &str) -> Option<CatalogEntry> {
        let bytes = cacache::read_sync(&self.0, id).ok()?;
        Some(serde_json::from_slice(&bytes).expect("it is an entry"))
    }
    fn list(&self) -> Vec<CatalogEntry> {
        let all = cacache::list_sync(&self.0);
        all.map(|found| {
            self.get(&found.expect("it can be listed").key)
                .expect("it is there")
        })
        .collect()
    }
}

/// All entries in one file, read and written as a whole by every call.
struct NaiveJson(Mutex<PathBuf>);

impl NaiveJson {
    fn read(path: &Path) -> Vec<CatalogEntry> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).expect("it is a list"),
            Err(_) => Vec::new(),
        }
    }
}

impl Peer for NaiveJson {
    fn name(&self) -> &'static str {
        "JSON file (no sync)"
    }
    fn put_all(&self, entries: &[CatalogEntry]) {
        let path = self.0.lock().expect("no panic");
        let bytes = serde_json::to_vec(entries).expect("it is plain");
        fs::write(&*path, bytes).expect("it can be written");
    }
    fn put(&self, entry: &CatalogEntry) {
        let path = self.0.lock().expect("no panic");
        let mut entries = Self::read(&path);
        match entries.iter_mut().find(|known| known.id == entry.id) {
            Some(known) => *known = entry.clone(),
            None => entries.push(entry.clone()),
        }
        let bytes = serde_json::to_vec(&entries).expect("it is plain");
        fs::write(&*path, bytes).expect("it can be written");
    }
    fn get(&self, id: &str) -> Option<CatalogEntry> {
        let path = self.0.lock().expect("no panic");
        Self::read(&path).into_iter().find(|entry| entry.id == id)
    }
    fn list(&self) -> Vec<CatalogEntry> {
        Self::read(&self.0.lock().expect("no panic"))
    }
}

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
