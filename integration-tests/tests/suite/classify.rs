//! `sluice classify`: scripts and folders as people have them, by the built binary.

mod bad_input;
mod dumps;
mod exit_codes;
mod explain;
mod folders;
mod ground;
mod outputs;
mod sarif;
mod schema;
mod scripts;
