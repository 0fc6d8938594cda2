//! The stores that a catalog is measured beside, each behind the same few calls.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use catalog_core::{CatalogEntry, CatalogStore, Digest, FsCatalog, LifecycleState};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use rusqlite::{Connection, OptionalExtension};

/// A store of entries by id, as a peer of the catalog.
pub trait Peer: Sync {
    fn put_all(&self, entries: &[CatalogEntry]);
    fn put(&self, entry: &CatalogEntry);
    fn get(&self, id: &str) -> Option<CatalogEntry>;
    fn list(&self) -> Vec<CatalogEntry>;
}

/// All of them; ours comes first.
pub const KINDS: [&str; 5] = [
    "FsCatalog",
    "SQLite",
    "redb",
    "cacache (no sync)",
    "JSON file (no sync)",
];

/// Opens a store of a kind, or makes it.
pub fn open_store(kind: &str, path: &Path) -> Box<dyn Peer> {
    match kind {
        "FsCatalog" => Box::new(Ours(FsCatalog::new(path).expect("it opens"))),
        "SQLite" => Box::new(Sqlite::open(path)),
        "redb" => Box::new(Redb(Database::create(path).expect("it opens"))),
        "cacache (no sync)" => Box::new(Cacache(path.to_owned())),
        "JSON file (no sync)" => Box::new(NaiveJson(Mutex::new(path.to_owned()))),
        _ => panic!("there is no {kind}"),
    }
}

struct Ours(FsCatalog);

impl Peer for Ours {
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

/// One connection behind a lock. SQLite has only one writer at a time.
struct Sqlite(Mutex<Connection>);

impl Sqlite {
    fn open(path: &Path) -> Self {
        let connection = Connection::open(path).expect("it opens");
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
                 CREATE TABLE IF NOT EXISTS models (id TEXT PRIMARY KEY, path TEXT NOT NULL,
                                                    lifecycle TEXT NOT NULL, digest TEXT, verified INTEGER) WITHOUT ROWID;",
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
