//! `sluice plan SPEC`: every statement, forward and back, with its risk. Touches nothing.
//!
//! With a database the expressions are checked by it (on a temporary table, rolled back); with a saved catalog nobody can,
//! and the plan says so.

use std::path::{Path, PathBuf};

use engine::catalog::Catalog;
use engine::db::{Connection, Raw};
use ledger::Plan;
use planner::compile::{self, Acknowledged, Expressions};
use planner::render::{self, Length};
use planner::spec::Spec;
use planner::submit::{self, Does};
use shared::settings::DatabaseRole;

use crate::error::{Error, Outcome};
use crate::place::{Place, PlaceArgs};
use crate::{out, specfile};

/// Arguments of `sluice plan`.
#[derive(clap::Args)]
pub struct PlanArgs {
    /// The spec file, or - for standard input.
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    /// A saved catalog instead of a database.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "database_url"])]
    catalog: Option<PathBuf>,
    /// Write the catalog that was read, for --catalog.
    #[arg(long, value_name = "FILE", conflicts_with = "catalog")]
    save_catalog: Option<PathBuf>,
    /// The plan document itself.
    #[arg(long)]
    json: bool,
    /// The bodies of functions too.
    #[arg(long, conflicts_with = "json")]
    full: bool,
    /// Which database.
    #[command(flatten)]
    place: PlaceArgs,
}

/// Carries it out.
///
/// # Errors
/// Every fault of the spec, or what keeps the catalog from being read.
pub async fn run(args: &PlanArgs) -> Result<Outcome, Error> {
    let spec = specfile::read(&args.spec)?;
    let plan = match &args.catalog {
        Some(file) => from_file(&spec, file)?,
        None => from_database(&spec, args).await?,
    };
    if args.json {
        out::json(&plan);
    } else {
        let length = if args.full { Length::Full } else { Length::Short };
        out::answer(&render::text(&plan, length));
    }
    Ok(Outcome::Done)
}

fn from_file(spec: &Spec, path: &Path) -> Result<Plan, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.to_owned(),
        doing: "read",
        source,
    })?;
    let catalog: Catalog = serde_json::from_str(&text).map_err(|source| Error::Document {
        path: path.to_owned(),
        expected: "a saved catalog; `sluice plan SPEC --database-url URL --save-catalog FILE` writes one",
        source,
    })?;
    let expressions = Expressions::guess(spec, &catalog);
    compile::compile(spec, &catalog, &expressions, &Acknowledged::default()).map_err(Error::Spec)
}

async fn from_database(spec: &Spec, args: &PlanArgs) -> Result<Plan, Error> {
    let place = args.place.place()?;
    let pool = place.pool(DatabaseRole::Data).await?;
    let mut conn = pool
        .acquire()
        .await
        .map_err(engine::postgres::error::Error::query("take a connection"))?;
    if let Some(path) = &args.save_catalog {
        let catalog = catalog(&mut conn, spec).await?;
        std::fs::write(path, out::pretty(&catalog) + "\n").map_err(|source| Error::File {
            path: path.clone(),
            doing: "written",
            source,
        })?;
        out::note(&format!("catalog written to {}", path.display()));
    }
    if let Some(plan) = of_a_job(&place, &mut conn, spec).await {
        return Ok(plan);
    }
    submit::prepare(&mut conn, spec, &place.acknowledged())
        .await
        .map_err(Error::Spec)
}

async fn catalog(conn: &mut Connection, spec: &Spec) -> Result<Catalog, Error> {
    match conn.raw() {
        Raw::Postgres(conn) => {
            let (catalog, _) = compile::resolve_and_check(conn, spec)
                .await
                .map_err(Error::Spec)?;
            return Ok(catalog);
        }
        Raw::Sqlite(_) => {}
    }
    let tables = submit::tables_of(conn, spec).await;
    match conn.raw() {
        Raw::Sqlite(conn) => Ok(engine::sqlite::catalog::read(conn, &tables).await?),
        Raw::Postgres(conn) => Ok(engine::postgres::catalog::read(conn, &tables).await?),
    }
}

/// The plan of the unfinished job that does this already: compiled anew, the spec would meet that job's own objects. A plan needs
/// no ledger, so one that cannot be read is none.
async fn of_a_job(place: &Place, conn: &mut Connection, spec: &Spec) -> Option<Plan> {
    let ledger = place.existing_ledger().await.ok()??;
    let tables = submit::tables_of(conn, spec).await;
    let met = submit::under_way(&ledger, &tables, spec).await.ok()??;
    out::note(&met.words());
    match met.does {
        Does::TheSame => {
            out::note("this is the plan that it runs:");
            ledger.plan(&met.job.plan_hash).await.ok()
        }
        Does::SomethingElse => None,
    }
}
