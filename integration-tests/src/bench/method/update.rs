//! One UPDATE of the whole table: what everything else is compared with.

use super::Done;
use crate::bench::subject::{COLUMN, Subject, UP};
use crate::database::Role;

pub(super) async fn carry_out(subject: &Subject<'_>) -> anyhow::Result<Done> {
    subject.add_column().await?;
    let update = format!("UPDATE {} SET {COLUMN} = {UP}", subject.kind.table());
    subject.database.execute_as(Role::Owner, &update).await?;
    Ok(Done::default())
}
