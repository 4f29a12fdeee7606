//! The testbed: real servers, real processes, application traffic and slow, obvious oracles.
//!
//! Nothing here is a mock. A test gets a private PostgreSQL (with a streaming replica and a
//! PgBouncer where it asks for them) and a private RabbitMQ, started from installed binaries in a
//! throw-away folder on a free port of the loopback interface, and its own database or virtual host
//! on them, with the least-privilege roles that Sluice documents. A server is stopped by its process
//! id when the test process is gone, however that ended: see [`keeper`].
//!
//! What breaks it: a test that changes something server-wide (a replica, a setting, a freeze) on a
//! shared server disturbs its neighbours. Such a test starts its own.
//!
//! Reading order: [`database`] ([`mod@file`] on SQLite, [`place`] where a test runs on either) and [`wait`] are what most tests need, then [`postgres`],
//! [`pgbouncer`], [`rabbitmq`], [`proxy`], [`process`] and [`http`]; [`traffic`] and [`oracle`] for tests under load;
//! [`gauge`] for what a backfill loads its server with; [`clock`] and [`chaos`] where more than one thing breaks at a time; [`mod@bench`] for what all of it costs;
//! [`desk`], [`fleet`] and [`watch`] for the command line and services of a whole installation, with [`tracks`] to work on;
//! [`certificates`] for servers that speak TLS; [`keeper`], [`account`] and [`ports`] are what the servers stand on.

pub mod account;
pub mod bench;
pub mod certificates;
pub mod chaos;
pub mod clock;
pub mod database;
pub mod desk;
pub mod embedded;
pub mod file;
pub mod fleet;
pub mod gauge;
pub mod http;
pub mod keeper;
pub mod oracle;
pub mod pgbouncer;
pub mod place;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod rabbitmq;
pub mod target;
pub mod tracks;
pub mod traffic;
pub mod wait;
pub mod watch;
