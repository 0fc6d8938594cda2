//! Model references: parsing, printing without secrets, and ids. Only [`id`](ModelRef::id) of a
//! local path reads the disk.

mod check_url;
mod fault;
mod file;
mod file_patterns;
mod hf;
mod host;
mod hub_spelling;
mod id;
mod image;
mod model_id;
mod model_ref;
mod other_scheme;
mod parse;
mod percent;
mod redact;
mod redact_text;
mod remote_name;
mod secret;
mod stated_digest;
mod url;

pub(crate) use image::check_image_reference;

pub(crate) use redact::shown_id;
pub(crate) use redact_text::{redact_image, redact_text, text_holds_secret};
pub(crate) use remote_name::check_file_name;

pub use file_patterns::FilePatterns;
pub use hf::HfParts;
pub use model_id::ModelId;
pub use model_ref::ModelRef;
