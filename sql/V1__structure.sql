-- Structure only: the numbers of the rules come in as parameters.

CREATE TABLE contract (
    number text PRIMARY KEY,
    unit text CHECK (unit IN ('line', 'number', 'admin_user')),
    suspended boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 0
);
COMMENT ON COLUMN contract.version IS 'raised whenever the contract changes; a form loaded before is refused (W6)';

CREATE TABLE contract_number (
    number text PRIMARY KEY,
    contract text NOT NULL REFERENCES contract ON DELETE CASCADE,
    service boolean NOT NULL
);
CREATE INDEX ON contract_number (contract);

CREATE TABLE credential (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login text NOT NULL UNIQUE REFERENCES contract_number (number) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('temporary', 'password')),
    phc text,
    set_at timestamptz NOT NULL,
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    voided_at timestamptz,
    CHECK ((phc IS NULL) = (voided_at IS NOT NULL))
);
COMMENT ON COLUMN credential.id IS 'a new credential is a new id: a verdict on the old one cannot touch it';
COMMENT ON COLUMN credential.phc IS 'Argon2id with a server-side key, as a PHC string; gone once void';

CREATE TABLE session (
    token_digest bytea PRIMARY KEY,
    credential bigint NOT NULL REFERENCES credential ON DELETE CASCADE,
    contract text NOT NULL REFERENCES contract ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL
);
CREATE INDEX ON session (credential);
CREATE INDEX ON session (contract);

-- Numbers are no foreign keys here: a row outlives what it is about.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    source text NOT NULL CHECK (source IN ('phone', 'site', 'operator')),
    event text NOT NULL,
    outcome text NOT NULL,
    login text,
    contract text,
    unit text,
    caller text,
    address inet
);
CREATE INDEX ON audit (at);
CREATE INDEX ON audit (login, at);
CREATE INDEX ON audit (contract, at);
CREATE INDEX ON audit (caller, at);
