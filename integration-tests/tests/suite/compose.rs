//! `compose.yaml` and the Dockerfile. No container runs here: the file is read, its rules are looked at, and then each of its programs is
//! started as it says (command, environment, configuration), with nothing changed but where the others are.

mod file;
mod rules;
mod stack;

type Outcome = anyhow::Result<()>;
