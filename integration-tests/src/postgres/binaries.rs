//! Where the installed PostgreSQL programs are, and running one to its end.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::account::Account;

/// Where Debian and its derivatives keep one folder a major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The path of a server program: from `SLUICE_TEST_POSTGRES_BIN`, else the newest version installed,
/// else from the search path.
///
/// # Errors
/// It is not installed; says how to install it.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os("SLUICE_TEST_POSTGRES_BIN") {
        let path = Path::new(&folder).join(name);
        return path
            .is_file()
            .then_some(path)
            .with_context(|| format!("no {name} in SLUICE_TEST_POSTGRES_BIN"));
    }
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path())))
        .map(|(version, folder)| (version, folder.join("bin").join(name)))
        .filter(|(_, path)| path.is_file())
        .collect();
    found.sort();
    match found.pop() {
        Some((_, path)) => Ok(path),
        None => in_search_path(name),
    }
}

/// A program from the search path, or from the folders of system programs that it may lack.
///
/// # Errors
/// It is not installed; says how to install it.
pub(crate) fn in_search_path(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| {
            format!("{name} is not installed: run `cargo xtask test`, which installs what the tests need")
        })
}

/// Runs a program to its end as `account`, and gives what it wrote to its standard output.
///
/// # Errors
/// It cannot be run, or ends with a failure: then with what it wrote to its standard error.
pub async fn output(mut command: Command, account: Option<Account>) -> anyhow::Result<String> {
    if let Some(Account { uid, gid }) = account {
        command.uid(uid).gid(gid);
    }
    command.kill_on_drop(true).stdin(std::process::Stdio::null());
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let done = command
        .output()
        .await
        .with_context(|| format!("cannot run {program}"))?;
    if !done.status.success() {
        bail!(
            "{program} failed ({}): {}",
            done.status,
            String::from_utf8_lossy(&done.stderr).trim()
        );
    }
    String::from_utf8(done.stdout).with_context(|| format!("{program} wrote something that is not UTF-8"))
}
