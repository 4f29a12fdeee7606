//! Somebody else's command.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use super::{Done, PATIENCE};
use crate::bench::order::Peer;
use crate::bench::results::Cost;
use crate::bench::subject::{COLUMN, Subject, UP};
use crate::bench::usage::Usage;
use crate::database::Role;

pub(super) async fn carry_out(subject: &Subject<'_>, peer: &Peer) -> anyhow::Result<Done> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(&peer.command)
        .current_dir(folder.path())
        .kill_on_drop(true);
    command
        .envs(environment(subject))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().context("cannot run sh")?;
    let usage = Usage::watch(vec![(
        peer.name.clone(),
        child.id().context("it has ended already")?,
    )]);
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    // What the shell has started has its own account; only what was waited for is in the shell's.
    let costs = usage
        .stop()
        .into_iter()
        .map(|cost| Cost {
            peak_mib: None,
            ..cost
        })
        .collect();
    let output = ended.context("it does not come to its end")??;
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    ensure!(
        output.status.success(),
        "{} ended with {}: {said}",
        peer.command,
        output.status
    );
    Ok(Done {
        costs,
        ..Done::default()
    })
}

/// What a peer's command is told.
fn environment(subject: &Subject<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("DATABASE_URL", subject.database.url(Role::Owner)),
        ("BENCH_TABLE", subject.kind.table().to_owned()),
        ("BENCH_KEY", "id".to_owned()),
        ("BENCH_COLUMN", COLUMN.to_owned()),
        ("BENCH_UP", UP.to_owned()),
    ]
}
