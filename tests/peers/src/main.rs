//! The catalog beside SQLite (WAL, synchronous=FULL) and redb, each as its documentation
//! recommends, on the same folder in one run: `cargo run --release --manifest-path
//! tests/peers/Cargo.toml [ENTRIES…]`.
//!
//! Every figure is the median of its rounds, ours and theirs in turn. Reads are warm. A put is
//! durable before it returns, in all three.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use catalog_core::{CatalogEntry, CatalogStore, Digest, FsCatalog, LifecycleState};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use rusqlite::{Connection, OptionalExtension};

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
        let all = self.0.update(|edit| entries.iter().try_for_each(|entry| edit.put(entry)));
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
        entries.iter().for_each(|entry| Self::insert(&transaction, entry));
        transaction.commit().expect("it commits");
    }
    fn put(&self, entry: &CatalogEntry) {
        Self::insert(&self.0.lock().expect("no panic"), entry);
    }
    fn get(&self, id: &str) -> Option<CatalogEntry> {
        let connection = self.0.lock().expect("no panic");
        let mut statement =
            connection.prepare_cached("SELECT * FROM models WHERE id = ?1").expect("it is SQL");
        statement.query_row([id], Self::entry).optional().expect("it can be read")
    }
    fn list(&self) -> Vec<CatalogEntry> {
        let connection = self.0.lock().expect("no panic");
        let mut statement =
            connection.prepare_cached("SELECT * FROM models ORDER BY id").expect("it is SQL");
        let rows = statement.query_map([], Self::entry).expect("it can be read");
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
                table.insert(entry.id.as_str(), bytes.as_slice()).expect("it can be put");
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

fn entry(number: usize) -> CatalogEntry {
    CatalogEntry {
        id: format!("hf:organisation/repository-{number:06}@main/model-q4_k_m.gguf"),
        local_path: format!("/srv/models/organisation/repository-{number:06}/model-q4_k_m.gguf").into(),
        lifecycle: LifecycleState::Active,
        digest: Some(Digest {
            algo: "sha256".to_owned(),
            value: format!("{number:064x}"),
        }),
        last_verified_ms: Some(1_700_000_000_000),
    }
}

/// The median time of one of `count` calls, over rounds that take turns among the peers.
fn compare(title: &str, peers: &[Box<dyn Peer>], count: usize, work: &dyn Fn(&dyn Peer, usize)) {
    const ROUNDS: usize = 7;
    let mut times = vec![Vec::new(); peers.len()];
    for round in 0..ROUNDS {
        for (peer, times) in peers.iter().zip(&mut times) {
            let begin = Instant::now();
            for number in 0..count {
                work(&**peer, round * count + number);
            }
            times.push(begin.elapsed() / u32::try_from(count).unwrap_or(u32::MAX));
        }
    }
    let mut line = format!("{title:<28}");
    let mut first = None;
    for (peer, times) in peers.iter().zip(&mut times) {
        times.sort();
        let median = times[ROUNDS / 2];
        let ours = *first.get_or_insert(median);
        let ratio = median.as_secs_f64() / ours.as_secs_f64();
        line.push_str(&format!("  {} {} ({ratio:.2}x)", peer.name(), show(median)));
    }
    println!("{line}");
}

fn show(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        0.0..1_000.0 => format!("{micros:.2} us"),
        _ => format!("{:.2} ms", micros / 1e3),
    }
}

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![100, 1_000, 10_000] } else { sizes };
    println!("times for one call, and how often ours goes into it; SQLite {}", rusqlite::version());
    for size in sizes {
        let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
        let path = |name: &str| folder.path().join(name);
        let peers: Vec<Box<dyn Peer>> = vec![
            Box::new(Ours(FsCatalog::new(path("catalog")).expect("it opens"))),
            Box::new(Sqlite::open(&path("sqlite.db"))),
            Box::new(Redb(Database::create(path("redb.db")).expect("it opens"))),
        ];
        let entries: Vec<CatalogEntry> = (0..size).map(entry).collect();
        peers.iter().for_each(|peer| peer.put_all(&entries));
        // Ours is at its fastest once its handle is older than the file system's clock is coarse.
        std::thread::sleep(Duration::from_secs(3));
        println!("{size} entries");
        let id = |number: usize| &entries[number * 7919 % size].id;
        compare("  get", &peers, 20_000, &|peer, number| {
            assert!(peer.get(id(number)).is_some());
        });
        compare("  list", &peers, 200_000 / size.max(1_000), &|peer, _| {
            assert_eq!(peer.list().len(), size);
        });
        let changed = |number: usize| CatalogEntry {
            last_verified_ms: Some(number as u64),
            ..entries[number * 7919 % size].clone()
        };
        compare("  put", &peers, 40, &|peer, number| peer.put(&changed(number)));
        compare("  put, each of 16 threads", &peers, 10, &|peer, number| {
            std::thread::scope(|scope| {
                for thread in 0..16 {
                    scope.spawn(move || peer.put(&changed(number * 16 + thread)));
                }
            });
        });
        let begin = Instant::now();
        let opened = FsCatalog::new(path("catalog")).expect("it opens");
        println!("  open                          FsCatalog {}", show(begin.elapsed()));
        assert_eq!(opened.list().expect("it can be read").len(), size);
    }
}
