-- Whose a contract is, as the operator's own system knows it: when it changes, nothing of the former
-- customer's may go on opening it (D1).

ALTER TABLE contract ADD COLUMN customer text;
COMMENT ON COLUMN contract.customer IS 'an opaque mark; none if no file has given one';
