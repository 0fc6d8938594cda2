//! The harness behind the reliability figures, and behind the tests that cross processes.
//!
//! A *workload* is a short sequence of calls that a process of its own makes on a real root. The
//! process is run under `strace`, which kills it, fails its system calls, or records them; the
//! product has no switch and no mock. Each call that returned is a promise, which
//! is compared with the state on disk afterwards.
//!
//! | module | what lives there |
//! | --- | --- |
//! | `figure` | a figure: its closing line, its violations |
//! | `sabotage` | the faults that the figures must notice |
//! | `state` | the registered models and engines of a root, and left-over files |
//! | `steps` | the calls of workloads, the state that they should leave, and the process that makes them |
//! | `step_calls` | steps that are more than one call of a store |
//! | `model_source` | a web server from which workloads fetch a model |
//! | `strace` | running such a process under `strace` |
//! | `transfer_threads` | `strace` on one thread of a process that fetches |
//! | `disk_model` | every state of the disk that a crash may leave after some changes of files |
//! | `trace_reader` | the changes of files in the text of a trace |
//! | `hub` | a hub of models on the loopback interface |
//! | `web` | a web server on the loopback interface, and the lies that it tells |
//! | `real_servers` | nginx, tinyproxy and certificates |
//! | `account` | processes of other accounts |
//! | `call`, `answers` | calls that an account makes in a process of its own, and the checks of their answers |
//! | `shared_root` | a root that accounts share by their group |
//! | `toy` | a fetcher that brings known bytes |
//! | `mounts` | file systems in memory and in images |
//! | `limited` | handles whose calls end at a deadline |
//! | `timing` | the clock that processes share, medians and quantiles |
//! | `figures` | one file a figure |
//!
//! To add a workload, add a step to `steps::Step` and it is in every figure.

/// Figures and their closing lines.
pub mod figure;

mod sabotage;

/// The registered models and engines of a root.
pub mod state;

/// The calls of workloads, and the process that makes them.
pub mod steps;

mod step_calls;

/// A web server from which workloads fetch a model.
pub mod model_source;

/// Processes under `strace`.
pub mod strace;

/// The threads of a transfer under `strace`.
pub mod transfer_threads;

/// The states of a disk that a crash may leave.
pub mod disk_model;

/// Reads the text of a trace into the changes that a process made to files.
pub mod trace_reader;

/// File systems mounted for a figure.
pub mod mounts;

/// A hub of models on the loopback interface.
pub mod hub;

/// A web server on the loopback interface, with lies.
pub mod web;

/// Web servers and proxies that tests start.
pub mod real_servers;

/// Processes of other accounts.
pub mod account;

/// A root that accounts share by their group.
pub mod shared_root;

mod answers;

/// The calls that an account makes in a process of its own.
pub mod call;

/// A fetcher that brings known bytes.
pub mod toy;

/// Handles whose calls end at a deadline.
pub mod limited;

/// A clock that processes share, medians and quantiles.
pub mod timing;

/// The figures of the scoreboard.
pub mod figures;
