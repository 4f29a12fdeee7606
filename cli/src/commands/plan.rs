//! `sluice plan SPEC`: every statement, forward and back, with its risk. Touches nothing, and leaves nothing with `--measure` either.
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
use crate::measure::{self, Measured, PlanMeasured};
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
    /// Estimate the fill's write-ahead log, time and growth and the mirror's cost: runs the plan as the owner role on a copy of at most
    /// 20,000 rows, in a transaction that is taken back (PostgreSQL).
    #[arg(long, conflicts_with = "catalog")]
    measure: bool,
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
    let compiled = match &args.catalog {
        Some(file) => Compiled::Anew(from_file(&spec, file)?),
        None => from_database(&spec, args).await?,
    };
    if !args.measure {
        show(args, compiled.plan(), None);
        return Ok(Outcome::Done);
    }
    let Compiled::Anew(plan) = compiled else {
        return Err(Error::Refused(
            "a job does this already: its plan is measured before it is taken; `sluice status` shows what it costs".to_owned(),
        ));
    };
    let measured = measure::measure(&args.place.place()?, &spec, &plan).await?;
    show(args, &plan, Some(&measured));
    Ok(if measure::is_complete(&measured) {
        Outcome::Done
    } else {
        Outcome::Refused
    })
}

/// Where a plan comes from.
enum Compiled {
    /// From the spec.
    Anew(Plan),
    /// From the ledger: a job does it already.
    UnderWay(Plan),
}

impl Compiled {
    fn plan(&self) -> &Plan {
        match self {
            Self::Anew(plan) | Self::UnderWay(plan) => plan,
        }
    }
}

fn show(args: &PlanArgs, plan: &Plan, measured: Option<&[Measured]>) {
    if args.json {
        match measured {
            Some(measured) => out::json(&PlanMeasured { plan, measured }),
            None => out::json(plan),
        }
        return;
    }
    let length = if args.full { Length::Full } else { Length::Short };
    let measured = measured.map(measure::text).unwrap_or_default();
    out::answer(&(render::text(plan, length) + &measured));
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

async fn from_database(spec: &Spec, args: &PlanArgs) -> Result<Compiled, Error> {
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
        return Ok(Compiled::UnderWay(plan));
    }
    submit::prepare(&mut conn, spec, &place.acknowledged())
        .await
        .map(Compiled::Anew)
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
