//! Databases that do not answer, and roles that may not.

use planner::submit::missing_privileges;
use secrecy::SecretString;
use testbed::database::Role;
use testbed::embedded::{Embedded, compile};
use testbed::target;

use super::{Outcome, tracks};
use crate::stages::ground::{SECONDS, database};

#[tokio::test]
async fn a_database_that_does_not_answer_is_named_without_its_password() -> Outcome {
    let database = database().await?;
    let free = testbed::ports::free()?;
    let name = database.name();
    let url = database.url(Role::Data);
    let password = url
        .split(':')
        .nth(2)
        .and_then(|p| p.split('@').next())
        .unwrap_or_default()
        .to_owned();
    assert!(password.len() > 8);
    for (url, words) in [
        (
            database.url_through(Role::Data, free),
            vec!["127.0.0.1".to_owned(), free.to_string(), name.to_owned()],
        ),
        (
            url.replace(&password, "wrong-password"),
            vec![database.role(Role::Data), "password".to_owned()],
        ),
        (
            url.replace(&format!("/{name}"), "/nowhere"),
            vec!["nowhere".to_owned()],
        ),
        (
            url.replace("127.0.0.1", "no-such-host.invalid"),
            vec!["no-such-host.invalid".to_owned()],
        ),
    ] {
        let mut settings = target::settings(&database);
        settings.url = SecretString::from(url.clone());
        let refused = Embedded::connect_with(&database, &settings)
            .await
            .err()
            .map(|e| format!("{e:#}"));
        let refused = refused.unwrap_or_else(|| panic!("it connected to {url}"));
        for word in words {
            assert!(refused.contains(&word), "{word} is not in: {refused}");
        }
        assert!(
            !refused.contains(&password) && !refused.contains("wrong-password"),
            "{refused}"
        );
    }
    Ok(())
}

/// Each missing privilege comes with the statement, and pasting them all is enough.
#[tokio::test]
async fn a_role_without_a_privilege_is_told_the_grant_to_paste() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let plan = compile(&database, SECONDS).await.expect("a plan");
    let tables: Vec<_> = plan.tables.iter().map(|t| t.name.clone()).collect();
    let [data, owner, monitor] = [Role::Data, Role::Owner, Role::Monitor].map(|r| database.role(r));
    let mut admin = database.superuser().await?;
    let revoke = format!(
        "REVOKE UPDATE ON track FROM {data}; REVOKE pg_monitor FROM {monitor};
         CREATE ROLE {owner}_before; GRANT CREATE, USAGE ON SCHEMA public TO {owner}_before; ALTER TABLE track OWNER TO {owner}_before"
    );
    engine::sql::execute_script(&mut admin, revoke).await?;
    let embedded = Embedded::connect(&database).await?;
    let missing = missing_privileges(&embedded.target, &tables).await?;
    let all: Vec<String> = missing
        .iter()
        .map(|m| format!("{} {}: {}", m.user, m.what, m.grant_sql))
        .collect();
    let all_text = all.join("\n");
    for word in [
        data.as_str(),
        owner.as_str(),
        monitor.as_str(),
        "GRANT UPDATE",
        &format!("GRANT \"{owner}_before\" TO"),
        "GRANT pg_monitor",
    ] {
        assert!(all_text.contains(word), "{word} is not in: {all_text}");
    }
    for grant in missing {
        engine::sql::execute_script(&mut admin, grant.grant_sql).await?;
    }
    assert!(missing_privileges(&embedded.target, &tables).await?.is_empty());
    embedded.stop().await?;
    // The table stays whose it was: the owner role has become a member of that one.
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    embedded.stop().await?;
    let drop_role =
        format!("ALTER TABLE track OWNER TO {owner}; DROP OWNED BY {owner}_before; DROP ROLE {owner}_before");
    engine::sql::execute_script(&mut admin, drop_role).await?;
    Ok(())
}

/// The rights of a superuser are not what to paste.
#[tokio::test]
async fn what_belongs_to_a_superuser_is_asked_for_without_lending_its_rights() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let mut admin = database.superuser().await?;
    engine::sql::execute_script(&mut admin, "ALTER TABLE track OWNER TO CURRENT_USER").await?;
    let plan = compile(&database, SECONDS).await.expect("a plan");
    let tables: Vec<_> = plan.tables.iter().map(|t| t.name.clone()).collect();
    let embedded = Embedded::connect(&database).await?;
    let missing = missing_privileges(&embedded.target, &tables).await?;
    let pasted: Vec<&str> = missing.iter().map(|m| m.grant_sql.as_str()).collect();
    assert!(
        pasted
            .iter()
            .any(|sql| sql.starts_with("ALTER TABLE") && sql.contains("superuser")),
        "{pasted:?}"
    );
    assert!(
        !pasted.iter().any(|sql| sql.starts_with("GRANT \"postgres\"")),
        "{pasted:?}"
    );
    embedded.stop().await
}

/// A role that may not even read the table: said as such, not as "no such table".
#[tokio::test]
async fn a_table_that_the_data_role_may_not_read_is_not_called_missing() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let revoke = format!("REVOKE ALL ON track FROM {}", database.role(Role::Data));
    database.execute_as(Role::Owner, &revoke).await?;
    let found = testbed::embedded::faults(&database, SECONDS).await;
    assert!(
        found.contains("permission denied") || found.contains("GRANT SELECT"),
        "{found}"
    );
    assert!(found.contains("track"), "{found}");
    Ok(())
}
