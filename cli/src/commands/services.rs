//! `sluice planner|backfiller|verifier`: the services, by the same code as their own binaries.

use std::process::ExitCode;

use crate::error::Error;
use crate::place::PlaceArgs;
use shared::settings::Settings;

/// Arguments of a service.
#[derive(clap::Args)]
pub struct ServiceArgs {
    /// Which databases: every target of the settings, one of them, or a URL.
    #[command(flatten)]
    place: PlaceArgs,
}

impl ServiceArgs {
    /// The settings, narrowed to what the flags say.
    fn settings(&self) -> Result<Settings, Error> {
        if self.place.is_empty() {
            return self.place.settings();
        }
        let place = self.place.place()?;
        Ok(Settings {
            targets: [(place.name, place.target)].into(),
            ..place.settings
        })
    }
}

/// Runs the planner until a signal asks it to stop.
///
/// # Errors
/// What keeps it from starting.
pub async fn planner(args: &ServiceArgs) -> Result<ExitCode, Error> {
    planner::serve(args.settings()?).await.map_err(Error::Service)
}

/// Runs a backfiller until a signal asks it to stop.
///
/// # Errors
/// What keeps it from starting.
pub async fn backfiller(args: &ServiceArgs) -> Result<ExitCode, Error> {
    backfiller::serve(args.settings()?)
        .await
        .map_err(|error| Error::Service(error.into()))
}

/// Runs a verifier until a signal asks it to stop.
///
/// # Errors
/// What keeps it from starting.
pub async fn verifier(args: &ServiceArgs) -> Result<ExitCode, Error> {
    verifier::serve(args.settings()?)
        .await
        .map_err(|error| Error::Service(error.into()))
}
