//! Privileges: what the documentation grants is enough, and what is missing is printed as statements to paste.

use std::path::Path;

use sqlx::PgConnection;
use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::postgres::Server;
use testbed::process::Settings;

use super::{Outcome, TABLE, lower_email, office};

/// The blocks of SQL in `docs/privileges.md`, in their order.
fn documented() -> anyhow::Result<Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/privileges.md");
    let text = std::fs::read_to_string(page)?;
    let blocks = text.split("```sql\n").skip(1);
    Ok(blocks
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect())
}

/// A block with this database's names in the place of those of the documentation.
fn here(block: &str, database: &Database<'_>) -> String {
    let mut text = block.replace("DATABASE app ", &format!("DATABASE {} ", database.name()));
    for (word, role) in [
        ("sluice_ledger", Role::Ledger),
        ("sluice_owner", Role::Owner),
        ("sluice_data", Role::Data),
        ("sluice_monitor", Role::Monitor),
        ("app_owner", Role::App),
    ] {
        text = text.replace(word, &database.role(role));
    }
    for person in ["TO app;", "TO ann;"] {
        text = text.replace(person, &format!("TO {};", database.role(Role::App)));
    }
    text.replace("public.track", "public.customer")
}

/// Everything is revoked first; what the page grants is then all there is.
#[tokio::test]
async fn the_documented_grants_are_enough_to_the_letter() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database.execute_as(Role::Owner, TABLE).await?;
    database
        .execute_as(Role::Owner, "CREATE INDEX customer_email ON customer (email)")
        .await?;
    let mut admin = database.superuser().await?;
    let [owner, data, monitor, ledger, app] = Role::ALL.map(|role| database.role(role));
    let name = database.name();
    let strip = format!(
        "ALTER TABLE customer OWNER TO {app};
         REVOKE ALL ON SCHEMA public FROM {owner}, {data}, {app};
         REVOKE ALL ON DATABASE {name} FROM {owner}, {data}, {monitor}, {ledger};
         REVOKE pg_monitor FROM {monitor}"
    );
    run(&mut admin, &strip).await?;
    let blocks = documented()?;
    assert_eq!(blocks.len(), 3, "{blocks:?}");
    run(&mut admin, &here(&blocks[0], &database)).await?;
    let desk = Desk::new(&Settings::of(&database))?;
    let rename = "name = \"mail\"\n\n[[change]]\nkind = \"rename_column\"\ntable = \"customer\"\nfrom = \"email\"\nto = \"mail\"\n";
    let spec = desk.write("spec.toml", rename)?;
    let to_verified = ["--target", "main", "--as", "ann", "--until", "verified"];
    desk.ok(&[&["run", &spec][..], &to_verified].concat()).await?;

    run(&mut admin, &here(&blocks[2], &database)).await?;
    let on: bool = database
        .value(Role::App, "SELECT sluice.is_on('customer.mail.read', 'x')")
        .await?;
    assert!(!on);
    let url = database.url(Role::App);
    let look = ["status", "mail", "--database-url", &url];
    desk.run(&look)
        .await?
        .exits(1)?
        .says(&["may not use it", &format!("GRANT \"{ledger}\" TO \"{app}\";")])?;
    run(&mut admin, &here(&blocks[1], &database)).await?;
    desk.run(&look).await?.exits(0)?.says(&["verified"])?;
    Ok(())
}

/// A second installation's role finds a ledger that it may not even look at.
#[tokio::test]
async fn a_role_that_is_locked_out_of_the_ledger_is_told_every_missing_grant() -> Outcome {
    let (database, desk) = office().await?;
    let spec = desk.write("spec.toml", &lower_email(""))?;
    let to_verified = ["--as", "ann", "--until", "verified"];
    desk.ok(&[&["run", &spec, "--target", "main"][..], &to_verified].concat())
        .await?;
    let other = TABLE.replace("customer", "supplier");
    database.execute_as(Role::Owner, &other).await?;
    let spec = lower_email("")
        .replace("customer", "supplier")
        .replace("lower-email", "supplier-email");
    let spec = desk.write("supplier.toml", &spec)?;

    let url = database.url(Role::App);
    let command = [&["run", &spec, "--database-url", &url][..], &to_verified].concat();
    let mut admin = database.superuser().await?;
    desk.run(&command)
        .await?
        .exits(1)?
        .says(&["lack privileges", "GRANT pg_monitor", "UPDATE"])?;
    let pasted = super::access::paste_until_it_works(&desk, &command, &mut admin).await?;
    assert!(pasted.len() > 3, "{pasted:#?}");
    Ok(())
}

async fn run(admin: &mut PgConnection, script: &str) -> Outcome {
    engine::sql::execute_script(admin, script.to_owned()).await?;
    Ok(())
}
