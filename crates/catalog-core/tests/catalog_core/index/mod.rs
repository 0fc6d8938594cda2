mod damage;
mod format;
mod planted;
mod recovery;
mod sharing;
mod versions;
mod writing;
