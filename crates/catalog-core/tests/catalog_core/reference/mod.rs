mod grammar;
mod id;
mod model_id;
mod random_id;
mod round_trip;
mod secrets;
