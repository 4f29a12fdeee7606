//! `sluice explain CODE`: the page of a finding.

use classifier::{Code, pages};

use crate::classify::pages::markdown;
use crate::error::{Error, Outcome};
use crate::out;

/// Arguments of `sluice explain`.
#[derive(clap::Args)]
pub struct ExplainArgs {
    /// The code, such as SL2101; all of them with one line each if it is left out.
    #[arg(value_name = "CODE", value_parser = code)]
    code: Option<Code>,
}

fn code(text: &str) -> Result<Code, String> {
    text.to_ascii_uppercase().parse()
}

/// Carries it out.
///
/// # Errors
/// No rule has the code.
pub async fn run(args: &ExplainArgs) -> Result<Outcome, Error> {
    match args.code {
        Some(code) => {
            let page = pages::of(code).ok_or_else(|| {
                Error::Usage(format!(
                    "no rule has the code {code}; `sluice explain` lists them"
                ))
            })?;
            out::answer(&markdown(&page));
        }
        None => {
            let lines = pages::all()
                .into_iter()
                .map(|page| format!("{}  {}\n", page.code, page.title));
            out::answer(&lines.collect::<String>());
        }
    }
    Ok(Outcome::Done)
}
