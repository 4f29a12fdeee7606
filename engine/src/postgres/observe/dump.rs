//! Copies a schema with the server's own programs.
//!
//! `pg_dump` is the only complete description of a schema that there is: statements put together from the catalog would leave
//! something out, and the copy would lock other things than the original. A template copy would need everybody to leave the live database.
//! `pg_restore` goes on after an error (an extension that this role may not create, a role that the scratch server lacks) and says what it
//! left out.
//!
//! The password is passed in the environment: an argument can be read by every user of the machine.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use tokio::process::Command;

/// Where Debian and its derivatives keep one folder a major version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Where Homebrew and the Red Hat family keep theirs.
const OTHERS: [&str; 3] = ["/usr/pgsql-", "/opt/homebrew/opt/libpq@", "/usr/local/opt/libpq@"];
/// `pg_dump` waits no longer for the lock of a SELECT on each table.
const LOCK_WAIT: &str = "--lock-wait-timeout=2000";

/// A pair of installed programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The folder of `pg_dump` and `pg_restore`.
    pub folder: PathBuf,
    /// Its major version.
    pub major: u32,
}

/// Why the schema cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The programs are not there, or too old.
    #[error(
        "pg_dump and pg_restore of version {server} or newer are needed, {}; install them: the package is called \
         postgresql-client-{server} (Debian, Ubuntu), postgresql{server} (Fedora, RHEL), postgresql{server}-client (Alpine) or libpq (Homebrew)",
        listed(.found)
    )]
    NotInstalled {
        /// Major version of the server.
        server: u32,
        /// What was found instead.
        found: Vec<Program>,
    },
    /// A program cannot be run.
    #[error("{program} cannot be run")]
    Run {
        /// Which.
        program: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A program failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// What it wrote to its standard error.
        said: String,
    },
}

fn listed(programs: &[Program]) -> String {
    if programs.is_empty() {
        return "and none is installed".to_owned();
    }
    let each = programs
        .iter()
        .map(|one| format!("{} in {}", one.major, one.folder.display()));
    format!("found only {}", each.collect::<Vec<_>>().join(", "))
}

/// The programs for a server of this major version: those of the search path first.
///
/// # Errors
/// [`DumpError::NotInstalled`].
pub(super) async fn programs(server: u32) -> Result<Program, DumpError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let newest = server..server + 10;
    folders.extend(
        newest
            .clone()
            .map(|major| Path::new(DEBIAN).join(major.to_string()).join("bin")),
    );
    folders.extend(newest.flat_map(|major| OTHERS.map(|start| PathBuf::from(format!("{start}{major}/bin")))));
    let mut found = Vec::new();
    for folder in folders {
        if !folder.join("pg_restore").is_file() {
            continue;
        }
        let Some(major) = version(&folder.join("pg_dump")).await else {
            continue;
        };
        let program = Program { folder, major };
        if major >= server {
            return Ok(program);
        }
        found.push(program);
    }
    Err(DumpError::NotInstalled { server, found })
}

async fn version(program: &Path) -> Option<u32> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .await
        .ok()?;
    major(std::str::from_utf8(&output.stdout).ok()?)
}

