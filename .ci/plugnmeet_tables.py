"""The tables of a plugNmeet server that hold its past rooms, as its versions created them: the columns, their types and
defaults that an export meets."""

ROOM_INFO = """
CREATE TABLE {prefix}room_info (
  id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  room_title varchar(255) {null} DEFAULT '',
  roomId varchar(64) NOT NULL,
  sid varchar(64) NOT NULL UNIQUE,
  joined_participants int(10) {null} DEFAULT 0,
  is_running int(1) NOT NULL DEFAULT 0,
  webhook_url varchar(255) {null} DEFAULT '',
  creation_time int(10) NOT NULL DEFAULT 0,
  created datetime NOT NULL DEFAULT current_timestamp(),
  ended datetime {null} DEFAULT '0000-00-00 00:00:00',
  KEY idx_room_id (roomId, is_running)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
"""

# Until 1.8 a room that was deleted left its row here, with NULL.
ROOM_ANALYTICS = """
CREATE TABLE {prefix}room_analytics (
  id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  room_table_id int(11) NULL,
  room_id varchar(64) NOT NULL,
  file_id varchar(255) NOT NULL,
  file_name varchar(255) NOT NULL DEFAULT '',
  KEY idx_file_id (file_id),
  FOREIGN KEY (room_table_id) REFERENCES {prefix}room_info (id) ON DELETE RESTRICT ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
"""

ROOM_ARTIFACTS = """
CREATE TABLE {prefix}room_artifacts (
  id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  artifact_id varchar(64) NOT NULL UNIQUE,
  room_table_id int(11) NOT NULL,
  room_id varchar(255) NOT NULL,
  type varchar(100) NOT NULL,
  metadata json DEFAULT NULL,
  created datetime NOT NULL DEFAULT current_timestamp(),
  KEY idx_type (type),
  FOREIGN KEY (room_table_id) REFERENCES {prefix}room_info (id) ON DELETE RESTRICT ON UPDATE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={collation};
"""

# A server of each kind: its tables, and what `docs/export.sql` is told of it.
SERVERS = {
    "1.0": dict(tables=[ROOM_INFO]),
    "1.9": dict(tables=[ROOM_INFO, ROOM_ANALYTICS]),
    "2.4": dict(tables=[ROOM_INFO, ROOM_ANALYTICS, ROOM_ARTIFACTS]),
    # Tables that the server's ORM created in a database with other defaults, under another prefix and `loc`.
    "2.4-orm": dict(
        tables=[ROOM_INFO, ROOM_ANALYTICS, ROOM_ARTIFACTS],
        prefix="my_",
        null="NULL",
        collation="utf8mb4_general_ci",
        loc_hours=2,
    ),
}


def statements(server):
    """What creates a server's tables."""
    words = {"prefix": "pnm_", "null": "NOT NULL", "collation": "utf8mb4_unicode_ci", **server}
    return "".join(table.format(**words) for table in server["tables"])
