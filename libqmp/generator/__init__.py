"""Makes libqmp's headers, tables, symbol map, manual pages and tests from schema/qmp-*.json."""
