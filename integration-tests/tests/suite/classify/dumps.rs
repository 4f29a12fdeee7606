//! A dump of 50 MB: read as it comes, in the memory of its longest statement.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::Stdio;

use anyhow::Context;
use serde_json::Value;

use super::ground::{Folder, Outcome};

/// A process that has only started takes a tenth of this; one that holds the dump takes more than the dump.
const MOST: u64 = 40 << 20;

/// As pg_dump writes one, with rows for COPY and long INSERTs; gives how many statements it has.
fn dump(out: &mut impl Write) -> std::io::Result<usize> {
    let row = "4711\tName; 'quoted\tname@example.com\t2026-11-26 00:00:00+00\t$$ -- /*\n";
    let values = "(4711, 'Name; ''quoted''', 'name@example.com')";
    writeln!(out, "\\restrict x\nSET client_encoding = 'UTF8';")?;
    for table in 0..20 {
        writeln!(
            out,
            "CREATE TABLE public.t{table} (id bigint NOT NULL, name text, email text, at timestamptz, note text);"
        )?;
        writeln!(
            out,
            "COPY public.t{table} (id, name, email, at, note) FROM stdin;"
        )?;
        for _ in 0..(2 << 20) / row.len() {
            out.write_all(row.as_bytes())?;
        }
        writeln!(out, "\\.\nCREATE INDEX i{table} ON public.t{table} (email);")?;
    }
    for _ in 0..10 {
        write!(out, "INSERT INTO public.t0 (id, name, email) VALUES {values}")?;
        for _ in 0..(1 << 20) / values.len() {
            write!(out, ",\n{values}")?;
        }
        writeln!(out, ";")?;
    }
    writeln!(out, "DROP TABLE customer;")?;
    Ok(2 + 20 * 3 + 10 + 1)
}

/// The most memory that a process has had, in bytes.
fn peak(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("no VmHWM")?;
    let number = line.split_whitespace().next().context("no number")?;
    Ok(number.parse::<u64>()? << 10)
}

#[test]
fn a_dump_of_any_size_passes_through() -> Outcome {
    let folder = Folder::new()?;
    let out = folder.path("out.json");
    let mut child = folder
        .command(&["classify", "-", "--format", "json"])?
        .stdin(Stdio::piped())
        .stdout(File::create(&out)?)
        .spawn()?;
    let mut input = BufWriter::new(child.stdin.take().context("no input")?);
    let expected = dump(&mut input)?;
    input.flush()?;
    // No more than the pipe holds is not read yet, and the process waits for the rest.
    let peak = peak(child.id())?;
    drop(input);
    assert!(child.wait()?.success());
    assert!(peak < MOST, "{peak} bytes");
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&out)?)?;
    let statements = json["statements"].as_array().context("no statements")?;
    assert_eq!(statements.len(), expected);
    let last = &statements[expected - 1];
    assert_eq!(
        (&last["statement"], &last["phase"]),
        (&"DROP TABLE customer".into(), &"contract".into())
    );
    let insert = &statements[expected - 2];
    assert_eq!(insert["phase"], "data");
    assert!(
        insert["statement"]
            .as_str()
            .is_some_and(|text| text.len() < 70_000)
    );
    Ok(())
}
