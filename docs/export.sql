-- The history of a plugNmeet server (1.x and 2.x, on MariaDB >= 10.2.3 or MySQL >= 5.7.8) as JSON Lines: one object a
-- session that is over, under the names that `past-rooms-admin import` reads. It changes nothing in the database.
--
--   mysql --batch --raw --skip-column-names --quick --default-character-set=utf8mb4 plugnmeet < export.sql > history.jsonl
--
-- JSON, because --batch writes a title that is the text NULL and a NULL alike, and lets carriage returns through. --raw,
-- because JSON has its own escapes. The user needs SELECT on <prefix>room_info, <prefix>room_analytics and
-- <prefix>room_artifacts: a table that it may not read looks like one that is not there, and its ids are left out.

-- `prefix` of database_info in plugNmeet's config.yaml.
SET @prefix = 'pnm_';

-- `loc` of database_info, if it is not UTC, its default: plugNmeet writes the column `ended` in that zone, whatever zone
-- MySQL has. A name such as 'Europe/Berlin' needs MySQL's zone tables (mysql_tzinfo_to_sql); without them SET fails.
-- In the hour that is there twice when summer time ends, the zone's first is taken.
--
-- Nothing else depends on a zone. `created` is the column creation_time, which is UNIX seconds and the value that
-- webhooks carry. The column `created` was filled by plugNmeet (its own zone) up to 1.9 and by MySQL (the server's zone)
-- since 2.0; it is used only where creation_time is 0, and may then be off by the difference of these zones.
SET time_zone = '+00:00';

-- Since 2.0 analytics are artifacts. The older table, there since 1.5, keeps the ids from before; the migration to 2.0
-- copied those whose files it found, with the same ids. So an id from the older table may lead to no file on a 2.x server.
SET @has_artifacts = EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = CONCAT(@prefix, 'room_artifacts'));
SET @has_analytics = EXISTS (SELECT 1 FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name = CONCAT(@prefix, 'room_analytics'));

-- Of several ids of one session the newest counts, and the session stays one row. The tables may have been created with
-- different collations, hence COLLATE.
SET @ids = CONCAT_WS(', ',
    IF(@has_artifacts, 'CONVERT(artifact.artifact_id USING utf8mb4) COLLATE utf8mb4_bin', NULL),
    IF(@has_analytics, 'CONVERT(analytics.file_id USING utf8mb4) COLLATE utf8mb4_bin', NULL));
SET @join_artifacts = IF(@has_artifacts, CONCAT('
    LEFT JOIN (SELECT room_table_id, MAX(id) AS id FROM `', @prefix, 'room_artifacts`
        WHERE type = ''MEETING_ANALYTICS'' GROUP BY room_table_id) AS newest_artifact ON newest_artifact.room_table_id = room.id
    LEFT JOIN `', @prefix, 'room_artifacts` AS artifact ON artifact.id = newest_artifact.id'), '');
SET @join_analytics = IF(@has_analytics, CONCAT('
    LEFT JOIN (SELECT room_table_id, MAX(id) AS id FROM `', @prefix, 'room_analytics`
        GROUP BY room_table_id) AS newest_analytics ON newest_analytics.room_table_id = room.id
    LEFT JOIN `', @prefix, 'room_analytics` AS analytics ON analytics.id = newest_analytics.id'), '');

-- A server that knows no analytics says nothing of them: without the key, an import leaves stored ids alone.
-- UNIX_TIMESTAMP of a zero date is 0 in MySQL and NULL in MariaDB.
SET @export = CONCAT('
SELECT JSON_OBJECT(
    ''room_id'', room.roomId,
    ''room_sid'', room.sid,
    ''room_title'', room.room_title,
    ''joined_participants'', room.joined_participants,
    ''webhook_url'', room.webhook_url,
    ''created'', IF(room.creation_time > 0, room.creation_time, NULLIF(UNIX_TIMESTAMP(room.created), 0)),
    ''ended'', NULLIF(UNIX_TIMESTAMP(room.ended), 0)',
    IF(@ids = '', '', CONCAT(',
    ''analytics_file_id'', COALESCE(', @ids, ')')), ')
FROM `', @prefix, 'room_info` AS room', @join_artifacts, @join_analytics, '
WHERE room.is_running = 0
ORDER BY room.id');

PREPARE export FROM @export;
EXECUTE export;
DEALLOCATE PREPARE export;
