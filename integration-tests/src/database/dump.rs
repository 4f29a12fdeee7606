//! Schema dumps that can be compared, and loading dumps of others.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use tokio::process::Command;

use crate::postgres::{SUPERUSER, Server, output, program};

/// The schema without the ledger's own.
pub(super) async fn schema(server: &Server, database: &str) -> anyhow::Result<String> {
    let mut command = Command::new(program("pg_dump")?);
    command.env("PGPASSWORD", server.password());
    command.args([
        "-h",
        "127.0.0.1",
        "-U",
        SUPERUSER,
        "-d",
        database,
        "-p",
        &server.port().to_string(),
    ]);
    command.args(["--schema-only", "--exclude-schema=sluice"]);
    let text = output(command, None).await.context("cannot dump the schema")?;
    Ok(normalize(&text, database))
}

/// Drops what differs between two dumps of the same schema: comments, blank lines, the random key of
/// `\restrict`, and the name of the test's own database in role names.
fn normalize(text: &str, database: &str) -> String {
    let telling = |line: &&str| !(line.is_empty() || line.starts_with("--") || line.starts_with('\\'));
    let lines: Vec<&str> = text.lines().filter(telling).collect();
    lines.join("\n").replace(database, "DATABASE")
}

/// Runs a file of SQL in one session that stops at the first error, without the lines by which a dump
/// leaves the database it is loaded into.
pub(super) async fn load(url: &str, file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut staying = tempfile::NamedTempFile::new()?;
    staying.write_all(stay(&text).as_bytes())?;
    let mut command = Command::new(program("psql")?);
    command.env("PGCLIENTENCODING", "UTF8").args([
        "-X",
        "-q",
        "-1",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        url,
        "-f",
    ]);
    command.arg(staying.path());
    output(command, None)
        .await
        .map(drop)
        .with_context(|| format!("cannot load {}", file.display()))
}

/// Comments these lines out, so that line numbers in messages stay right.
fn stay(text: &str) -> String {
    let leaves = |line: &str| {
        ["DROP DATABASE", "CREATE DATABASE", "\\c "]
            .iter()
            .any(|word| line.starts_with(word))
    };
    text.lines()
        .map(|line| {
            if leaves(line) {
                "--\n".to_owned()
            } else {
                format!("{line}\n")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_stays_in_the_database_it_is_loaded_into() {
        let dump = "DROP DATABASE IF EXISTS c;\nCREATE DATABASE c;\n\\c c;\nCREATE TABLE t ();\n";
        assert_eq!(stay(dump), "--\n--\n--\nCREATE TABLE t ();\n");
    }

    #[test]
    fn what_differs_between_equal_schemas_is_dropped() {
        let dump =
            "--\n-- PostgreSQL database dump\n--\n\n\\restrict aB3\n\nALTER TABLE t OWNER TO test_1_owner;\n";
        assert_eq!(
            normalize(dump, "test_1"),
            "ALTER TABLE t OWNER TO DATABASE_owner;"
        );
    }
}
