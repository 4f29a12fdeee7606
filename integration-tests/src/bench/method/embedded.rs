//! `sluice run SPEC --database-url URL --until verified`: what a user runs, with the least-privilege roles of the documentation.

use std::ffi::OsString;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use super::{Done, PATIENCE};
use crate::bench::clerk::Clerk;
use crate::bench::ground::Ground;
use crate::bench::subject::{Pace, Subject, spec};
use crate::bench::usage::Usage;
use crate::database::Role;
use crate::keeper::built;

pub(super) async fn carry_out(ground: &Ground, subject: &Subject<'_>, pace: Pace) -> anyhow::Result<Done> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("spec.toml");
    std::fs::write(&file, spec(subject.kind, pace))?;
    let clerk = Clerk::start(ground, &subject.database).await?;
    let mut command = Command::new(built("sluice")?);
    command
        .arg("run")
        .arg(&file)
        .args(["--until", "verified", "--as", "bench"]);
    command
        .args(arguments(subject))
        .current_dir(folder.path())
        .kill_on_drop(true);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let usage = Usage::watch(vec![(
        "sluice".to_owned(),
        child.id().context("it has ended already")?,
    )]);
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let costs = usage.stop();
    let output = ended.context("it does not come to its end")??;
    let said = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    ensure!(
        output.status.success(),
        "sluice run ended with {}: {said}",
        output.status
    );
    Ok(Done {
        filled: Some(clerk.filled(&subject.database).await?),
        costs,
        services: None,
    })
}

/// How a command is told which database it is, each role by its own URL.
pub(in crate::bench) fn arguments(subject: &Subject<'_>) -> Vec<OsString> {
    let roles = [
        ("--database-url", Role::Data),
        ("--admin-url", Role::Owner),
        ("--monitor-url", Role::Monitor),
        ("--ledger-url", Role::Ledger),
    ];
    roles
        .into_iter()
        .flat_map(|(flag, role)| [flag.into(), subject.database.url(role).into()])
        .collect()
}
