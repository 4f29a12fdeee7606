//! Whole migrations on SQLite: every role in this process or behind the built binary, on a file of the test's own. No server is needed.

mod demo;
mod ground;
mod life;
mod lock;
mod pitfalls;
mod runs;
mod way_back;
