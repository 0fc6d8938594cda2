mod grammar;
mod id;
mod round_trip;
mod secrets;
