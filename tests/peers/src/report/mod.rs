//! The figures and the README, made from the stored measurements alone.

mod axis;
mod bars;
mod chapters;
mod curves;
mod markers;
mod reasons;
mod results;
mod style;

pub use results::{load, write};
