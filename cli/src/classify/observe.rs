//! The scripts run for real, in a throw-away copy of the live schema: one session, in the order in which they would be run.

use std::collections::VecDeque;
use std::io;

use engine::postgres::observe::{self, Observed, Statement};
use secrecy::SecretString;
use shared::settings::DatabaseRole;
use tokio::signal;

use super::judge::{self, Request};
use super::record::Unreadable;
use super::walk::Source;
use crate::error::Error;
use crate::out;
use crate::place::Place;

/// More statements than this are a dump, whose effect on a database that has its tables already means nothing.
const MOST: usize = 10_000;
/// Ours is no part of anybody's schema.
const LEDGER: &str = "sluice";

/// What was seen of the statements of all scripts, in the order in which they are judged.
///
/// # Errors
/// Too many statements, or no copy can be made.
pub async fn observe(
    request: &Request,
    sources: &[Result<Source, Unreadable>],
    (place, scratch): (&Place, Option<&SecretString>),
) -> Result<VecDeque<Observed>, Error> {
    let texts = judge::statements(request, sources).map_err(|source| Error::File {
        path: "the scripts".into(),
        doing: "read",
        source,
    })?;
    if texts.len() > MOST {
        return Err(Error::Usage(format!(
            "{} statements are too many to run for --observe (at most {MOST}): name the migrations that are new",
            texts.len()
        )));
    }
    let statements: Vec<Statement<'_>> = texts.iter().map(|text| Statement::from(text.as_str())).collect();
    let request = observe::Request {
        live: place.target.url_for(DatabaseRole::Owner),
        scratch,
        exclude_schemas: &[LEDGER.to_owned()],
        statements: &statements,
    };
    let interrupted = async {
        // Without a handler Ctrl-C ends the process at once, as it always did.
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let seen = observe::observe(request, interrupted).await?;
    for missing in &seen.missing {
        out::note(&format!("note: not in the copy of the schema: {missing}"));
    }
    for name in &seen.left_over {
        out::note(&format!(
            "note: database {name:?} is left over from an observation that was killed; drop it if none is under way"
        ));
    }
    Ok(seen.statements.into())
}

/// Reads standard input, which is needed twice.
///
/// # Errors
/// It cannot be read.
pub fn keep_stdin(sources: &mut [Result<Source, Unreadable>]) -> io::Result<()> {
    for source in sources.iter_mut().flatten() {
        source.keep_stdin()?;
    }
    Ok(())
}
