//! Who may do what, and who listens: a broker's user for each role with no more than it needs, and TLS to broker and database.

mod permissions;
mod tls;

type Outcome = anyhow::Result<()>;
