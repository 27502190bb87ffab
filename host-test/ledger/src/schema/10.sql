-- Whether an installation is of the component that is built in, which is approved by that: after an upgrade its
-- installations move on with it. Every other component was approved before it could install.
ALTER TABLE installations ADD COLUMN is_built_in INTEGER NOT NULL DEFAULT 0;
UPDATE installations SET is_built_in = 1
    WHERE component NOT IN (SELECT approvals.component FROM approvals);

-- The installations that hold secrets: only these can be used.
CREATE INDEX sealed_installations ON installations (provider, workspace)
    WHERE sealed_credentials IS NOT NULL;

-- Origins besides the manifest's to which an installation may send its customers.
CREATE TABLE page_origins (
    installation TEXT NOT NULL REFERENCES installations (id),
    origin TEXT NOT NULL,
    approved_at INTEGER NOT NULL,
    PRIMARY KEY (installation, origin)
) STRICT, WITHOUT ROWID;

-- Earlier versions stored every link that a plugin gave. What is no web page is shown to no customer.
UPDATE payments SET checkout_url = NULL
    WHERE checkout_url NOT LIKE 'https://%' AND checkout_url NOT LIKE 'http://127.0.0.1:%'
        AND checkout_url NOT LIKE 'http://localhost:%' AND checkout_url NOT LIKE 'http://[::1]:%';
