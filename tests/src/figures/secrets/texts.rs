//! The flows in which a caller writes a secret into the store by hand.

use std::path::Path;

use catalog_core::{
    CatalogEntry, CatalogStore, EngineEntry, EngineStore, FsCatalog, FsEngineStore, ImportRequest,
    LifecycleState, ModelId,
};

use super::canaries::{CANARIES, REFERENCES};
use super::hub::chain;

/// What callers write into the store by hand: ids, the reasons and owners of pins, and engines.
pub(super) fn try_ids_and_texts(
    catalog: &FsCatalog,
    model: &Path,
    note: &mut dyn FnMut(String) -> Result<(), String>,
) -> Result<(), String> {
    let said = |error: &dyn std::error::Error, debug: &dyn std::fmt::Debug| {
        format!("{debug:?} {}", chain(error))
    };
    for reference in REFERENCES {
        let imported = ModelId::new(reference).and_then(|id| {
            let request = ImportRequest::new(&id, model);
            catalog.import(&request, &mut |_| Ok(()))
        });
        note(match imported {
            Ok(entry) => format!("flow raw id\n{entry:?}"),
            Err(error) => format!("flow raw id\n{}", said(&error, &error)),
        })?;
    }
    let id = ModelId::new("pinned").map_err(|error| error.to_string())?;
    let entry = CatalogEntry {
        id: id.to_string(),
        local_path: model.to_path_buf(),
        lifecycle: LifecycleState::Active,
        digest: None,
        last_verified_ms: None,
    };
    catalog.put(&entry).map_err(|error| error.to_string())?;
    let engines = FsEngineStore::new(catalog.root()).map_err(|error| error.to_string())?;
    for text in [
        REFERENCES[0].to_owned(),
        REFERENCES[1].to_owned(),
        format!("git+https://u:{}@host/x", CANARIES[1]),
        format!("token={}", CANARIES[2]),
        format!("--api-key {}", CANARIES[2]),
        CANARIES[0].to_owned(),
    ] {
        let mut heard = "flow texts".to_owned();
        for outcome in [
            catalog.pin(&id, "owner", &format!("because of {text} today")),
            catalog.pin(&id, &text, "reason"),
            catalog.delete("pinned").map(drop),
            engines.put(&engine(None, vec![text.clone()])),
            engines.put(&engine(Some(text.clone()), Vec::new())),
        ] {
            if let Err(error) = outcome {
                heard.push_str(&format!("\n{}", said(&error, &error)));
            }
        }
        heard.push_str(&format!("\n{:?} {:?}", catalog.pins(), engines.list()));
        note(heard)?;
    }
    Ok(())
}

fn engine(build_ref: Option<String>, build_flags: Vec<String>) -> EngineEntry {
    EngineEntry {
        id: "e".to_owned(),
        engine: "engine".to_owned(),
        version: "1".to_owned(),
        build_ref,
        digest: None,
        build_flags: Some(build_flags),
        artifacts: Vec::new(),
        created_ms: 0,
    }
}
