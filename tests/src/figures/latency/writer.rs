use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use catalog_core::{CatalogStore, FsCatalog};

use crate::timing::now_ns;

/// The process that writes: `ROOT TARGET COUNT MILLISECONDS`. The target is the `index`, or a `file`
/// of its size beside the root. Prints when each write began and when it was durable.
pub fn run_latency_writer(arguments: &[String]) -> Result<(), String> {
    let [root, target, count, pause] = arguments else {
        return Err("ROOT TARGET COUNT MILLISECONDS".to_owned());
    };
    let count: u64 = count.parse().map_err(|_| "COUNT is a number")?;
    let pause: u64 = pause.parse().map_err(|_| "MILLISECONDS is a number")?;
    let root = Path::new(root);
    let catalog = FsCatalog::new(root).map_err(|error| error.to_string())?;
    let entries = catalog.list().map_err(|error| error.to_string())?;
    let bytes = fs::read(root.join("index.json")).map_err(|error| error.to_string())?;
    // The readers' process measures something in quiet first.
    std::thread::sleep(Duration::from_millis(300));
    let mut output = io::stdout().lock();
    for number in 0..count {
        let begin = now_ns();
        match target.as_str() {
            "file" => replace(root, &bytes).map_err(|error| error.to_string())?,
            _ => {
                let which = usize::try_from(number * 7_919).unwrap_or(0) % entries.len();
                let mut entry = entries[which].clone();
                entry.last_verified_ms = Some(number);
                catalog.put(&entry).map_err(|error| error.to_string())?;
            }
        }
        let end = now_ns();
        writeln!(output, "{begin} {end}").map_err(|error| error.to_string())?;
        std::thread::sleep(Duration::from_millis(pause));
    }
    Ok(())
}

/// Replaces a file beside the root durably.
fn replace(root: &Path, bytes: &[u8]) -> io::Result<()> {
    let (new, target) = (root.with_extension("new"), root.with_extension("control"));
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, &target)?;
    File::open(root.parent().unwrap_or(root))?.sync_all()
}
