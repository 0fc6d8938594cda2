mod concurrent;
mod digests;
mod local_files;
mod managed;
mod other_hosts;
mod shard_sets;
mod stops;
mod warnings;
