//! Asking before something is done that cannot be undone.

use std::error::Error;
use std::io::{self, IsTerminal, Write};

use tokio::task::spawn_blocking;

/// Asks a question that a person answers with yes or no.
///
/// # Errors
/// If stdin is not a terminal.
pub async fn confirmed(question: &str) -> Result<bool, Box<dyn Error>> {
    if !io::stdin().is_terminal() {
        return Err(
            format!("{question} Standard input is not a terminal: pass --yes to confirm").into()
        );
    }
    write!(io::stderr(), "{question} [y/N] ")?;
    let answer = spawn_blocking(|| io::stdin().lines().next().transpose());
    let answer = answer.await??.unwrap_or_default();
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
