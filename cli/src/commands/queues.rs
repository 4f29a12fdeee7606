//! `sluice queues`: what is between the roles, from the broker and the ledgers. Changes nothing.

use std::path::PathBuf;
use std::time::Duration;

use proto::TargetName;
use secrecy::ExposeSecret;
use shared::bus::rabbitmq;
use shared::clock::SystemClock;
use shared::settings::{BusSettings, Settings};

use crate::error::{Error, Outcome};
use crate::place::PlaceArgs;
use crate::queues::{read, text};
use crate::{broker, out};

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Arguments of `sluice queues`.
#[derive(clap::Args)]
pub struct QueuesArgs {
    /// As one JSON object.
    #[arg(long)]
    json: bool,
    /// Instead of what is in the queues: everything that a broker needs for the targets, as definitions that RabbitMQ imports
    /// (`rabbitmqctl import_definitions`). No broker is asked.
    #[arg(long, group = "printed")]
    definitions: bool,
    /// Instead of what is in the queues: the commands that give each role's user in the broker no more than it needs. No broker is
    /// asked.
    #[arg(long, group = "printed")]
    permissions: bool,
    /// With --definitions or --permissions: targets that need not be in the settings.
    #[arg(long, value_name = "NAME", requires = "printed")]
    target: Vec<String>,
    /// The settings file; ./sluice.toml if it is there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Carries it out.
///
/// # Errors
/// No broker is configured, or it does not answer.
pub async fn run(args: &QueuesArgs) -> Result<Outcome, Error> {
    let place = PlaceArgs {
        config: args.config.clone(),
        ..PlaceArgs::default()
    };
    let settings = place.settings()?;
    if args.definitions || args.permissions {
        let targets = targets(args, &settings)?;
        if targets.is_empty() {
            out::note("no target is configured, so no queue of one is in it: name them with --target");
        }
        let vhost = vhost(&settings);
        if args.definitions {
            out::json(&rabbitmq::definitions(&vhost, &targets));
        } else {
            out::answer(rabbitmq::permission_commands(&vhost, &targets).trim_end());
        }
        return Ok(Outcome::Done);
    }
    broker::required(&settings, "queues are a broker's")?;
    let clock = SystemClock::shared();
    let bus = broker::connect(&settings, "sluice queues", "looked at", &clock, PATIENCE).await?;
    let found = read(&settings, &bus).await;
    bus.close().await;
    let found = found?;
    if args.json {
        out::json(&found);
    } else {
        out::answer(&text(&found));
    }
    Ok(Outcome::Done)
}

fn targets(args: &QueuesArgs, settings: &Settings) -> Result<Vec<TargetName>, Error> {
    if args.target.is_empty() {
        return Ok(settings.targets.keys().cloned().collect());
    }
    let named = args.target.iter().map(|name| {
        let target = TargetName::from(name.as_str());
        if target.is_valid() {
            Ok(target)
        } else {
            Err(Error::Usage(format!(
                "{name:?} is not a target name: 1 to 40 of a-z, 0-9, _ and -"
            )))
        }
    });
    named.collect()
}

/// The virtual host of the broker's URL; without one, or without a broker, RabbitMQ's default.
fn vhost(settings: &Settings) -> String {
    match &settings.bus {
        BusSettings::RabbitMq { url, .. } => rabbitmq::vhost(url.expose_secret()),
        BusSettings::Local => "/".to_owned(),
    }
}
