//! Managed models: staging, publishing, import, formats, space, leases, deletion.

mod deletion;
mod formats;
mod import;
mod manifest;
mod space;
mod staging;
