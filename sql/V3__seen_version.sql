-- A program's form is refused if the contract has changed since it was last told of it (W6).

ALTER TABLE session ADD COLUMN seen_version bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN session.seen_version IS 'the version of the contract that the session''s client was last told of (W6)';
UPDATE session SET seen_version = contract.version FROM contract WHERE contract.number = session.contract;
