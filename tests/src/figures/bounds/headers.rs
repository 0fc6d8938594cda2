//! Headers and side files of hundreds of megabytes, and their reading after a cancellation.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use catalog_core::{CancelToken, ContentCheck, Limits, LocalModel};

use super::{MOST_MIB, read};
use crate::figure::{Extent, Measured, Trial};

const MIB: u64 = 1 << 20;

/// The time after a cancellation within which a call ends: the longest between two looks.
const SOON: Duration = Duration::from_secs(1);

pub(super) fn measure(trial: Trial, measured: &mut Measured) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let files = write_all(folder.path(), trial.extent).map_err(|error| error.to_string())?;
    let mut most = 0;
    for path in &files {
        let said = read(path, trial.sabotage)?;
        let name = path.file_name().unwrap_or_default().display().to_string();
        let (answer, mib) = said.split_once(' ').ok_or("a reader said nothing")?;
        let mib: u64 = mib.parse().map_err(|_| format!("{name}: {said}"))?;
        most = most.max(mib);
        measured.check(mib <= MOST_MIB, || {
            format!("{name}: {mib} MiB of memory to answer {answer}")
        });
        if measured.is_hopeless() {
            return Ok(());
        }
    }
    measured.count("hostile headers and side files", files.len());
    measured.count(&format!("MiB at most (bound {MOST_MIB})"), most);
    cancel(&files, measured)
}

/// Measures how often the reading of each file looks whether its call was cancelled, and cancels those that
/// look at all, at the last look but one.
fn cancel(files: &[PathBuf], measured: &mut Measured) -> Result<(), String> {
    let (mut cancelled, mut slowest) = (0, Duration::ZERO);
    for path in files {
        let model = LocalModel::resolve(path).map_err(|error| error.to_string())?;
        let (looks, last) = (Cell::new(0_usize), Cell::new(Instant::now()));
        let longest = Cell::new(Duration::ZERO);
        let note = || {
            looks.set(looks.get() + 1);
            longest.set(longest.get().max(last.get().elapsed()));
            last.set(Instant::now());
        };
        // Whatever the answer is: only the looks count.
        drop(model.check_content(ContentCheck::RefuseWrong, &|| {
            note();
            Ok(())
        }));
        slowest = slowest.max(longest.get()).max(last.get().elapsed());
        let all = looks.replace(0);
        let token = CancelToken::new();
        let limits = Limits::none().cancelled_by(&token);
        let answer = model.check_content(ContentCheck::RefuseWrong, &|| {
            note();
            if looks.get() + 1 >= all {
                token.cancel();
            }
            limits.check("reading")
        });
        let is_cancelled = answer.is_err_and(|error| error.code() == "cancelled");
        measured.check(is_cancelled, || {
            format!("{}: {all} looks, and not cancelled", path.display())
        });
        cancelled += usize::from(is_cancelled);
    }
    measured.count("readings were cancelled", cancelled);
    measured.count("ms between two looks at most", slowest.as_millis());
    measured.check(slowest <= SOON, || {
        format!("a reading did not look whether it was cancelled for {slowest:?}")
    });
    Ok(())
}

