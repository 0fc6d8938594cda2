//! Programs of Python's package index that rows run, each in an environment of its own below the
//! target folder, installed when they are first needed.

use std::path::PathBuf;
use std::process::Command;

use crate::files::{command, run};

/// A program, by the packages that it consists of.
pub struct Tool {
    name: &'static str,
    packages: &'static [&'static str],
    /// A module that can be imported if the program is installed.
    module: &'static str,
}

/// The hub's own command and library.
pub const HUB: Tool = Tool {
    name: "hub",
    packages: &["huggingface_hub"],
    module: "huggingface_hub",
};

/// The OpenSSF's signer of models.
pub const SIGNER: Tool = Tool {
    name: "signer",
    packages: &["model-signing", "pyopenssl"],
    module: "model_signing.hashing",
};

impl Tool {
    /// A program of its environment, such as `python`, or why there is none.
    pub fn program(&self, program: &str) -> Result<PathBuf, String> {
        let environment = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("target/tools")
            .join(self.name);
        let python = environment.join("bin/python");
        let is_there = || {
            let import = format!("import {}", self.module);
            let output = Command::new(&python).args(["-c", &import]).output();
            output.is_ok_and(|output| output.status.success())
        };
        if !is_there() {
            println!("installing {}", self.packages.join(" "));
            let make = Command::new("python3")
                .args(["-m", "venv"])
                .arg(&environment)
                .output();
            if make.is_ok_and(|output| output.status.success()) {
                run(command(&python)
                    .args(["-m", "pip", "install", "--quiet"])
                    .args(self.packages));
            }
        }
        match is_there() {
            true => Ok(environment.join("bin").join(program)),
            false => Err(format!(
                "{} could not be installed for python3",
                self.packages.join(" ")
            )),
        }
    }

    /// The version of its first package. It is empty if the program is not installed.
    pub fn version(&self) -> String {
        let script =
            "import sys, importlib.metadata; print(importlib.metadata.version(sys.argv[1]))";
        let Ok(python) = self.program("python") else {
            return String::new();
        };
        let output = Command::new(python)
            .args(["-c", script, self.packages[0]])
            .output();
        output.map_or_else(
            |_| String::new(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    }
}
