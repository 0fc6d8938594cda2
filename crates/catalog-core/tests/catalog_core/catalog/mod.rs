mod conformance;
mod engines;
mod model_lock;
mod same_as_reference;
mod strict;
