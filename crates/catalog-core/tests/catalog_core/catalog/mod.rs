mod conformance;
mod flights;
mod same_as_reference;
mod strict;
