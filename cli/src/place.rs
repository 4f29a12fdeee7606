//! Which database a command is about: a target of the settings by name, or a URL on the command line.
//!
//! A URL on the command line means the embedded mode: one target called `default`, and nobody else who plans for
//! it. A target of the settings is shared with services as soon as the settings name a broker.

use std::path::PathBuf;
use std::time::Duration;

use engine::db::{self, Pool};
use engine::postgres::session::{Home, Route, SessionOptions};
use ledger::Ledger;
use ledger::copies::{self, Found};
use planner::compile::Acknowledged;
use proto::TargetName;
use secrecy::SecretString;
use shared::settings::{BusSettings, DatabaseRole, Settings, Sources, TargetSettings};

use crate::error::Error;
use crate::{out, privileges};

/// What `--database-url` is called in the ledger.
const EMBEDDED: &str = "default";
/// Connections of a command that only reads and writes the ledger.
const CONNECTIONS: u32 = 3;

/// Flags that say which database is meant.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Which database")]
pub struct PlaceArgs {
    /// A target of the settings, by name; needed only if there are several.
    #[arg(long, value_name = "NAME", conflicts_with = "database_url")]
    pub target: Option<String>,
    /// A database without settings: postgres://user@host:5432/database (the password may come from PGPASSWORD), or
    /// sqlite:FILE.
    #[arg(long, value_name = "URL")]
    pub database_url: Option<SecretString>,
    /// With --database-url: the owner role's URL (DDL and triggers); --database-url is then the data role's.
    #[arg(long, value_name = "URL", requires = "database_url")]
    pub admin_url: Option<SecretString>,
    /// With --database-url: the monitor role's URL (signals).
    #[arg(long, value_name = "URL", requires = "database_url")]
    pub monitor_url: Option<SecretString>,
    /// With --database-url: the ledger role's URL (schema sluice).
    #[arg(long, value_name = "URL", requires = "database_url")]
    pub ledger_url: Option<SecretString>,
    /// The settings file; ./sluice.toml if it is there.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Whether somebody else may plan for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only this command line.
    Embedded,
    /// Services, over a broker.
    Shared,
}

/// One target with everything that is configured around it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub name: TargetName,
    /// Its URLs.
    pub target: TargetSettings,
    /// Everything.
    pub settings: Settings,
    /// Who else may plan for it.
    pub mode: Mode,
}

impl PlaceArgs {
    /// Nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.target.is_none() && self.database_url.is_none()
    }

    /// The settings alone.
    ///
    /// # Errors
    /// Every fault of the settings.
    pub fn settings(&self) -> Result<Settings, Error> {
        Ok(Settings::load(&Sources {
            file: self.config.clone(),
            ..Sources::default()
        })?)
    }

    /// The one place that is meant.
    ///
    /// # Errors
    /// Faults of the settings, or [`Error::Usage`] if it is not clear which target is meant.
    pub fn place(&self) -> Result<Place, Error> {
        let settings = self.settings()?;
        if let Some(url) = &self.database_url {
            let target = self.target_of(url)?;
            return Ok(Place {
                name: TargetName::from(EMBEDDED),
                target,
                settings,
                mode: Mode::Embedded,
            });
        }
        let name = self.chosen(&settings)?;
        let target = settings.targets[&name].clone();
        let mode = match settings.bus {
            BusSettings::Local => Mode::Embedded,
            BusSettings::RabbitMq { .. } => Mode::Shared,
        };
        Ok(Place {
            name,
            target,
            settings,
            mode,
        })
    }

    fn target_of(&self, url: &SecretString) -> Result<TargetSettings, Error> {
        let mut target = TargetSettings::new(url.clone());
        target.admin_url.clone_from(&self.admin_url);
        target.monitor_url.clone_from(&self.monitor_url);
        target.ledger_url.clone_from(&self.ledger_url);
        for (flag, url) in [
            ("--database-url", Some(url)),
            ("--admin-url", self.admin_url.as_ref()),
            ("--monitor-url", self.monitor_url.as_ref()),
            ("--ledger-url", self.ledger_url.as_ref()),
        ] {
            check_scheme(flag, url)?;
        }
        if let Some(key) = target.beside_a_file() {
            return Err(Error::Usage(format!(
                "--{} leads elsewhere: on SQLite there is one file, and every role has it by --database-url",
                key.replace('_', "-")
            )));
        }
        Ok(target)
    }

    fn chosen(&self, settings: &Settings) -> Result<TargetName, Error> {
        let known: Vec<&str> = settings.targets.keys().map(TargetName::as_str).collect();
        match (&self.target, known.as_slice()) {
            (Some(wanted), _) if known.contains(&wanted.as_str()) => Ok(TargetName::from(wanted.as_str())),
            (Some(wanted), []) => Err(Error::Usage(format!(
                "target {wanted:?} is not configured, because no target is: write [targets.{wanted}] into sluice.toml, or give --database-url URL"
            ))),
            (Some(wanted), _) => {
                Err(Error::Usage(format!("target {wanted:?} is not configured; the settings have: {}", known.join(", "))))
            }
            (None, [only]) => Ok(TargetName::from(*only)),
            (None, []) => Err(Error::Usage(
                "which database? give --database-url URL, or write a [targets.NAME] into sluice.toml and give --target NAME".to_owned(),
            )),
            (None, _) => Err(Error::Usage(format!("which target? give --target with one of: {}", known.join(", ")))),
        }
    }
}

