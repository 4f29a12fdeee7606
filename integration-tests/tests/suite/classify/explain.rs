//! `sluice explain`: the page behind a code.

use super::ground::{Folder, Outcome, said};

#[test]
fn every_code_has_a_page_and_others_are_wrong_usage() -> Outcome {
    let folder = Folder::new()?;
    let run = |args: &[&str]| said(&folder.command(&[&["explain"], args].concat())?.output()?);
    let list = run(&[])?;
    list.is(0, &["SL2001", "SL2008"]);
    assert!(list.out.lines().count() > 20, "{list:?}");
    let page = run(&["sl2006"])?;
    page.is(
        0,
        &[
            "# SL2006: ",
            "## Example",
            "\\i more.sql",
            "-- sluice: allow SL2006 REASON",
        ],
    );
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/findings/SL2006.md");
    assert_eq!(page.out, std::fs::read_to_string(docs)?);
    run(&["SL9999"])?.is(2, &["no rule has the code SL9999"]);
    run(&["nonsense"])?.is(2, &["\"NONSENSE\" is not a code"]);
    Ok(())
}
