//! AMQP clients of other languages, for the tests of the examples: in a folder of the build, never in the system.
//!
//! pika in a virtual environment of Python's, amqplib in a folder of npm's. Versions are pinned here and nowhere else.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::command::{self, top};

/// Read by the tests.
pub const FOLDER: &str = "SLUICE_TEST_LANGUAGES";
const PIKA: &str = "pika==1.3.2";
const AMQPLIB: &str = "amqplib@2.3.1";

/// Puts both in place, unless they are.
///
/// # Errors
/// Python, npm or a registry is not to be had; says how to go on without.
pub fn ensure() -> anyhow::Result<()> {
    both(&folder()).context(
        "the examples in Python and JavaScript cannot be tested: python3 with venv, npm and Node 18 or newer must be installed, and pypi.org and \
         npmjs.org reachable; without them: cargo xtask test --without languages",
    )
}

/// Where they are.
pub fn folder() -> std::path::PathBuf {
    top().join("target/languages")
}

fn both(folder: &Path) -> anyhow::Result<()> {
    let python = folder.join("python");
    let has_pika = Command::new(python.join("bin/python"))
        .args(["-c", "import pika"])
        .status();
    if !has_pika.is_ok_and(|status| status.success()) {
        std::fs::create_dir_all(folder)?;
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&python);
        command::run(venv)?;
        let mut pip = Command::new(python.join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            PIKA,
        ]);
        command::run(pip)?;
    }
    if !folder.join("node_modules/amqplib").is_dir() {
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--no-save",
            "--no-audit",
            "--no-fund",
            "--silent",
            "--prefix",
        ])
        .arg(folder)
        .arg(AMQPLIB);
        command::run(npm)?;
    }
    Ok(())
}