/// The driver takes any scheme for its own; a MySQL URL would end in a puzzling network error.
fn check_scheme(flag: &str, url: Option<&SecretString>) -> Result<(), Error> {
    use secrecy::ExposeSecret;
    let good = |url: &str| {
        url.starts_with("postgres://")
            || url.starts_with("postgresql://")
            || engine::sqlite::session::path_of(url).is_ok()
    };
    match url {
        Some(url) if !good(url.expose_secret()) => Err(Error::Usage(format!(
            "{flag} is not the URL of a database that Sluice works on: write postgres://user@host:5432/database, or sqlite:FILE"
        ))),
        Some(_) | None => Ok(()),
    }
}

impl Place {
    /// A pool in one of the target's roles.
    ///
    /// # Errors
    /// [`Error::Connect`], with host, port, database and user.
    pub async fn pool(&self, role: DatabaseRole) -> Result<Pool, Error> {
        let route = if role == DatabaseRole::Data {
            Route::Pooled
        } else {
            Route::Direct
        };
        let options = SessionOptions {
            application_name: "sluice cli".to_owned(),
            max_connections: CONNECTIONS,
            route,
            // A command asks once, and is over.
            home: Home::default(),
        };
        Ok(db::connect(self.target.url_for(role), &options).await?)
    }

    /// The ledger, which must exist.
    ///
    /// # Errors
    /// [`ledger::Error::Absent`] and [`Error::Locked`] among others.
    pub async fn ledger(&self) -> Result<Ledger, Error> {
        let pool = self.pool(DatabaseRole::Ledger).await?;
        match Ledger::open(pool.clone(), self.name.clone()).await {
            Ok(ledger) => {
                // It can be read, and nobody works with it.
                if let Err(why) = ledger.standing().to_work() {
                    out::note(&why.to_string());
                }
                Ok(ledger)
            }
            Err(refusal) if privileges::are_missing(&refusal) => {
                Err(privileges::of_ledger(&pool, refusal).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whatever ledger is there, at home or not.
    ///
    /// # Errors
    /// As [`Self::ledger`].
    pub async fn found(&self) -> Result<Found, Error> {
        let pool = self.pool(DatabaseRole::Ledger).await?;
        match copies::find(pool.clone(), self.name.clone()).await {
            Ok(found) => Ok(found),
            Err(refusal) if privileges::are_missing(&refusal) => {
                Err(privileges::of_ledger(&pool, refusal).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The ledger, if there is one.
    ///
    /// # Errors
    /// What keeps it from being opened, other than that it is not there.
    pub async fn existing_ledger(&self) -> Result<Option<Ledger>, Error> {
        match self.ledger().await {
            Ok(ledger) => Ok(Some(ledger)),
            Err(Error::Ledger(ledger::Error::Absent)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the target's settings answer for.
    #[must_use]
    pub fn acknowledged(&self) -> Acknowledged {
        let publications = self.target.acknowledge_publications.iter().cloned().collect();
        Acknowledged {
            publications,
            ..Acknowledged::default()
        }
    }

    /// How to name this place in a command that a person is told to type.
    #[must_use]
    pub fn flag(&self) -> String {
        if self.name.as_str() == EMBEDDED && !self.settings.targets.contains_key(&self.name) {
            "--database-url URL".to_owned()
        } else {
            format!("--target {}", self.name)
        }
    }
}

/// How long work in hand may finish after the first Ctrl-C.
#[must_use]
pub fn drain_budget(place: &Place) -> Duration {
    place.settings.service.shutdown_budget
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Option<SecretString> {
        Some(SecretString::from(text.to_owned()))
    }

    #[test]
    fn a_url_of_another_database_is_refused_without_being_shown() {
        let args = PlaceArgs {
            database_url: url("mysql://ann:s3cret@db/music"),
            ..PlaceArgs::default()
        };
        let fault = args
            .target_of(args.database_url.as_ref().unwrap())
            .err()
            .unwrap()
            .to_string();
        assert!(
            fault.contains("--database-url") && !fault.contains("s3cret"),
            "{fault}"
        );
    }

    #[test]
    fn a_file_has_one_url_for_every_role() {
        let args = PlaceArgs {
            ledger_url: url("sqlite:b.db"),
            ..PlaceArgs::default()
        };
        let fault = args
            .target_of(&url("sqlite:a.db").unwrap())
            .err()
            .unwrap()
            .to_string();
        assert!(fault.contains("--ledger-url leads elsewhere"), "{fault}");
    }

    #[test]
    fn an_unclear_target_is_asked_for_with_the_names_there_are() {
        let two = Settings {
            targets: ["a", "b"]
                .map(|n| {
                    (
                        TargetName::from(n),
                        TargetSettings::new(SecretString::from("postgres://db/x".to_owned())),
                    )
                })
                .into(),
            ..Settings::default()
        };
        let ask = |target: Option<&str>, settings: &Settings| {
            let args = PlaceArgs {
                target: target.map(str::to_owned),
                ..PlaceArgs::default()
            };
            args.chosen(settings).map(|n| n.0).map_err(|e| e.to_string())
        };
        assert_eq!(ask(Some("b"), &two), Ok("b".to_owned()));
        assert!(ask(None, &two).unwrap_err().contains("a, b"));
        assert!(ask(Some("c"), &two).unwrap_err().contains("a, b"));
        assert!(
            ask(None, &Settings::default())
                .unwrap_err()
                .contains("--database-url")
        );
    }
}
