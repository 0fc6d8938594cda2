mod concurrent;
mod digests;
mod local_files;
mod other_hosts;
mod warnings;
