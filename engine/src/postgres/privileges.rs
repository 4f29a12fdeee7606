//! What each role still lacks, with the statement that grants it, before anything is touched.
//!
//! The question is put to the server on each role's own connection, so that memberships and inherited grants
//! count as they will when the work runs. Batches name the leaf partitions themselves, so the data role needs its
//! privileges on each of them: a grant on the root does not reach there.

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::catalog;
use super::error::Error;
use super::ident;
use crate::catalog::TableName;
use crate::sql;

/// The roles of a target, by what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// DDL and triggers (`admin_url`).
    Owner,
    /// Batches (`url`).
    Data,
    /// Signals (`monitor_url`).
    Monitor,
    /// The schema `sluice` (`ledger_url`).
    Ledger,
}

/// A privilege that a role needs and does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPrivilege {
    /// Which of the target's roles.
    pub role: Role,
    /// Its name in the database.
    pub user: String,
    /// What is missing, for people: "UPDATE on "music"."track"".
    pub what: String,
    /// What to paste.
    pub grant_sql: String,
}

/// What `role` lacks for work on `tables`, asked on that role's connection. For the owner the ledger may or may not exist yet.
///
/// # Errors
/// What the server said, or a name that cannot be quoted.
pub async fn missing(
    conn: &mut PgConnection,
    role: Role,
    tables: &[TableName],
) -> Result<Vec<MissingPrivilege>, Error> {
    let begun = conn.begin().await;
    // The data role's route may be pooled.
    let mut tx = begun.map_err(Error::query("ask for privileges"))?;
    let conn: &mut PgConnection = &mut tx;
    let user = sql::scalar::<String>("/* sluice:engine.who */ SELECT current_user::text")
        .fetch_one(&mut *conn)
        .await
        .map_err(Error::query("ask for the current role"))?;
    let mut needs = match role {
        Role::Owner => {
            let mut needs = vec![temporary(conn).await?];
            for table in tables {
                needs.extend(owner_needs(conn, table).await?);
            }
            needs.extend(ledger_use(conn).await?);
            needs
        }
        Role::Data => {
            let mut needs = vec![temporary(conn).await?];
            for table in tables {
                needs.extend(data_needs(conn, table).await?);
            }
            needs
        }
        Role::Monitor => vec![Need {
            what: "membership in pg_monitor (without it, replica lag cannot be read)".into(),
            holds: "pg_has_role('pg_monitor', 'USAGE')".into(),
            grant: "GRANT pg_monitor TO {role}".into(),
        }],
        Role::Ledger => vec![ledger_need(conn).await?],
    };
    keep_missing(&mut *conn, &mut needs).await?;
    let quoted = ident::quote(&user)?;
    Ok(needs
        .into_iter()
        .map(|need| MissingPrivilege {
            role,
            user: user.clone(),
            what: need.what,
            grant_sql: need.grant.replace("{role}", &quoted),
        })
        .collect())
}

/// Something a role needs.
struct Need {
    what: String,
    /// Boolean SQL.
    holds: String,
    /// The statement; `{role}` stands for the role.
    grant: String,
}

fn on_table(privilege: &str, table: &TableName) -> Result<Need, Error> {
    let name = ident::table(table)?;
    Ok(Need {
        what: format!("{privilege} on {name}"),
        holds: format!("has_table_privilege({}, '{privilege}')", ident::literal(&name)),
        grant: format!("GRANT {privilege} ON {name} TO {{role}}"),
    })
}

fn on_schema(privilege: &str, schema: &str) -> Result<Need, Error> {
    let quoted = ident::quote(schema)?;
    Ok(Need {
        what: format!("{privilege} on schema {quoted}"),
        holds: format!("has_schema_privilege({}, '{privilege}')", ident::literal(schema)),
        grant: format!("GRANT {privilege} ON SCHEMA {quoted} TO {{role}}"),
    })
}

