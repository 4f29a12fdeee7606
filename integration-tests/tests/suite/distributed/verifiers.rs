//! Two verifiers: one samples, and the other takes over when it is gone or asleep.

use std::time::Duration;

use testbed::desk::Desk;
use testbed::fleet::{self, Fleet};
use testbed::postgres::Server;
use testbed::process::{Settings, Sluice};
use testbed::rabbitmq::Broker;
use testbed::wait;
use testbed::watch::Watched;

use super::{Outcome, PATIENCE, assert_settled, small, submit, traffic};

/// A lease lasts five seconds; a busy machine takes its time.
const SECONDS: Duration = Duration::from_secs(30);
const SLOWLY: &str = "[backfill]\nmax_parallel = 3\nmax_rows_per_second = 800\n";

async fn another(settings: &Settings) -> anyhow::Result<Sluice> {
    let verifier = Sluice::start(&["verifier"], settings).await?;
    fleet::ready(&verifier).await?;
    Ok(verifier)
}

/// The name of whoever samples now.
async fn sampler(job: &Watched<'_>) -> anyhow::Result<String> {
    wait::until("somebody samples", PATIENCE, async || {
        let holder = "SELECT (SELECT holder FROM sluice.lease WHERE name = 'sampler' AND until > clock_timestamp()) FROM sluice.job WHERE id = $1";
        job.value::<Option<String>>(holder).await
    })
    .await
}

/// Whether a process has a name: host and process id.
fn is(verifier: &Sluice, name: &str) -> bool {
    verifier
        .pid()
        .is_some_and(|pid| name.ends_with(&format!("-{pid}")))
}

/// The other one samples, work is allowed, and goes on.
async fn taken_over(job: &Watched<'_>, from: &str) -> Outcome {
    let other = format!(
        "SELECT EXISTS (SELECT FROM sluice.lease WHERE name = 'sampler' AND until > clock_timestamp() AND holder <> '{from}')
            AND EXISTS (SELECT FROM sluice.signal WHERE name = 'sampler' AND sampled_at > clock_timestamp() - interval '3 seconds')
            AND EXISTS (SELECT FROM sluice.throttle WHERE job = $1 AND go)"
    );
    wait::until("the other verifier samples", SECONDS, async || {
        job.value::<bool>(&other).await
    })
    .await?;
    let rows = job.rows_so_far().await?;
    wait::until("work goes on", PATIENCE, async || {
        anyhow::Ok(job.rows_so_far().await? > rows || job.state().await? == "verified")
    })
    .await
}

#[tokio::test]
async fn a_second_verifier_samples_within_seconds_of_the_death_of_the_first() -> Outcome {
    let broker = Broker::shared().await?;
    let (database, settings) = small(Server::shared().await?, &broker.vhost().await?).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    let second = another(&settings).await?;
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOWLY).await?;
    job.under_way(800, PATIENCE).await?;
    let first = sampler(&job).await?;
    let of_fleet = is(&fleet.verifier, &first);
    assert!(of_fleet || is(&second, &first), "nobody is called {first}");
    let dying = if of_fleet { &fleet.verifier } else { &second };
    dying.kill().await?;
    taken_over(&job, &first).await?;
    assert_settled(&job, writes, fleet).await?;
    if of_fleet {
        assert_eq!(second.terminate().await?, "exit status: 0", "{}", second.log());
    }
    Ok(())
}

/// Counts what each process writes into the signals, by the name under which it is connected.
const SIGNAL_AUDIT: &str = "
    CREATE TABLE audit.signal_change (application_name text NOT NULL);
    CREATE FUNCTION audit.note_signal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        INSERT INTO audit.signal_change VALUES (current_setting('application_name'));
        RETURN NULL;
    END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON sluice.signal FOR EACH ROW EXECUTE FUNCTION audit.note_signal()";

/// It falls asleep with its reading sent and not committed: the row that it has locked must not keep the other from sampling, and what
/// it has read must not pass for fresh when it wakes up.
#[tokio::test]
async fn a_verifier_that_slept_while_it_sampled_holds_nobody_up_and_changes_nothing_when_it_wakes() -> Outcome
{
    let broker = Broker::shared().await?;
    let (database, settings) = small(Server::shared().await?, &broker.vhost().await?).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    let second = another(&settings).await?;
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOWLY).await?;
    job.under_way(800, PATIENCE).await?;
    let first = sampler(&job).await?;
    let sleeper = if is(&fleet.verifier, &first) {
        &fleet.verifier
    } else {
        &second
    };

    let mut lock = database.superuser().await?;
    engine::sql::execute_script(&mut lock, SIGNAL_AUDIT).await?;
    wait::until("the verifier waits to write what it has read", PATIENCE, async || {
        engine::sql::execute_script(&mut lock, "BEGIN; LOCK TABLE sluice.signal IN SHARE ROW EXCLUSIVE MODE").await?;
        let waits = wait::until("it waits", Duration::from_secs(2), async || {
            job.value::<bool>(
                "SELECT EXISTS (SELECT FROM pg_stat_activity
                    WHERE strpos(query, 'ledger.signal_write') > 0 AND wait_event_type = 'Lock' AND $1::uuid IS NOT NULL)",
            )
            .await
        })
        .await;
        if waits.is_ok() {
            sleeper.pause()?;
        }
        engine::sql::execute_script(&mut lock, "ROLLBACK").await?;
        anyhow::Ok(waits.is_ok())
    })
    .await?;
    taken_over(&job, &first).await?;
    let by_the_first = format!(
        "SELECT count(*) FROM audit.signal_change WHERE application_name = 'sluice {first}' AND $1::uuid IS NOT NULL"
    );
    let before: i64 = job.value(&by_the_first).await?;
    sleeper.resume()?;
    job.until("verified", PATIENCE).await?;
    let after: i64 = job.value(&by_the_first).await?;
    assert_eq!(after, before, "the verifier that woke up changed a signal");
    assert_settled(&job, writes, fleet).await?;
    assert_eq!(second.terminate().await?, "exit status: 0", "{}", second.log());
    Ok(())
}
