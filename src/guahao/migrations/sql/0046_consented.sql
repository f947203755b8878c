-- blocks: consents are as new as this, hence few, and a booking locks no account.
-- What account owners have consented to themselves so far, so that a new version asks them again.
UPDATE accounts a SET notice_version = c.notice_version
FROM (SELECT DISTINCT ON (account_id) account_id, notice_version FROM consents
      WHERE door IN ('web', 'api') ORDER BY account_id, id DESC) c
WHERE c.account_id = a.id AND a.notice_version IS NULL;
