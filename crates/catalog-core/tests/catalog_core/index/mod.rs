mod damage;
mod format;
mod planted;
mod sharing;
mod versions;
