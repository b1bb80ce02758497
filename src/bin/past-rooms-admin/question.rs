//! Asking before something is done that cannot be undone.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

/// Asks a question that a person answers with yes or no.
///
/// # Errors
/// If stdin is not a terminal.
pub fn confirmed(question: &str) -> Result<bool, Box<dyn Error>> {
    if !io::stdin().is_terminal() {
        return Err(
            format!("{question} Standard input is not a terminal: pass --yes to confirm").into()
        );
    }
    let mut terminal = io::stderr().lock();
    write!(terminal, "{question} [y/N] ")?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
