//! The data role behind a transaction pooler: each statement outside a transaction may meet another server, even
//! between its two round trips.

use planner::compile::Acknowledged;
use planner::spec::Spec;
use secrecy::SecretString;
use testbed::database::{Database, Role};
use testbed::pgbouncer::Pooler;
use testbed::postgres::Server;
use testbed::target;
use testbed::tracks::{self, Filling};
use tokio::task::JoinSet;

use super::Outcome;

/// More clients than the pooler has server connections, so that they take each other's.
const CLIENTS: usize = 10;
const ROUNDS: usize = 8;

#[tokio::test]
async fn questions_of_many_planners_do_not_mix_behind_a_pooler() -> Outcome {
    let server = Server::shared().await?;
    let pooler = Pooler::start(server).await?;
    let database = Database::new(server).await?;
    tracks::load(&database, 10, Filling::Sparse).await?;
    let mut settings = target::settings(&database);
    settings.url = SecretString::from(pooler.url(&database, Role::Data));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let target = target::connect_with(&database, &settings).await?;
        clients.spawn(async move {
            let spec =
                Spec::from_toml(&tracks::spec("pooled", ""), "spec.toml").map_err(|faults| words(&faults))?;
            let unknown = Spec::from_toml(
                &tracks::spec("pooled", "").replace("\"track\"", "\"trakc\""),
                "spec.toml",
            )
            .map_err(|faults| words(&faults))?;
            for _ in 0..ROUNDS {
                let mut conn = target.data.acquire().await?;
                let acknowledged = Acknowledged::default();
                let plan = planner::submit::prepare(&mut conn, &spec, &acknowledged).await;
                plan.map_err(|faults| words(&faults))?;
                let refused = planner::submit::prepare(&mut conn, &unknown, &acknowledged).await;
                let said = refused.map_or_else(|faults| words(&faults).to_string(), |_| String::new());
                anyhow::ensure!(said.contains("did you mean public.track?"), "{said}");
                let tables = planner::submit::tables_of(&mut conn, &spec).await;
                drop(conn);
                let missing = planner::submit::missing_privileges(&target, &tables).await?;
                anyhow::ensure!(tables.len() == 1 && missing.is_empty(), "{tables:?} {missing:?}");
            }
            Ok(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(())
}

fn words(faults: &[planner::spec::Fault]) -> anyhow::Error {
    anyhow::anyhow!(
        faults
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    )
}
