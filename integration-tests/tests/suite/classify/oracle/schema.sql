CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a int, b int);
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE DOMAIN plain AS text;
CREATE DOMAIN code AS text;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE FUNCTION steady() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION shaky() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION inlined() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE FUNCTION fixed() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE SEQUENCE counter;
CREATE TABLE customer (
    id int PRIMARY KEY,
    email varchar(50) NOT NULL,
    name text,
    score int,
    born timestamp,
    seen timestamptz,
    amount numeric(10, 2),
    short char(4),
    feel mood,
    doc json,
    plain plain,
    bits varbit(8),
    at timestamp(3),
    CONSTRAINT score_small CHECK (score < 1000000)
);
CREATE UNIQUE INDEX customer_email ON customer (email);
CREATE INDEX customer_name ON customer (name);
CREATE TABLE purchase (id int PRIMARY KEY, customer_id int CONSTRAINT buyer REFERENCES customer, total numeric(8, 2), note text, at timestamptz DEFAULT now());
CREATE INDEX purchase_customer ON purchase (customer_id);
CREATE TABLE item (id int, v text, n int NOT NULL, k bigint, coded code, CONSTRAINT n_positive CHECK (n > 0) NOT VALID);
CREATE INDEX item_n ON item (n);
CREATE TABLE tag (id int PRIMARY KEY, label text UNIQUE, item_id int, counted serial);
CREATE TABLE audited (id int PRIMARY KEY, v text);
CREATE TRIGGER touched BEFORE UPDATE ON audited FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE quiet AS ON DELETE TO audited WHERE old.id = 0 DO INSTEAD NOTHING;
CREATE POLICY mine ON audited USING (id > 0);
CREATE STATISTICS audited_stats ON id, v FROM audited;
CREATE TABLE event (id int NOT NULL, day date NOT NULL, v text) PARTITION BY RANGE (day);
CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE event_rest PARTITION OF event DEFAULT;
CREATE INDEX event_v ON event (v);
CREATE TABLE event_new (id int NOT NULL, day date NOT NULL, v text);
CREATE TABLE region (id int, k int) PARTITION BY LIST (k);
CREATE TABLE region_eu PARTITION OF region FOR VALUES IN (1);
CREATE TABLE region_us PARTITION OF region FOR VALUES IN (2);
CREATE TABLE region_new (id int, k int);
CREATE TABLE region_ready (id int, k int, CONSTRAINT only_three CHECK (k IS NOT NULL AND k = 3));
CREATE TABLE base (id int, v text);
CREATE TABLE derived (extra int) INHERITS (base);
CREATE TABLE apart (id int, v text);
CREATE TABLE typed OF pair;
CREATE VIEW customer_view AS SELECT id, email FROM customer;
CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(total) AS total FROM purchase GROUP BY customer_id;
CREATE UNIQUE INDEX totals_customer ON totals (customer_id);
INSERT INTO customer (id, email, name, score, feel) SELECT n, 'e' || n, 'n', n, 'ok' FROM generate_series(1, 500) AS n;
INSERT INTO purchase SELECT n, n, n, 'x' FROM generate_series(1, 500) AS n;
INSERT INTO item SELECT n, 'v', n, n, 'c' FROM generate_series(1, 500) AS n;
INSERT INTO tag SELECT n, 'l' || n, n FROM generate_series(1, 100) AS n;
INSERT INTO audited SELECT n, 'v' FROM generate_series(1, 100) AS n;
INSERT INTO event SELECT n, '2020-06-01', 'v' FROM generate_series(1, 100) AS n;
INSERT INTO event_new SELECT n, '2023-06-01', 'v' FROM generate_series(1, 100) AS n;
INSERT INTO region SELECT n, 1 FROM generate_series(1, 100) AS n;
INSERT INTO base SELECT n, 'v' FROM generate_series(1, 100) AS n;
REFRESH MATERIALIZED VIEW totals;
ANALYZE
