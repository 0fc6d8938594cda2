mod creation;
mod damage;
mod foreign;
mod format;
// Elsewhere two files cannot be exchanged, and a full disk refuses every write.
#[cfg(all(feature = "native-fs", target_os = "linux"))]
mod full_disk;
mod incremental;
mod limits;
mod lost;
mod nested;
mod planted;
mod recovery;
mod sharing;
mod updates;
mod versions;
mod writing;
