use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system mounted for a figure, gone at its end.
#[derive(Debug)]
pub struct Mount {
    folder: tempfile::TempDir,
    /// The arguments of `mount` before its path.
    arguments: Vec<String>,
}

/// Makes an image with the content of a folder: the folder, and the path of the image.
pub type MakeImage = fn(&Path, &Path) -> Result<(), String>;

/// Runs a program. The error is the text that the program printed on standard error.
pub fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            Err(format!(
                "{program} {}: {}",
                arguments.join(" "),
                text.trim()
            ))
        }
        Err(error) => Err(format!("{program}: {error}")),
    }
}

/// Returns the free bytes of the file system of a path.
pub fn free_bytes(path: &Path) -> Result<u64, String> {
    let output = Command::new("df")
        .args(["--sync", "--output=avail", "-B1"])
        .arg(path)
        .output()
        .map_err(|error| format!("df: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text
        .lines()
        .nth(1)
        .and_then(|line| line.trim().parse().ok());
    number.ok_or_else(|| format!("df: {text}"))
}

impl Mount {
    /// A file system in memory with these options. The reason if this process may not mount.
    pub fn in_memory(options: &str) -> Result<Self, String> {
        let mut mount = Self::unmounted_below(&std::env::temp_dir())?;
        mount.arguments = words(&["-t", "tmpfs", "-o", options, "tmpfs"]);
        mount.mount()?;
        Ok(mount)
    }

    /// The image of a folder.
    pub fn of_folder(folder: &Path, make: MakeImage) -> Result<Self, String> {
        let mount = Self::unmounted_below(&std::env::temp_dir())?;
        make(folder, &mount.image())?;
        mount.mount()?;
        Ok(mount)
    }

    /// An overlay over a folder. Its upper layer lies in another one, which no overlay may hold.
    pub fn overlay(lower: &Path, upper: &Path) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let layers = ["upper", "work"].map(|name| upper.join(name));
        for layer in &layers {
            std::fs::create_dir_all(layer).map_err(text)?;
        }
        let mut mount = Self::unmounted_below(&std::env::temp_dir())?;
        let [upper, work] = layers;
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.display(),
            upper.display(),
            work.display()
        );
        mount.arguments = words(&["-t", "overlay", "-o", &options, "overlay"]);
        mount.mount()?;
        Ok(mount)
    }

    /// A folder once more, read-only.
    pub fn read_only(folder: &Path) -> Result<Self, String> {
        let mut mount = Self::unmounted_below(&std::env::temp_dir())?;
        mount.arguments = words(&["-o", "bind,ro", &folder.display().to_string()]);
        mount.mount()?;
        Ok(mount)
    }

    /// A file system in an image file, made by `mkfs` with these arguments before its path.
    pub fn in_image(mkfs: &str, arguments: &[&str]) -> Result<Self, String> {
        Self::in_large_image(mkfs, arguments, 320 << 20)
    }

    /// Makes a file system in an image file of this number of bytes.
    pub fn in_large_image(mkfs: &str, arguments: &[&str], size: u64) -> Result<Self, String> {
        Self::in_image_below(&std::env::temp_dir(), mkfs, arguments, size)
    }

    /// A file system in an image file that lies in memory where there is such a place: a sync takes no
    /// time.
    pub fn in_fast_image(mkfs: &str, arguments: &[&str], size: u64) -> Result<Self, String> {
        let memory = Path::new("/dev/shm");
        match memory.is_dir() {
            true => Self::in_image_below(memory, mkfs, arguments, size),
            false => Self::in_large_image(mkfs, arguments, size),
        }
    }

    fn in_image_below(
        folder: &Path,
        mkfs: &str,
        arguments: &[&str],
        size: u64,
    ) -> Result<Self, String> {
        let mount = Self::unmounted_below(folder)?;
        let image = mount.image().display().to_string();
        run("truncate", &["-s", &size.to_string(), &image])?;
        let mut with_image = arguments.to_vec();
        with_image.push(&image);
        run(mkfs, &with_image)?;
        mount.mount()?;
        Ok(mount)
    }

    /// A place for an image and its mount.
    fn unmounted_below(folder: &Path) -> Result<Self, String> {
        let folder = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?;
        std::fs::create_dir(folder.path().join("mount")).map_err(|error| error.to_string())?;
        let image = folder.path().join("image").display().to_string();
        Ok(Self {
            folder,
            arguments: words(&["-o", "loop", &image]),
        })
    }

    /// The image that is mounted, if it is one.
    pub fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    fn text(&self) -> String {
        self.path().display().to_string()
    }

    /// Mounts it, again after [`unmount`](Self::unmount).
    pub fn mount(&self) -> Result<(), String> {
        let path = self.text();
        let mut arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        arguments.push(&path);
        run("mount", &arguments)
    }

    /// Unmounts it.
    pub fn unmount(&self) -> Result<(), String> {
        run("umount", &[&self.text()])
    }

    /// Detaches it from its place, though files in it are open.
    pub fn detach(&self) -> Result<(), String> {
        run("umount", &["-l", &self.text()])
    }

    /// Makes it read-only.
    pub fn make_read_only(&self) -> Result<(), String> {
        run("mount", &["-o", "remount,ro", &self.text()])
    }

    /// Cuts its power: nothing that is not on its disk by now ever will be.
    pub fn cut(&self) -> Result<(), String> {
        run("xfs_io", &["-x", "-c", "shutdown", &self.text()])
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        drop(run("umount", &["-l", &self.text()]));
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