/// Of `pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)`, or `17devel`.
fn major(said: &str) -> Option<u32> {
    let number = said.split_once(") ")?.1;
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

/// How the programs connect.
#[derive(Clone, Debug)]
pub(super) struct Place {
    options: PgConnectOptions,
    database: String,
    /// Of the URL: what the driver's options do not tell again.
    variables: Vec<(&'static str, SecretString)>,
}

impl Place {
    /// The database of these options; the URL they were read from knows the password and where certificates are.
    pub(super) fn new(url: &SecretString, options: &PgConnectOptions, database: &str) -> Self {
        Self {
            options: options.clone(),
            database: database.to_owned(),
            variables: variables(url),
        }
    }

    fn command(&self, program: PathBuf) -> Command {
        let host = self.options.get_socket().map_or_else(
            || self.options.get_host().to_owned(),
            |socket| socket.display().to_string(),
        );
        let mut command = Command::new(program);
        command
            .env("PGHOST", host)
            .env("PGPORT", self.options.get_port().to_string())
            .env("PGUSER", self.options.get_username())
            .env("PGDATABASE", &self.database)
            .env("PGAPPNAME", "sluice observe")
            .env("PGCONNECT_TIMEOUT", "10")
            .envs(
                self.variables
                    .iter()
                    .map(|(name, value)| (*name, value.expose_secret())),
            )
            .env_remove("PGSERVICE")
            .env_remove("PGHOSTADDR")
            .kill_on_drop(true);
        command
    }
}

fn variables(url: &SecretString) -> Vec<(&'static str, SecretString)> {
    let Ok(url) = url::Url::parse(url.expose_secret()) else {
        return Vec::new();
    };
    let mut found: Vec<(&'static str, SecretString)> = Vec::new();
    if let Some(password) = url.password() {
        found.push(("PGPASSWORD", SecretString::from(decoded(password))));
    }
    for (key, value) in url.query_pairs() {
        let name = match key.as_ref() {
            "password" => "PGPASSWORD",
            "sslmode" | "ssl-mode" => "PGSSLMODE",
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => "PGSSLROOTCERT",
            "sslcert" | "ssl-cert" => "PGSSLCERT",
            "sslkey" | "ssl-key" => "PGSSLKEY",
            _ => continue,
        };
        found.push((name, SecretString::from(value.into_owned())));
    }
    found
}

/// With `%41` as the characters they stand for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let code = rest
            .get(at + 1..at + 3)
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        let (byte, length) = code.map_or((b'%', 1), |byte| (byte, 3));
        bytes.push(byte);
        rest = &rest[at + length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Copies the schema from one database to the other; what could not be copied, in the server's words.
///
/// # Errors
/// A program fails as a whole.
pub(super) async fn copy(
    program: &Program,
    (from, to): (&Place, &Place),
    exclude_schemas: &[String],
) -> Result<Vec<String>, DumpError> {
    let mut dump = from.command(program.folder.join("pg_dump"));
    dump.args([
        "--format=custom",
        "--schema-only",
        "--no-owner",
        "--no-privileges",
    ]);
    dump.args([
        "--no-subscriptions",
        "--no-tablespaces",
        "--no-security-labels",
        "--no-password",
        LOCK_WAIT,
    ]);
    dump.args(
        exclude_schemas
            .iter()
            .map(|schema| format!("--exclude-schema={}", pattern(schema))),
    );
    let dumped = output(dump, "pg_dump", None).await?;
    if !dumped.status.success() {
        return Err(failed("pg_dump", &dumped));
    }
    let mut restore = to.command(program.folder.join("pg_restore"));
    restore.args(["--no-owner", "--no-privileges", "--no-password"]);
    restore.arg(format!("--dbname={}", to.database));
    let restored = output(restore, "pg_restore", Some(dumped.stdout)).await?;
    let said = String::from_utf8_lossy(&restored.stderr).into_owned();
    let missing = left_out(&said);
    if !restored.status.success() && missing.is_empty() && !said.contains("errors ignored on restore") {
        return Err(failed("pg_restore", &restored));
    }
    Ok(missing)
}

/// A schema's name as a pattern that fits it alone.
fn pattern(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

fn failed(program: &'static str, output: &Output) -> DumpError {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    DumpError::Failed { program, said }
}

async fn output(
    mut command: Command,
    program: &'static str,
    input: Option<Vec<u8>>,
) -> Result<Output, DumpError> {
    use tokio::io::AsyncWriteExt as _;
    let run = |source| DumpError::Run { program, source };
    command.stdin(if input.is_some() {
        Stdio::piped()
    } else {
        Stdio::null()
    });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(run)?;
    let stdin = child.stdin.take();
    let write = async move {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // A program that stops reading says why on its standard error.
            let _ = stdin.write_all(&input).await;
            let _ = stdin.shutdown().await;
        }
    };
    let ((), output) = tokio::join!(write, child.wait_with_output());
    output.map_err(run)
}

/// What the server refused, one line each. A setting that a newer program sets and an older server does not know is nothing of the schema.
fn left_out(said: &str) -> Vec<String> {
    said.lines()
        .filter_map(|line| line.strip_prefix("pg_restore: error: could not execute query: "))
        .map(|line| line.strip_prefix("ERROR:").unwrap_or(line).trim().to_owned())
        .filter(|line| !line.starts_with("unrecognized configuration parameter"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_of_what_the_program_says() {
        assert_eq!(
            major("pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("pg_dump (PostgreSQL) 19devel\n"), Some(19));
        assert_eq!(major("something else"), None);
    }

    #[test]
    fn password_and_certificates_of_the_url_go_to_the_environment() {
        let url = SecretString::from(
            "postgres://ann:s%3Acr%25t@db/music?sslmode=verify-full&sslrootcert=/a%20b.pem",
        );
        let found: Vec<_> = variables(&url)
            .iter()
            .map(|(name, value)| (*name, value.expose_secret().to_owned()))
            .collect();
        assert_eq!(
            found,
            [
                ("PGPASSWORD", "s:cr%t".to_owned()),
                ("PGSSLMODE", "verify-full".to_owned()),
                ("PGSSLROOTCERT", "/a b.pem".to_owned()),
            ]
        );
        assert_eq!(decoded("a%zz%4"), "a%zz%4");
    }

    #[test]
    fn only_what_belongs_to_the_schema_counts_as_left_out() {
        let said = "pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter \"transaction_timeout\"\n\
            Command was: SET transaction_timeout = 0;\n\
            pg_restore: error: could not execute query: ERROR:  permission denied to create extension \"x\"\n\
            pg_restore: warning: errors ignored on restore: 2\n";
        assert_eq!(left_out(said), ["permission denied to create extension \"x\""]);
    }

    #[test]
    fn what_to_install_is_said() {
        let error = DumpError::NotInstalled {
            server: 17,
            found: vec![Program {
                folder: "/usr/bin".into(),
                major: 15,
            }],
        };
        let said = error.to_string();
        assert!(
            said.contains("found only 15 in /usr/bin") && said.contains("postgresql-client-17"),
            "{said}"
        );
    }
}
