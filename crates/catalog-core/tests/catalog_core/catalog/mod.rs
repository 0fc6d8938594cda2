mod conformance;
mod engines;
mod model_lock;
mod own_files;
mod same_as_reference;
mod strict;
