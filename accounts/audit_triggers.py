"""The triggers that make the audit table append-only. Whoever drops them is still found out by the chain."""

CREATE = {
    "sqlite": [
        """CREATE TRIGGER accounts_auditevent_no_update BEFORE UPDATE ON accounts_auditevent
           BEGIN SELECT RAISE(ABORT, 'The audit log is append-only.'); END""",
        """CREATE TRIGGER accounts_auditevent_no_delete BEFORE DELETE ON accounts_auditevent
           BEGIN SELECT RAISE(ABORT, 'The audit log is append-only.'); END""",
        # INSERT OR REPLACE deletes the row that is in its way, and no trigger hears of that.
        """CREATE TRIGGER accounts_auditevent_no_replace BEFORE INSERT ON accounts_auditevent
           WHEN EXISTS (SELECT 1 FROM accounts_auditevent WHERE number = NEW.number)
           BEGIN SELECT RAISE(ABORT, 'The audit log is append-only.'); END""",
    ],
    "postgresql": [
        """CREATE FUNCTION accounts_auditevent_refuse() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'The audit log is append-only.'; END $$""",
        """CREATE TRIGGER accounts_auditevent_no_change BEFORE UPDATE OR DELETE ON accounts_auditevent
           FOR EACH ROW EXECUTE FUNCTION accounts_auditevent_refuse()""",
        """CREATE TRIGGER accounts_auditevent_no_truncate BEFORE TRUNCATE ON accounts_auditevent
           FOR EACH STATEMENT EXECUTE FUNCTION accounts_auditevent_refuse()""",
    ],
}

DROP = {
    "sqlite": [
        "DROP TRIGGER accounts_auditevent_no_update",
        "DROP TRIGGER accounts_auditevent_no_delete",
        "DROP TRIGGER accounts_auditevent_no_replace",
    ],
    "postgresql": [
        "DROP TRIGGER accounts_auditevent_no_change ON accounts_auditevent",
        "DROP TRIGGER accounts_auditevent_no_truncate ON accounts_auditevent",
        "DROP FUNCTION accounts_auditevent_refuse()",
    ],
}
