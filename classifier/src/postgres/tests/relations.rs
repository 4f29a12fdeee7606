//! Tables, indexes, views and sequences: created, altered, dropped.

use super::check;

#[test]
fn a_new_table_locks_only_what_it_hangs_on() {
    check(&[
        ("CREATE TABLE t (id int PRIMARY KEY, a text)", "expand"),
        (
            "CREATE TABLE t (id int REFERENCES p, q int, FOREIGN KEY (q) REFERENCES q (id))",
            "expand p:SRX q:SRX",
        ),
        (
            "CREATE TABLE t PARTITION OF p FOR VALUES FROM (1) TO (2)",
            "expand p:AX",
        ),
        ("CREATE TABLE t PARTITION OF p DEFAULT", "expand p:AX"),
        ("CREATE TABLE t () INHERITS (p)", "expand p:SUX"),
        ("CREATE TABLE t (LIKE p INCLUDING ALL)", "expand p:AS"),
        ("CREATE TABLE t (id int) PARTITION BY RANGE (id)", "expand"),
        ("CREATE TABLE t AS SELECT * FROM p", "expand p:AS scan"),
        ("SELECT * INTO t FROM p", "expand p:AS scan"),
        ("CREATE TEMP TABLE t (id int)", "expand"),
        ("CREATE FOREIGN TABLE t (id int) SERVER s", "expand"),
        ("CREATE SEQUENCE s", "expand"),
        ("CREATE SEQUENCE s OWNED BY t.id", "expand t:AS"),
    ]);
}

#[test]
fn an_index_blocks_writes_unless_it_is_built_concurrently() {
    check(&[
        ("CREATE INDEX i ON t (a)", "expand t:S scan"),
        ("CREATE INDEX ON t (a)", "expand t:S scan"),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "expand t:SUX scan alone"),
        ("CREATE UNIQUE INDEX i ON t (a)", "contract t:S scan"),
        (
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (lower(a)) WHERE a > 1",
            "contract t:SUX scan alone",
        ),
        ("CREATE INDEX i ON ONLY t (a)", "expand t:S"),
        ("CREATE INDEX i ON t USING gin (a)", "expand t:S scan"),
        ("DROP INDEX i", "contract i:AX"),
        ("DROP INDEX CONCURRENTLY i", "contract i:SUX alone"),
        ("REINDEX INDEX i", "neutral i:AX scan"),
        ("REINDEX INDEX CONCURRENTLY i", "neutral i:SUX scan alone"),
        ("REINDEX TABLE t", "neutral t:S scan"),
        ("REINDEX TABLE CONCURRENTLY t", "neutral t:SUX scan alone"),
        ("REINDEX (CONCURRENTLY) TABLE t", "neutral t:SUX scan alone"),
        ("REINDEX SCHEMA s", "neutral scan alone"),
        ("REINDEX DATABASE d", "neutral scan alone"),
        ("REINDEX SYSTEM d", "neutral alone"),
        ("ALTER INDEX i RENAME TO j", "neutral i:SUX"),
        ("ALTER INDEX i SET (fillfactor = 70)", "neutral i:SUX"),
        ("ALTER INDEX i SET (fastupdate = off)", "neutral i:AX"),
        ("ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 100", "neutral i:SUX"),
        ("ALTER INDEX i SET TABLESPACE fast", "neutral i:AX rewrite"),
        ("ALTER INDEX p ATTACH PARTITION i", "neutral p:SUX i:AX"),
        ("ALTER INDEX i DEPENDS ON EXTENSION e", "neutral i:AX"),
    ]);
}

#[test]
fn a_view_is_locked_where_it_is_replaced_or_dropped() {
    check(&[
        ("CREATE VIEW v AS SELECT * FROM t", "expand t:AS"),
        (
            "CREATE OR REPLACE VIEW v AS SELECT * FROM t JOIN u ON true",
            "expand v:AX t:AS u:AS",
        ),
        ("CREATE VIEW v AS WITH w AS (SELECT 1) SELECT * FROM w", "expand"),
        ("ALTER VIEW v RENAME TO w", "contract v:AX"),
        ("ALTER VIEW v ALTER COLUMN c SET DEFAULT 1", "expand v:AX"),
        ("ALTER VIEW v SET (security_barrier = true)", "neutral v:AX"),
        ("ALTER VIEW v OWNER TO bob", "neutral v:AX"),
        ("DROP VIEW v", "contract v:AX"),
        (
            "CREATE MATERIALIZED VIEW m AS SELECT * FROM t",
            "expand t:AS scan",
        ),
        (
            "CREATE MATERIALIZED VIEW m AS SELECT * FROM t WITH NO DATA",
            "expand t:AS",
        ),
        ("REFRESH MATERIALIZED VIEW m", "neutral m:AX rewrite scan"),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", "neutral m:X scan"),
        ("REFRESH MATERIALIZED VIEW m WITH NO DATA", "neutral m:AX rewrite"),
        ("ALTER MATERIALIZED VIEW m RENAME TO n", "contract m:AX"),
        ("ALTER MATERIALIZED VIEW m SET (fillfactor = 70)", "neutral m:SUX"),
        ("DROP MATERIALIZED VIEW m", "contract m:AX"),
    ]);
}

#[test]
fn what_is_dropped_is_locked_against_everybody() {
    check(&[
        ("DROP TABLE t", "contract t:AX"),
        ("DROP TABLE IF EXISTS t, s.u CASCADE", "contract t:AX s.u:AX"),
        ("DROP FOREIGN TABLE t", "contract t:AX"),
        ("DROP SEQUENCE s", "contract s:AX"),
        ("TRUNCATE t", "data t:AX rewrite"),
        (
            "TRUNCATE TABLE t, u RESTART IDENTITY CASCADE",
            "data t:AX u:AX rewrite",
        ),
        ("ALTER SEQUENCE s RESTART", "neutral s:SRX"),
        ("ALTER SEQUENCE s AS bigint", "neutral s:SRX"),
        ("ALTER SEQUENCE s OWNED BY t.id", "neutral s:SRX t:AS"),
        ("ALTER SEQUENCE s RENAME TO r", "contract s:AX"),
        ("ALTER FOREIGN TABLE t ADD c int", "expand t:AX"),
        ("ALTER FOREIGN TABLE t OPTIONS (SET a 'b')", "neutral t:AX"),
    ]);
}
