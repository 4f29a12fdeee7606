//! Whole migrations on SQLite: every role in this process or behind the built binary, on a file of the test's own. No server is needed.

mod ground;
mod life;
mod way_back;
