//! The demonstration on a file of its own: it needs nothing, and leaves nothing behind.

use std::path::Path;
use std::time::Duration;

use testbed::desk::Desk;
use testbed::keeper::Signal;
use testbed::process::{Settings, Sluice};

use super::ground::Outcome;

const ROWS: &str = "20000";
/// A busy machine may take this long until the demonstration is in the middle of a fill, or has cleaned up.
const PATIENCE: Duration = Duration::from_secs(240);

fn assert_empty(folder: &Path) -> Outcome {
    let left: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    assert!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

/// Settings with a folder for temporary files that is the test's own.
fn settings(temporary: &Path) -> Settings {
    Settings::default().with("TMPDIR", &temporary.display().to_string())
}

#[tokio::test]
async fn the_demonstration_needs_no_server_keeps_its_promises_and_leaves_nothing() -> Outcome {
    let temporary = tempfile::tempdir()?;
    let desk = Desk::new(&settings(temporary.path()))?;
    let answer = desk.json(&["demo", "--rows", ROWS, "--json"]).await?;
    assert_eq!(answer["verdict"], "every promise held", "{answer:#}");
    assert_eq!(answer["rows"], 20_000);
    assert_eq!(answer["mismatches"], 0);
    for writes in [&answer["writes"], &answer["second"]["writes"]] {
        assert!(writes["made"].as_u64() > Some(0), "{answer:#}");
        assert_eq!(writes["made"], writes["found"]);
    }
    assert_eq!(answer["second"]["state"], "rolled-back");
    assert_eq!(answer["second"]["schema_equal"], true);
    assert_empty(temporary.path())
}

/// The desk looks whether a pipe gets colors.
#[tokio::test]
async fn the_table_of_the_demonstration_is_plain_text_on_a_pipe() -> Outcome {
    let temporary = tempfile::tempdir()?;
    let desk = Desk::new(&settings(temporary.path()))?;
    let table = desk.ok(&["demo", "--rows", "1000"]).await?;
    assert!(table.contains("verdict: every promise held"), "{table}");
    assert_empty(temporary.path())
}

#[tokio::test]
async fn an_interrupted_demonstration_leaves_no_file() -> Outcome {
    for (moment, signal) in [
        ("an application writes to it", Signal::INT),
        ("demo-fax-number: flipping-reads", Signal::TERM),
        // The terminal goes away.
        ("demo-name-length: ", Signal::HUP),
    ] {
        let temporary = tempfile::tempdir()?;
        let demo = Sluice::start(&["demo", "--rows", ROWS], &settings(temporary.path())).await?;
        demo.logged(moment, PATIENCE).await?;
        demo.signal(signal)?;
        let status = demo.ended(PATIENCE).await?;
        assert!(status.contains('1'), "{status}\n{}", demo.log());
        assert!(demo.log().contains("nothing of it is left"), "{}", demo.log());
        assert_empty(temporary.path())?;
    }
    Ok(())
}
