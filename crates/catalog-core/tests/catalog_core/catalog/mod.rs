mod conformance;
mod same_as_reference;
mod strict;
