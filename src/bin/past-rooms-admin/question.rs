//! Asking before something is done that cannot be undone.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

/// Asks a question that a person answers with yes or no.
///
/// # Errors
/// If nobody is there to answer.
pub fn confirmed(question: &str) -> Result<bool, Box<dyn Error>> {
    if !io::stdin().is_terminal() {
        return Err(format!("{question} Nobody is there to answer; say --yes if so").into());
    }
    let mut terminal = io::stderr().lock();
    write!(terminal, "{question} [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
