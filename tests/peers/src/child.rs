//! What this program does in processes of its own: `--child WORK ARGUMENT…`.

use std::path::Path;
use std::process::Command;

use catalog_core::{Digest, FsCatalog, ImportRequest};

use crate::download;
use crate::files;
use crate::herd::provision;
use crate::import::into_cacache;
use crate::stores::open_store;

pub const FLAG: &str = "--child";

/// A process of this program that does some work.
pub fn command(work: &str) -> Command {
    let mut command = files::command("/proc/self/exe");
    command.args([FLAG, work]);
    command
}

/// Does the work.
pub fn run(words: &[String]) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["hash", file] => {
            Digest::of_file(Path::new(file)).expect("it can be read");
        }
        ["import", file, root] => {
            let catalog = FsCatalog::new(root).expect("it opens");
            let id = "model".parse().expect("it is an id");
            let request = ImportRequest::new(&id, Path::new(file));
            let imported = catalog.import(&request, &mut |_| Ok(()));
            imported.expect("it can be imported");
        }
        ["cacache", file, cache] => {
            into_cacache(Path::new(cache), Path::new(file)).expect("it can be written");
        }
        ["open", kind, path] => {
            let store = open_store(kind, Path::new(path));
            assert!(store.get(&crate::catalog::entry(7).id).is_some());
        }
        ["fetch", url, root] => download::provision(Path::new(root), url),
        ["provision", endpoint, hf, root] => provision(endpoint, Path::new(hf), Path::new(root)),
        _ => panic!("{words:?} is no work"),
    }
}
