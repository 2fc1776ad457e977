CREATE TABLE installed_plugin_index (
  index_key TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  host_contract_version TEXT NOT NULL,
  compat_registry_version TEXT NOT NULL,
  migration_version INTEGER NOT NULL,
  policy_hash TEXT NOT NULL,
  generated_at_ms INTEGER NOT NULL,
  refresh_reason TEXT,
  install_records_json TEXT NOT NULL,
  plugins_json TEXT NOT NULL,
  diagnostics_json TEXT NOT NULL,
  warning TEXT,
  updated_at_ms INTEGER NOT NULL
);
INSERT INTO installed_plugin_index VALUES ('installed-plugin-index', 1, '2026.7.1',
  '8c34cdb09cafb86085670587c70060bf8187fc19eed9fabf245cc2539bb21516', 1,
  '9455946213016712f5da55c20abc7f4af1e1193e5793c67363e88882cfc19be6', 1795978604226, 'source-changed',
  '{"acme-local":{"source":"path","sourcePath":"/home/user/acme-local","installPath":"/home/user/.openclaw/extensions/acme-local","version":"1.0.0"}}',
  '[]', '[]', NULL, 1795978604272);
PRAGMA user_version = 1;
