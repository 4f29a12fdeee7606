//! The commands, one file each: its arguments and what it does, in the order of a job's life.

pub mod abort;
pub mod adopt;
pub mod approve;
pub mod classify;
pub mod demo;
pub mod detach;
pub mod explain;
pub mod flip;
pub mod parked;
pub mod pause;
pub mod plan;
pub mod queues;
pub mod repair;
pub mod report;
pub mod resume;
pub mod rollback;
pub mod run;
pub mod services;
pub mod status;
pub mod submit;
pub mod tune;
pub mod verify;
pub mod wait;