async fn temporary(conn: &mut PgConnection) -> Result<Need, Error> {
    let database = current_database(conn).await?;
    Ok(Need {
        what: "TEMPORARY on the database (expressions are checked on a temporary table)".into(),
        holds: "has_database_privilege(current_database(), 'TEMPORARY')".into(),
        grant: format!(
            "GRANT TEMPORARY ON DATABASE {} TO {{role}}",
            ident::quote(&database)?
        ),
    })
}

async fn current_database(conn: &mut PgConnection) -> Result<String, Error> {
    sql::scalar("/* sluice:engine.database */ SELECT current_database()::text")
        .fetch_one(conn)
        .await
        .map_err(Error::query("ask for the current database"))
}

async fn owner_needs(conn: &mut PgConnection, table: &TableName) -> Result<Vec<Need>, Error> {
    let name = ident::table(table)?;
    let owner = table_owner(conn, table).await?;
    Ok(vec![
        on_schema("USAGE", &table.schema)?,
        // CREATE INDEX asks for it.
        on_schema("CREATE", &table.schema)?,
        Need {
            what: format!("ownership of {name} (ALTER TABLE and CREATE TRIGGER need it)"),
            holds: format!(
                "(SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class AS c \
                 WHERE c.oid = {}::regclass)",
                ident::literal(&name)
            ),
            grant: ownership(&name, owner.as_ref())?,
        },
    ])
}

/// The trigger functions live in the ledger's schema and write to its quarantine with their owner's rights.
async fn ledger_use(conn: &mut PgConnection) -> Result<Vec<Need>, Error> {
    if !schema_exists(conn).await? {
        return Ok(Vec::new());
    }
    let quarantine = TableName {
        schema: "sluice".into(),
        name: "quarantine".into(),
    };
    let mut needs = vec![on_schema("USAGE", "sluice")?, on_schema("CREATE", "sluice")?];
    if catalog::oid(conn, &quarantine).await?.is_some() {
        needs.push(on_table("INSERT", &quarantine)?);
    }
    Ok(needs)
}

async fn data_needs(conn: &mut PgConnection, table: &TableName) -> Result<Vec<Need>, Error> {
    let mut needs = vec![
        on_schema("USAGE", &table.schema)?,
        on_table("SELECT", table)?,
        on_table("UPDATE", table)?,
    ];
    for leaf in catalog::leaves(conn, table).await? {
        if leaf.name != *table {
            needs.push(on_schema("USAGE", &leaf.name.schema)?);
            needs.push(on_table("SELECT", &leaf.name)?);
            needs.push(on_table("UPDATE", &leaf.name)?);
        }
    }
    needs.dedup_by(|a, b| a.grant == b.grant);
    Ok(needs)
}

async fn ledger_need(conn: &mut PgConnection) -> Result<Need, Error> {
    if let Some(Owner { name, is_superuser }) = schema_owner(conn).await? {
        let owner = ident::quote(&name)?;
        let grant = if is_superuser {
            format!(
                "-- it belongs to the superuser {owner}, whose rights are not to be given away: connect as that role (`ledger_url`, --ledger-url URL)"
            )
        } else {
            format!("GRANT {owner} TO {{role}}")
        };
        // Its tables belong to that role too: another owner of the schema alone could read none of them.
        return Ok(Need {
            what: format!("the rights of {owner}, which owns the ledger (schema \"sluice\"); connecting as that role will do as well"),
            holds: "(SELECT pg_has_role(n.nspowner, 'USAGE') FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'sluice')"
                .into(),
            grant,
        });
    }
    let database = current_database(conn).await?;
    Ok(Need {
        what: "CREATE on the database (the ledger's schema \"sluice\" is made there)".into(),
        holds: "has_database_privilege(current_database(), 'CREATE')".into(),
        grant: format!(
            "GRANT CREATE ON DATABASE {} TO {{role}}",
            ident::quote(&database)?
        ),
    })
}

