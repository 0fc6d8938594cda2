mod agreed;
mod concurrent;
mod digests;
mod local_files;
mod managed;
mod other_hosts;
mod stops;
mod warnings;
