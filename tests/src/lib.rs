//! Tests that cross crates and processes; see `workspace/`.