async fn schema_exists(conn: &mut PgConnection) -> Result<bool, Error> {
    const SQL: &str = "/* sluice:engine.ledger_schema */ \
        SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'sluice')";
    sql::scalar(SQL)
        .fetch_one(conn)
        .await
        .map_err(Error::query("look for the schema sluice"))
}

/// Whose something is.
struct Owner {
    name: String,
    is_superuser: bool,
}

impl From<(String, bool)> for Owner {
    fn from((name, is_superuser): (String, bool)) -> Self {
        Self { name, is_superuser }
    }
}

/// Who owns the ledger; None if there is none.
async fn schema_owner(conn: &mut PgConnection) -> Result<Option<Owner>, Error> {
    const SQL: &str = "/* sluice:engine.ledger_owner */ \
        SELECT r.rolname::text AS name, r.rolsuper AS is_superuser FROM pg_catalog.pg_namespace AS n \
            JOIN pg_catalog.pg_roles AS r ON r.oid = n.nspowner WHERE n.nspname = 'sluice'";
    let owner = sql::query_as::<(String, bool)>(SQL).fetch_optional(conn).await;
    Ok(owner
        .map_err(Error::query("ask who owns the schema sluice"))?
        .map(Owner::from))
}

/// Who owns a table; None where there is none of that name.
async fn table_owner(conn: &mut PgConnection, table: &TableName) -> Result<Option<Owner>, Error> {
    const SQL: &str = "/* sluice:engine.table_owner */ \
        SELECT r.rolname::text AS name, r.rolsuper AS is_superuser FROM pg_catalog.pg_class AS c \
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace JOIN pg_catalog.pg_roles AS r ON r.oid = c.relowner \
        WHERE n.nspname = $1 AND c.relname = $2";
    let owner = sql::query_as::<(String, bool)>(SQL)
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_optional(conn)
        .await;
    Ok(owner
        .map_err(Error::query("ask who owns the table"))?
        .map(Owner::from))
}

/// The rights of an owner are lent, not taken from it; those of a superuser are not lent.
fn ownership(table: &str, owner: Option<&Owner>) -> Result<String, Error> {
    Ok(match owner {
        Some(Owner {
            name,
            is_superuser: false,
        }) => {
            format!(
                "GRANT {} TO {{role}}; -- or: ALTER TABLE {table} OWNER TO {{role}}",
                ident::quote(name)?
            )
        }
        Some(Owner {
            name,
            is_superuser: true,
        }) => format!(
            "ALTER TABLE {table} OWNER TO {{role}}; -- it belongs to the superuser {}, whose rights are not to be given away",
            ident::quote(name)?
        ),
        None => format!("ALTER TABLE {table} OWNER TO {{role}}; -- or grant the owning role to {{role}}"),
    })
}

/// Drops what the role has already. One statement a need: a missing USAGE on a schema would fail the name lookup of all others.
async fn keep_missing(conn: &mut PgConnection, needs: &mut Vec<Need>) -> Result<(), Error> {
    let mut kept = Vec::new();
    for need in needs.drain(..) {
        let failed = || Error::query(format!("ask for {}", need.what));
        // A question that the server refuses must not end the transaction of the others.
        let mut savepoint = conn.begin().await.map_err(failed())?;
        let asked =
            sql::scalar::<Option<bool>>(format!("/* sluice:engine.privilege */ SELECT {}", need.holds))
                .fetch_one(&mut *savepoint)
                .await;
        savepoint.rollback().await.map_err(failed())?;
        let holds = match asked {
            Ok(holds) => holds.unwrap_or(false),
            // No USAGE on the schema: the table cannot even be named, so the privilege is of no use.
            Err(e) if super::error::classify(&e) == super::error::Class::Permission => false,
            Err(e) => return Err(failed()(e)),
        };
        if !holds {
            kept.push(need);
        }
    }
    *needs = kept;
    Ok(())
}
