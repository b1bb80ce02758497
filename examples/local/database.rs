//! The embedded database: in memory, or in a file that outlives the run.
//!
//! The emulator keeps a table's stream in an SQLite table without an index. It looks up the greatest
//! sequence number at every write, so an import would take quadratic time. A second connection to the
//! same SQLite database adds the index.

use std::path::Path;

use dynoxide::Database;
use rusqlite::Connection;

/// An SQLite database in memory that all connections of this process share.
const IN_MEMORY: &str = "file:/past-rooms?vfs=memdb";

/// The index covers the emulator's own expression. It also serves reading the stream.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS past_rooms_stream
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// Deletes stream records older than an hour. The stream function read them long before.
const FORGET: &str = "DELETE FROM _stream_records WHERE created_at < unixepoch() - 3600";

/// Opens the database in `file`, or a new one in memory.
pub fn open(file: Option<&Path>) -> Result<Database, Box<dyn std::error::Error>> {
    let path = match file {
        Some(file) => file.to_str().ok_or("expected a path in UTF-8 for --data")?,
        None => IN_MEMORY,
    };
    let open = || {
        let database = Database::new(path)?;
        let connection = Connection::open(path)?;
        connection.execute(INDEX, [])?;
        connection.execute(FORGET, [])?;
        Ok::<_, Box<dyn std::error::Error>>(database)
    };
    open().map_err(|error| format!("cannot open the database {path}: {error}").into())
}
