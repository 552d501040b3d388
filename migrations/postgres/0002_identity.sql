-- What this database is called where its pictures are, so that no other one deletes them.
CREATE TABLE identity (
    one bigint PRIMARY KEY CHECK (one = 1),
    id  text   NOT NULL
);
INSERT INTO identity (one, id) VALUES (1, gen_random_uuid()::text);
