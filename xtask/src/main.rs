//! `cargo xtask`: installs what the tests need and runs them. See `README.md` beside the manifest.
//!
//! It depends on no crate of the workspace, so that it builds in seconds and still runs when nothing
//! else compiles.

mod bench;
mod chaos;
mod check;
mod command;
mod groups;
mod install;
mod languages;
mod stopwatch;
mod tally;
mod test;

use std::process::ExitCode;

use anyhow::bail;

const USAGE: &str = "\
usage: cargo xtask test [--only GROUP]... [--without GROUP]...
                                installs what is missing, builds everything, runs every test
       cargo xtask chaos --seeds N --minutes M [--seed FIRST]
                                whole installations under faults that seeds draw
       cargo xtask bench [--short] [...]
                                what a fill costs beside one plain UPDATE; --help says more
       cargo xtask check        formatting, lints, documentation
       cargo xtask ci           check, then test
       cargo xtask install      installs what the tests need, and nothing else
       cargo xtask groups       the test groups and their time budgets";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> anyhow::Result<ExitCode> {
    match args {
        ["test", choice @ ..] => test::run(&groups::Choice::parse(choice)?),
        ["chaos", order @ ..] => chaos::run(order),
        ["bench", order @ ..] => bench::run(order),
        ["check"] => check::run().map(|()| ExitCode::SUCCESS),
        ["ci"] => {
            check::run()?;
            test::run(&groups::Choice::default())
        }
        ["install"] => {
            install::ensure(true)?;
            languages::ensure().map(|()| ExitCode::SUCCESS)
        }
        ["groups"] => {
            groups::print();
            Ok(ExitCode::SUCCESS)
        }
        ["help" | "--help" | "-h"] => {
            eprintln!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => bail!("cannot make sense of {args:?}\n{USAGE}"),
    }
}
