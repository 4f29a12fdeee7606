//! What belongs to a table, and what locks none.

use super::check;

#[test]
fn what_belongs_to_a_table_locks_it() {
    check(&[
        (
            "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
            "expand t:SRX",
        ),
        (
            "CREATE OR REPLACE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION f()",
            "expand t:SRX",
        ),
        (
            "CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t FROM u FOR EACH ROW EXECUTE FUNCTION f()",
            "expand t:SRX u:AS",
        ),
        ("ALTER TRIGGER g ON t RENAME TO h", "neutral t:AX"),
        ("DROP TRIGGER g ON t", "contract t:AX"),
        (
            "CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING",
            "expand t:AX",
        ),
        ("ALTER RULE r ON t RENAME TO q", "neutral t:AX"),
        ("DROP RULE r ON t", "contract t:AX"),
        ("CREATE POLICY p ON t USING (true)", "expand t:AX"),
        ("ALTER POLICY p ON t TO bob", "neutral t:AX"),
        ("DROP POLICY IF EXISTS p ON t", "contract t:AX"),
        ("COMMENT ON TABLE t IS 'x'", "neutral t:SUX"),
        ("COMMENT ON COLUMN s.t.c IS 'x'", "neutral s.t:SUX"),
        ("COMMENT ON INDEX i IS 'x'", "neutral i:SUX"),
        ("COMMENT ON TRIGGER g ON t IS 'x'", "neutral t:AS"),
        ("COMMENT ON CONSTRAINT k ON t IS 'x'", "neutral t:AS"),
        ("COMMENT ON FUNCTION f(int) IS 'x'", "neutral"),
        ("CREATE STATISTICS s ON a, b FROM t", "expand t:SUX"),
        ("DROP STATISTICS s", "neutral"),
        ("GRANT SELECT ON t TO bob", "expand"),
        ("REVOKE ALL ON TABLE t FROM bob", "contract"),
        ("CREATE PUBLICATION p FOR TABLE t, u", "expand t:SUX u:SUX"),
        ("CREATE PUBLICATION p FOR ALL TABLES", "expand"),
        ("ALTER PUBLICATION p ADD TABLE t", "expand t:SUX"),
        ("ALTER PUBLICATION p DROP TABLE t", "contract t:SUX"),
    ]);
}

#[test]
fn types_and_domains_lock_no_table_but_their_constraints_read_some() {
    check(&[
        ("CREATE TYPE mood AS ENUM ('a', 'b')", "expand"),
        ("ALTER TYPE mood ADD VALUE 'c'", "expand"),
        ("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'c' BEFORE 'a'", "expand"),
        ("ALTER TYPE mood RENAME VALUE 'a' TO 'z'", "contract"),
        ("ALTER TYPE mood RENAME TO temper", "contract"),
        ("ALTER TYPE pair ADD ATTRIBUTE c int", "expand"),
        ("ALTER TYPE pair DROP ATTRIBUTE c", "contract"),
        ("DROP TYPE mood", "contract"),
        ("CREATE DOMAIN d AS text CHECK (VALUE <> '')", "expand"),
        (
            "ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE <> '')",
            "contract scan",
        ),
        (
            "ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE <> '') NOT VALID",
            "contract",
        ),
        ("ALTER DOMAIN d VALIDATE CONSTRAINT k", "neutral scan"),
        ("ALTER DOMAIN d SET NOT NULL", "contract scan"),
        ("ALTER DOMAIN d DROP CONSTRAINT k", "expand"),
        ("DROP DOMAIN d", "contract"),
    ]);
}

#[test]
fn the_rest_locks_no_table() {
    check(&[
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
            "expand",
        ),
        (
            "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
            "expand",
        ),
        ("CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'", "expand"),
        ("ALTER FUNCTION f(int) RENAME TO g", "contract"),
        ("ALTER FUNCTION f(int) OWNER TO bob", "neutral"),
        ("DROP FUNCTION IF EXISTS f(int), g()", "contract"),
        ("CREATE SCHEMA s", "expand"),
        ("CREATE SCHEMA IF NOT EXISTS s AUTHORIZATION bob", "expand"),
        ("ALTER SCHEMA s RENAME TO r", "contract"),
        ("DROP SCHEMA s", "contract"),
        (
            "CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public",
            "expand",
        ),
        ("ALTER EXTENSION pgcrypto UPDATE", "unknown"),
        ("DROP EXTENSION pgcrypto", "contract"),
        ("CREATE ROLE bob LOGIN", "expand"),
        ("ALTER ROLE bob SET search_path = s", "neutral"),
        ("DROP ROLE bob", "contract"),
        ("CREATE DATABASE d", "expand alone"),
        ("DROP DATABASE d", "contract alone"),
        ("CREATE TABLESPACE fast LOCATION '/x'", "expand alone"),
        ("ALTER SYSTEM SET work_mem = '1MB'", "neutral alone"),
        ("CREATE COLLATION c (provider = icu, locale = 'de')", "expand"),
        ("CREATE CAST (text AS mood) WITH INOUT AS IMPLICIT", "expand"),
        ("CREATE AGGREGATE a(int) (sfunc = f, stype = int)", "expand"),
        (
            "CREATE OPERATOR === (leftarg = int, rightarg = int, function = f)",
            "expand",
        ),
        (
            "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()",
            "expand",
        ),
        (
            "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p",
            "expand alone",
        ),
        ("CREATE TEXT SEARCH CONFIGURATION c (COPY = english)", "expand"),
        ("CREATE SERVER s FOREIGN DATA WRAPPER w", "expand"),
        ("IMPORT FOREIGN SCHEMA a FROM SERVER s INTO b", "expand"),
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO bob",
            "expand",
        ),
        ("REASSIGN OWNED BY a TO b", "unknown"),
        ("DROP OWNED BY a", "unknown"),
        ("SECURITY LABEL ON TABLE t IS 'x'", "neutral t:SUX"),
    ]);
}
