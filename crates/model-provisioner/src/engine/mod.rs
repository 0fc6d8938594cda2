//! The engine of a call. A call reads the facts about the model on this host (`facts`), plans the
//! next step as a pure function of the facts (`plan`), and executes the step (`execute`), until a
//! step returns a verified model (`verified`). Then it registers the model (`register`). The module
//! `attempts` states when a call waits, retries and ends.

mod attempts;
mod context;
mod execute;
mod facts;
mod nested;
mod phase;
mod plan;
mod provisioner;
mod register;
mod verified;

pub use provisioner::ModelProvisioner;
