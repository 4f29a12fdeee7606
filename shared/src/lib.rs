//! What every role needs and no role owns. A closed list of modules, not a drawer:
//!
//! 1. [`clock`]: the one home of the current time, so that time can be injected.
//! 2. [`units`]: quantities with their unit, read from and shown to people.
//! 3. [`settings`]: `sluice.toml`, environment and flags, every fault reported at once.
//! 4. [`telemetry`]: logs to stderr, metrics behind a `render()`.
//! 5. [`service`]: health endpoints, readiness by named parts, two-step shutdown.
//! 6. [`bus`]: messages between roles, over RabbitMQ or inside one process.
//!
//! Something that only one role needs belongs to that role; something that differs between
//! databases belongs to `engine`. Reading order: as listed.

pub mod bus;
pub mod clock;
pub mod service;
pub mod settings;
pub mod telemetry;
pub mod units;
