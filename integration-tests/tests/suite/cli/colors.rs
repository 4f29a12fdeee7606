//! Colors, where somebody can see them and nowhere else. That a pipe gets none is asked of every command that a test runs: see the desk.

use testbed::desk::Desk;
use testbed::file::File;
use testbed::process::Settings;

use super::{Outcome, lower_email};

#[tokio::test]
async fn a_terminal_gets_colors_and_one_that_wants_none_gets_none() -> Outcome {
    let file = File::new().await?;
    file.execute("CREATE TABLE customer (id integer PRIMARY KEY, email text NOT NULL); INSERT INTO customer VALUES (1, 'A@b')")
        .await?;
    let desk = Desk::new(&Settings::default())?;
    let (spec, url) = (desk.write("spec.toml", &lower_email(""))?, file.url());
    let run = [
        "run",
        &spec,
        "--until",
        "verified",
        "--yes",
        "--as",
        "ann",
        "--database-url",
        &url,
    ];
    desk.ok(&run).await?;
    let report = ["report", "lower-email", "--database-url", &url];
    let plain = desk.ok(&report).await?;
    assert!(plain.contains("holds"), "{plain}");
    let painted = desk.on_a_terminal(&report, &[]).await?;
    assert!(painted.contains("\u{1b}["), "{painted:?}");
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = desk.on_a_terminal(&report, &[(name, value)]).await?;
        assert!(!shown.contains('\u{1b}'), "{name}={value}: {shown:?}");
        assert_eq!(shown.replace("\r\n", "\n"), plain, "{name}={value}");
    }
    Ok(())
}
