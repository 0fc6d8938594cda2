mod grammar;
mod id;
mod random_id;
mod round_trip;
mod secrets;
