//! Formatting, lints, documentation: what needs no server.
//!
//! Warnings are denied by arguments, not by RUSTFLAGS: other flags would make cargo build every
//! dependency again for the tests.

use crate::command::{self, cargo};

/// All checks; stops at the first that fails.
///
/// # Errors
/// One of them fails.
pub fn run() -> anyhow::Result<()> {
    command::run(cargo(&["fmt", "--all", "--check"]))?;
    command::run(cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    let mut docs = cargo(&["doc", "--workspace", "--no-deps"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    command::run(docs)?;
    licenses()
}

/// Licenses, bans and sources of dependencies, where the tool is installed.
fn licenses() -> anyhow::Result<()> {
    let installed = cargo(&["deny", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !installed {
        eprintln!("LEFT OUT: cargo-deny is not installed (cargo install cargo-deny --locked)");
        return Ok(());
    }
    command::run(cargo(&[
        "deny",
        "--offline",
        "check",
        "licenses",
        "bans",
        "sources",
    ]))
}
