//! A fetcher of a third party: copies models from a share that is mounted on this host.
//!
//! ```text
//! share_fetcher FOLDER share://TEAM/MODEL [CACHE_DIR]
//! ```
//!
//! `share://team/model.gguf` is the file `team/model.gguf` below the mounted folder. The provided
//! `stage` of [`ModelFetcher`] copies the file into the store, where it is verified and registered.

#![expect(clippy::print_stdout, reason = "a command line prints")]

mod common;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use catalog_core::{
    CatalogError, FetchProblem, FileFetcher, FsCatalog, ModelFetcher, ModelRef, ResolvedModel,
    SourceHost, default_model_cache_dir,
};
use model_provisioner::{ModelProvisioner, SchemeRouter};

/// Serves `share://` references from a mounted folder.
struct ShareFetcher {
    mounted: PathBuf,
}

impl ModelFetcher for ShareFetcher {
    fn schemes(&self) -> Vec<&str> {
        vec!["share"]
    }

    /// A mounted share is reached without the network, so it also works offline.
    fn source_host(&self, _: &ModelRef) -> SourceHost {
        SourceHost::ThisHost
    }

    fn ensure_present(&self, mr: &ModelRef) -> catalog_core::Result<ResolvedModel> {
        let id = mr.id()?;
        let name = id.strip_prefix("share://").ok_or_else(|| {
            CatalogError::no_fetcher(mr, "give a reference such as share://team/model.gguf")
        })?;
        if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let detail = "a part of the name is empty, `.` or `..`";
            return Err(CatalogError::fetch(mr, FetchProblem::Refused, detail));
        }
        let local_path = self.mounted.join(name);
        if !local_path.exists() {
            let detail = format!(
                "{} does not exist; is the share mounted?",
                local_path.display()
            );
            return Err(CatalogError::fetch(mr, FetchProblem::FileNotFound, detail));
        }
        Ok(ResolvedModel { id, local_path })
    }
}

fn main() -> ExitCode {
    common::exit_code(run())
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(mounted), Some(model)) = (arguments.next(), arguments.next()) else {
        return Err("usage: share_fetcher FOLDER share://TEAM/MODEL [CACHE_DIR]".into());
    };
    let root = arguments
        .next()
        .map_or_else(default_model_cache_dir, PathBuf::from);
    let share = ShareFetcher {
        mounted: mounted.into(),
    };
    let fetcher = SchemeRouter::new().with(FileFetcher).with(share);
    let provisioner = ModelProvisioner::new(FsCatalog::new(root)?, fetcher);
    let resolved = provisioner.ensure_present_str(&model, None)?;
    println!("{} is at {}", resolved.id, resolved.local_path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use catalog_core::conformance::model_fetcher::FetcherUnderTest;
    use model_provisioner::Policy;

    use super::*;

    catalog_core::model_fetcher_conformance!(|folder| {
        let mounted = folder.join("mounted");
        std::fs::create_dir_all(mounted.join("team")).unwrap();
        std::fs::write(mounted.join("team/model.bin"), "weights").unwrap();
        FetcherUnderTest {
            fetcher: ShareFetcher { mounted },
            present: ModelRef::parse("share://team/model.bin").unwrap(),
            content: b"weights".to_vec(),
            absent: ModelRef::parse("share://team/nothing.bin").unwrap(),
            foreign: Some(ModelRef::parse("hf:org/repo").unwrap()),
        }
    });

    /// PROV-421
    #[test]
    fn a_mounted_share_is_used_offline_and_its_models_are_managed() {
        let folder = tempfile::tempdir().unwrap();
        let mounted = folder.path().join("mounted");
        std::fs::create_dir_all(mounted.join("team")).unwrap();
        std::fs::write(mounted.join("team/model.bin"), "weights").unwrap();
        let root = folder.path().join("root");
        let mut policy = Policy::default();
        policy.offline = true;
        let catalog = FsCatalog::new(&root).unwrap();
        let provisioner = ModelProvisioner::new(catalog, ShareFetcher { mounted });
        let provisioner = provisioner.with_policy(policy).unwrap();
        let resolved = provisioner.ensure_present_str("share://team/model.bin", None);
        let resolved = resolved.unwrap();
        assert_eq!(resolved.id, "share://team/model.bin");
        assert!(
            resolved
                .local_path
                .starts_with(root.canonicalize().unwrap())
        );
        assert_eq!(std::fs::read(resolved.local_path).unwrap(), b"weights");
        for (text, code) in [
            ("share://team/../m", "fetch_refused"),
            ("share://team/none", "fetch_file_not_found"),
            ("hf:org/repo", "no_fetcher"),
        ] {
            let error = provisioner.ensure_present_str(text, None).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
        }
    }
}
