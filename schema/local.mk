# What QEMU releases have: read by the generator of libqmp and by schema/agent.py, made by scripts/update-schema.
pinned_schemas = schema/qmp-7.2.json
pinned_agent = schema/qga-7.2.json
schema_tools = schema/__init__.py schema/agent.py schema/facts.py schema/live.py schema/lockstep.py schema/merge.py schema/sources.py
EXTRA_DIST += $(pinned_schemas) $(pinned_agent) $(schema_tools)
