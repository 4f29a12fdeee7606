//! `sluice classify FILE|DIR...`: what each statement of somebody's migrations does to a running application, and what to write instead.

use std::io::{self, BufWriter};
use std::path::PathBuf;

use classifier::Risk;
use classifier::script::Dialect;
use secrecy::SecretString;

use crate::classify::walk::{self, Source};
use crate::classify::{self, Format, Printer, Request};
use crate::classify::{live, observe};
use crate::error::{Error, Outcome};
use crate::out;
use crate::place::PlaceArgs;

/// Arguments of `sluice classify`.
#[derive(clap::Args)]
#[command(
    after_help = "Folders are read as Flyway, Prisma, sqlx, goose, dbmate, golang-migrate, Diesel, Rails (structure.sql) and Alembic lay them \
    out, in the order in which the tool runs them. A comment accepts a finding: `-- sluice: allow CODE reason`. `sluice explain CODE` says more about one.\n\n\
    Exit codes: 0 done, 1 a file or a statement cannot be read, or is as bad as --fail-on, 2 wrong usage."
)]
pub struct ClassifyArgs {
    /// Scripts, and folders of them; - is standard input.
    #[arg(value_name = "FILE", required = true)]
    paths: Vec<PathBuf>,
    /// Whose SQL it is.
    #[arg(long, value_enum, default_value_t)]
    dialect: DialectName,
    /// How it is told.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Fail (exit code 1) if a statement is as bad as this, or worse.
    #[arg(long, value_enum, value_name = "RISK")]
    fail_on: Option<RiskName>,
    /// The way back as well: .down.sql, what follows `-- +goose Down`, downgrade().
    #[arg(long)]
    down: bool,
    /// Matters of style as well, by squawk's rules (PostgreSQL).
    #[arg(long)]
    lint: bool,
    /// Run the scripts in a throw-away copy of the schema as well, and tell where what really happened is not what the rules say (PostgreSQL; the owner role
    /// makes the copy with pg_dump and CREATE DATABASE, and drops it).
    #[arg(long)]
    observe: bool,
    /// With --observe: another server of the same version for the copy, as a URL.
    #[arg(long, value_name = "URL", requires = "observe")]
    scratch_url: Option<SecretString>,
    /// With a database, how large and busy its tables are counts as well, and who would wait; without one all are taken for large and busy.
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum DialectName {
    #[default]
    Postgres,
    Mysql,
    Mariadb,
    Sqlite,
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::Postgres => Self::Postgres,
            DialectName::Mysql => Self::Mysql,
            DialectName::Mariadb => Self::Mariadb,
            DialectName::Sqlite => Self::Sqlite,
        }
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum RiskName {
    None,
    Low,
    Medium,
    High,
    Critical,
}

impl From<RiskName> for Risk {
    fn from(name: RiskName) -> Self {
        match name {
            RiskName::None => Self::None,
            RiskName::Low => Self::Low,
            RiskName::Medium => Self::Medium,
            RiskName::High => Self::High,
            RiskName::Critical => Self::Critical,
        }
    }
}

/// Carries it out.
///
/// # Errors
/// A folder holds nothing to read, or the answer cannot be written.
pub async fn run(args: &ClassifyArgs) -> Result<Outcome, Error> {
    let dialect = Dialect::from(args.dialect);
    if args.lint && dialect != Dialect::Postgres {
        return Err(Error::Usage("--lint has rules for PostgreSQL only".to_owned()));
    }
    let mut request = Request {
        dialect,
        fail_on: args.fail_on.map(Risk::from),
        down: args.down,
        lint: args.lint,
        facts: None,
        observed: None,
    };
    let mut sources = Vec::new();
    for path in &args.paths {
        let found = walk::sources(path);
        if found.is_empty() {
            let what = "holds no .sql file and no migration of Alembic";
            return Err(Error::Usage(format!("{} {what}", path.display())));
        }
        sources.extend(found);
    }
    if !args.place.is_empty() {
        if dialect != Dialect::Postgres {
            let what = "only a PostgreSQL database is asked about its tables: leave it out";
            return Err(Error::Usage(what.to_owned()));
        }
        let place = args.place.place()?;
        if args.observe {
            keep_stdin(&mut sources)?;
        }
        request.facts = Some(live::facts(&place, &sources).await?);
        if args.observe {
            let place = (&place, args.scratch_url.as_ref());
            request.observed = Some(observe::observe(&request, &sources, place).await?);
        }
    } else if args.observe {
        let what = "--observe copies the schema of a live database: name one (--target, --database-url)";
        return Err(Error::Usage(what.to_owned()));
    }
    match told(&request, args.format, sources) {
        Ok(true) => Ok(Outcome::Refused),
        Ok(false) => Ok(Outcome::Done),
        // Whoever read it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Outcome::Done),
        Err(source) => Err(Error::File {
            path: PathBuf::from("standard output"),
            doing: "written",
            source,
        }),
    }
}

fn keep_stdin(sources: &mut [Result<Source, classify::record::Unreadable>]) -> Result<(), Error> {
    observe::keep_stdin(sources).map_err(|source| Error::File {
        path: PathBuf::from("standard input"),
        doing: "read",
        source,
    })
}

/// True: the run fails.
fn told(
    request: &Request,
    format: Format,
    sources: Vec<Result<Source, classify::record::Unreadable>>,
) -> io::Result<bool> {
    let out = BufWriter::new(anstream::stdout().lock());
    let mut printer = Printer::begin(format, out)?;
    let totals = classify::classify(request, sources, &mut printer)?;
    printer.end(&totals)?;
    if format == Format::Sarif {
        out::note(&totals.line());
    }
    Ok(totals.fails)
}