/// Writes the hostile files.
fn write_all(folder: &Path, extent: Extent) -> io::Result<Vec<PathBuf>> {
    // The sizes of a header of safetensors and of an index of shards in MiB, and of an array in GiB.
    let (header_mib, index_mib, array_gib) = match extent {
        Extent::Quick => (16, 32, 1_u64),
        Extent::Full => (95, 250, 6),
    };
    let below = |name: &str| {
        let folder = folder.join(name);
        fs::create_dir(&folder).map(|()| folder)
    };
    let mut paths = Vec::new();
    // Empty strings in an array of metadata. The zeros take no disk.
    let path = below("strings")?.join("strings.gguf");
    let mut header = b"GGUF".to_vec();
    header.extend(3_u32.to_le_bytes());
    header.extend(0_u64.to_le_bytes());
    header.extend(1_u64.to_le_bytes());
    header.extend(3_u64.to_le_bytes());
    header.extend(b"key");
    header.extend(9_u32.to_le_bytes());
    header.extend(8_u32.to_le_bytes());
    header.extend((array_gib << 27_u64).to_le_bytes());
    sparse(&path, &header, (array_gib << 30) + header.len() as u64)?;
    paths.push(path);
    // A key of two GiB.
    let path = below("key")?.join("key.gguf");
    let mut header = b"GGUF".to_vec();
    header.extend(3_u32.to_le_bytes());
    header.extend(0_u64.to_le_bytes());
    header.extend(1_u64.to_le_bytes());
    header.extend((2_u64 << 30).to_le_bytes());
    sparse(&path, &header, 4 << 30)?;
    paths.push(path);
    // A header of safetensors with very many tensors.
    let path = below("tensors")?.join("tensors.safetensors");
    let mut json = String::from("{");
    while json.len() < header_mib << 20 {
        let number = json.len();
        json.push_str(&format!(
            "\"t{number}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}},"
        ));
    }
    json.pop();
    json.push('}');
    let mut file = BufWriter::new(File::create(&path)?);
    file.write_all(&(json.len() as u64).to_le_bytes())?;
    file.write_all(json.as_bytes())?;
    file.flush()?;
    paths.push(path);
    // A header of safetensors that is one string.
    let path = below("string")?.join("string.safetensors");
    let mut file = BufWriter::new(File::create(&path)?);
    file.write_all(&(header_mib as u64 * MIB).to_le_bytes())?;
    file.write_all(b"{\"")?;
    for _ in 0..header_mib {
        file.write_all(&vec![b'x'; 1 << 20])?;
    }
    file.flush()?;
    paths.push(path);
    // Indexes of shards: each entry of its own, each file of its own, and nothing but depth.
    for (name, entry) in [
        ("weights", "\"w{}\":\"model-00001-of-00002.safetensors\","),
        ("files", "\"w{}\":\"file-{}.safetensors\","),
        ("deep", "\"w{}\":[["),
    ] {
        let folder = below(name)?;
        let mut file = BufWriter::new(File::create(folder.join("model.safetensors.index.json"))?);
        file.write_all(b"{\"weight_map\":{")?;
        let mut len = 0;
        while len < index_mib << 20 {
            let text = entry.replace("{}", &len.to_string());
            len += text.len();
            file.write_all(text.as_bytes())?;
        }
        file.write_all(b"\"w\":\"model-00001-of-00002.safetensors\"}}")?;
        file.flush()?;
        paths.push(folder);
    }
    Ok(paths)
}

/// Writes a file that begins with these bytes and ends in zeros that take no disk.
fn sparse(path: &Path, begin: &[u8], size: u64) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(begin)?;
    file.set_len(size)
}

/// The process that checks the content of a model: `HOW PATH`. Prints the answer and the greatest number of
/// MiB that the process had in memory.
pub fn run_reader(arguments: &[String]) -> Result<(), String> {
    let [how, path] = arguments else {
        return Err("HOW PATH".to_owned());
    };
    let path = Path::new(path);
    let model = LocalModel::resolve(path).map_err(|error| error.to_string())?;
    let mut whole = Vec::new();
    if how == "whole" {
        let file = match path.is_dir() {
            true => path.join("model.safetensors.index.json"),
            false => path.to_path_buf(),
        };
        let file = File::open(file).map_err(|error| error.to_string())?;
        io::Read::read_to_end(&mut io::Read::take(file, 200 * MIB), &mut whole)
            .map_err(|error| error.to_string())?;
    }
    let answer = match model.check_content(ContentCheck::RefuseWrong, &|| Ok(())) {
        Ok(_) => "accepted",
        Err(error) => error.code(),
    };
    drop(whole);
    let status = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<u64> =
        most.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse().ok());
    let kib = kib.ok_or("the kernel states no peak of memory")?;
    let told = writeln!(io::stdout(), "{answer} {}", kib.div_ceil(1024));
    told.map_err(|error| error.to_string())
}
