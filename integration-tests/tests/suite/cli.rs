//! The command line as a user sees it: the built binary, its two outputs and its exit code.

mod access;
mod colors;
mod copies;
mod demo;
mod jobs;
mod measure;
mod orders;
mod pages;
mod privileges;

use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::postgres::Server;
use testbed::process::Settings;

type Outcome = anyhow::Result<()>;

/// What most tests migrate: 2,000 customers.
const TABLE: &str = "CREATE TABLE customer (id int PRIMARY KEY, email text NOT NULL, note text);
    INSERT INTO customer SELECT n, 'Name' || n || '@Example.COM', 'note ' || n FROM generate_series(1, 2000) AS n";

/// `email` in lower case, in a column of its own.
fn lower_email(sections: &str) -> String {
    format!(
        "name = \"lower-email\"\n\n[[change]]\nkind = \"add_column\"\ntable = \"customer\"\ncolumn = \"email_lower\"\n\
         type = \"text\"\nup = \"lower(email)\"\n\n{sections}"
    )
}

/// The same behind a gate: raw SQL has unknown risk.
fn gated() -> String {
    lower_email(
        "[[change]]\nkind = \"sql\"\nrun = \"CREATE TABLE extra (id int)\"\nundo = \"DROP TABLE extra\"\n",
    )
}

/// A database with [`TABLE`] and a desk beside it whose settings reach it as the target `main`, without any broker.
async fn office() -> anyhow::Result<(Database<'static>, Desk)> {
    let database = Database::new(Server::shared().await?).await?;
    database.execute_as(Role::Owner, TABLE).await?;
    database.grant_data_privileges(&["customer"]).await?;
    let desk = Desk::new(&Settings::of(&database))?;
    Ok((database, desk))
}

/// `sluice COMMAND JOB --target main --as ann FLAGS...`
async fn order(desk: &Desk, command: &str, flags: &[&str]) -> anyhow::Result<testbed::desk::Said> {
    let mut args = vec![command, "lower-email", "--target", "main", "--as", "ann"];
    args.extend(flags);
    desk.run(&args).await
}
