# What QEMU releases have: read by the generator of libqmp, made by scripts/update-schema.
pinned_schemas = schema/qmp-7.2.json
schema_tools = schema/__init__.py schema/facts.py schema/live.py schema/lockstep.py schema/merge.py schema/sources.py
EXTRA_DIST += $(pinned_schemas) $(schema_tools)
