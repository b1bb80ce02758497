//! Rows that have expired are deleted, as DynamoDB does by itself, but sooner.

use std::time::Duration;

use dynoxide::Database;

const INTERVAL: Duration = Duration::from_secs(1);

/// Looks for expired rows for as long as the runtime lives.
pub fn delete_expired(database: Database) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let database = database.clone();
            match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "expired rows cannot be deleted"),
                Err(error) => tracing::warn!(%error, "expired rows cannot be looked for"),
            }
        }
    });
}
