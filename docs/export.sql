-- The history of a plugNmeet server, 1.x or 2.x, as JSON Lines: one object for each session that
-- is over, under the names that `past-rooms-admin import` reads. It changes nothing in the
-- database. Needs MariaDB 10.2.3 or MySQL 5.7.8 or newer.
--
--   mysql --batch --raw --skip-column-names --quick --default-character-set=utf8mb4 \
--     plugnmeet < docs/export.sql > history.jsonl
--
-- JSON, because --batch alone writes NULL and a title that is the text NULL alike. --raw, because
-- JSON has its own escapes. The user needs SELECT on <prefix>room_info, <prefix>room_analytics and
-- <prefix>room_artifacts: a table that it may not read looks like one that is not there, and its
-- ids are left out.

-- `prefix` of database_info in plugNmeet's config.yaml.
SET @prefix = 'pnm_';

-- `loc` of database_info in plugNmeet's config.yaml, if it is not UTC, the default: plugNmeet
-- writes the column `ended` in that zone, whatever zone MySQL has (up to 1.6, which had no `loc`,
-- in the zone of its own process). Write a name such as 'Europe/Berlin' for it; MySQL needs its
-- zone tables for names (mysql_tzinfo_to_sql), and the export fails without them. In the hour that
-- comes twice when summer time ends, MySQL chooses one.
--
-- Nothing else depends on a zone. `created` is the column creation_time: UNIX seconds, the value
-- that webhooks carry. The column `created` is in plugNmeet's zone in rows of 1.3 to 1.9, in
-- MySQL's in others; it is used only where creation_time is 0, and may be off by the difference.
SET time_zone = '+00:00';

-- Since 2.0 analytics are in room_artifacts. room_analytics, there since 1.5, keeps the older ids.
-- The migration copied those whose files it found, under the same ids; others may lead to no file.
SET @has_artifacts = EXISTS (
    SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = CONCAT(@prefix, 'room_artifacts')
);
SET @has_analytics = EXISTS (
    SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = CONCAT(@prefix, 'room_analytics')
);

-- Of several ids of one session the newest counts. The tables can differ in their collations.
SET @artifact = IF(@has_artifacts, CONCAT('(
        SELECT CONVERT(artifact_id USING utf8mb4) COLLATE utf8mb4_bin
        FROM `', @prefix, 'room_artifacts`
        WHERE room_table_id = room.id AND type = ''MEETING_ANALYTICS''
        ORDER BY id DESC LIMIT 1)'), NULL);
SET @analytics = IF(@has_analytics, CONCAT('(
        SELECT CONVERT(file_id USING utf8mb4) COLLATE utf8mb4_bin
        FROM `', @prefix, 'room_analytics`
        WHERE room_table_id = room.id ORDER BY id DESC LIMIT 1)'), NULL);
SET @ids = CONCAT_WS(', ', @artifact, @analytics);

-- UNIX_TIMESTAMP of a zero date is 0 in MySQL and NULL in MariaDB. Before 1.5 there were no
-- analytics: then the key is left out.
SET @export = CONCAT('
SELECT JSON_OBJECT(
    ''room_id'', room.roomId,
    ''room_sid'', room.sid,
    ''room_title'', room.room_title,
    ''joined_participants'', room.joined_participants,
    ''webhook_url'', room.webhook_url,
    ''created'', IF(room.creation_time > 0, room.creation_time,
        NULLIF(UNIX_TIMESTAMP(room.created), 0)),
    ''ended'', NULLIF(UNIX_TIMESTAMP(room.ended), 0)',
    IF(@ids = '', '', CONCAT(',
    ''analytics_file_id'', COALESCE(', @ids, ')')), '
)
FROM `', @prefix, 'room_info` AS room
WHERE room.is_running = 0
ORDER BY room.id');

PREPARE export FROM @export;
EXECUTE export;
DEALLOCATE PREPARE export;
