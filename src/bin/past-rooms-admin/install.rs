//! `past-rooms-admin completions` and `past-rooms-admin man`: files beside an installed program.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap_complete::Shell;
use serde_json::json;

use crate::{Outcome, output};

/// Print the completions for a shell.
#[derive(clap::Args)]
pub struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn print(&self, mut program: clap::Command) -> Outcome {
        let name = program.get_name().to_owned();
        // In memory first: writing to a closed pipe would panic.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, name, &mut script);
        let script = String::from_utf8_lossy(&script);
        let fields = json!({"shell": self.shell.to_string(), "script": script});
        output::result("completions", fields, script.trim_end());
        output::summary(json!({"complete": true}), "");
        Outcome::Success
    }
}

/// Write the man pages of the program and its commands.
#[derive(clap::Args)]
pub struct Man {
    /// Folder for the pages; created if it does not exist
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

impl Man {
    pub fn write(&self, program: clap::Command) -> Result<Outcome, Box<dyn Error>> {
        let written = fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(program, &self.folder));
        written.map_err(|error| format!("{}: {error}", self.folder.display()))?;
        output::summary(json!({"complete": true, "folder": self.folder}), "");
        Ok(Outcome::Success)
    }
}
