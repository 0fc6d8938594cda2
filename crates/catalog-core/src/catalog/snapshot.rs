use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::digest::RecordedVerification;
use crate::entry::{CatalogEntry, EngineEntry};
use crate::index::{Record, Snapshot};
use crate::root::StoreRoot;
use crate::state::EngineRecord;
use crate::state::ModelRecord;

/// The content of a catalog at one moment. It never changes, and a clone of it copies no entry.
///
/// Its serialised form is canonical: `{"version", "generation", "entries"}`, with the entries in
/// their stored form, sorted by id. Equal content gives equal bytes on every host and below every
/// root.
#[derive(Debug, Clone)]
pub struct CatalogSnapshot {
    pub(super) root: StoreRoot,
    pub(super) snapshot: Arc<Snapshot<ModelRecord>>,
}

/// The content of an engine store at one moment; see [`CatalogSnapshot`].
#[derive(Debug, Clone)]
pub struct EngineSnapshot {
    pub(super) root: StoreRoot,
    pub(super) snapshot: Arc<Snapshot<EngineRecord>>,
}

macro_rules! snapshot_methods {
    ($snapshot:ty, $entry:ty) => {
        impl $snapshot {
            /// Returns the generation of the index, which grows with each change.
            pub fn generation(&self) -> u64 {
                self.snapshot.generation()
            }

            /// Returns the entry with this id.
            pub fn get(&self, id: &str) -> Option<$entry> {
                let record = self.snapshot.get(id)?;
                Some(record.entry(id, &self.root))
            }

            /// Returns the latest verification of an entry, if the entry was verified since its
            /// path or digest was last changed.
            pub fn verification(&self, id: &str) -> Option<RecordedVerification> {
                self.snapshot.get(id)?.verification()
            }

            /// Returns all entries, sorted by id.
            pub fn iter(&self) -> impl ExactSizeIterator<Item = $entry> {
                let entries = self.snapshot.iter();
                entries.map(|(id, record)| record.entry(id, &self.root))
            }

            /// Returns the number of entries.
            pub fn len(&self) -> usize {
                self.snapshot.len()
            }

            /// Returns true if there are no entries.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }
        }

        impl Serialize for $snapshot {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize(&self.snapshot, serializer)
            }
        }
    };
}

snapshot_methods!(CatalogSnapshot, CatalogEntry);
snapshot_methods!(EngineSnapshot, EngineEntry);

fn serialize<R: Record, S: Serializer>(
    snapshot: &Snapshot<R>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    struct Entries<'s, R>(&'s Snapshot<R>);

    impl<R: Record> Serialize for Entries<'_, R> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(
                self.0
                    .iter()
                    .map(|(id, record)| (id, record.without_host())),
            )
        }
    }

    let mut map = serializer.serialize_map(Some(3))?;
    map.serialize_entry("version", &R::VERSION)?;
    map.serialize_entry("generation", &snapshot.generation())?;
    map.serialize_entry("entries", &Entries(snapshot))?;
    map.end()
}
