#include "config.h"
#include "qmp/agent.h"

#include <stdlib.h>
#include <string.h>
#include "qmp/scan.h"

struct agent_command {
    const char *name;
    bool silent;
    const char *elements; /* of query-qmp-schema: the command, and the type of its arguments */
};

#include "qmp/agent_table.h"

unsigned qmp_agent_n_commands(void)
{
    return ARRAY_SIZE(agent_commands);
}

const char *qmp_agent_command(unsigned i)
{
    return agent_commands[i].name;
}

int qmp_agent_find_command(struct span name)
{
    for (size_t i = 0; i < ARRAY_SIZE(agent_commands); i++) {
        const char *known = agent_commands[i].name;
        if (strlen(known) == name.len && memcmp(known, name.data, name.len) == 0)
            return (int)i;
    }
    return -1;
}

bool qmp_agent_is_silent(unsigned i)
{
    return agent_commands[i].silent;
}

/* --- guest-info ------------------------------------------------------------------------------- */

#define INFO_BYTES  (64u << 10) /* 7.2's has 3 KiB */
#define INFO_TOKENS 8192u

static struct span text_member(const struct qmp_tape *t, uint32_t object, struct span name)
{
    bool is_object = qmp_tape_kind(t, object) == QMP_KIND_OBJECT;
    uint32_t token = is_object ? qmp_tape_find(t, object, name) : QMP_NONE;
    if (token == QMP_NONE || qmp_tape_kind(t, token) != QMP_KIND_STRING)
        return SPAN_LIT("");
    return qmp_tape_string(t, token);
}

static void read_command(const struct qmp_tape *t, uint32_t item, bool *enabled)
{
    int command = qmp_agent_find_command(text_member(t, item, SPAN_LIT("name")));
    uint32_t token = command >= 0 ? qmp_tape_find(t, item, SPAN_LIT("enabled")) : QMP_NONE;
    if (token != QMP_NONE && qmp_tape_kind(t, token) == QMP_KIND_TRUE)
        enabled[command] = true;
}

bool qmp_agent_read_info(struct span json, bool *enabled, char version[QMP_AGENT_VERSION_MAX])
{
    struct qmp_scan_limits limits = { .max_bytes = INFO_BYTES,
                                      .max_depth = 8,
                                      .max_tokens = INFO_TOKENS };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, json);
    const struct qmp_tape *t = scanner ? qmp_scanner_tape(scanner) : NULL;
    uint32_t list = t ? qmp_tape_find(t, 0, SPAN_LIT("supported_commands")) : QMP_NONE;
    bool tells = list != QMP_NONE && qmp_tape_kind(t, list) == QMP_KIND_ARRAY;
    if (tells) {
        struct span text = text_member(t, 0, SPAN_LIT("version"));
        size_t len = text.len < QMP_AGENT_VERSION_MAX ? text.len : QMP_AGENT_VERSION_MAX - 1;
        memcpy(version, text.data, len);
        version[len] = '\0';
        QMP_TAPE_ELEMENTS (t, list, item)
            read_command(t, item, enabled);
    }
    qmp_scanner_free(scanner);
    return tells;
}

/* --- as a schema ------------------------------------------------------------------------------ */

void qmp_agent_write_schema(const bool *enabled, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(agent_types); i++) {
        buf_add_str(out, i ? ", " : "[");
        buf_add_str(out, agent_types[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(agent_commands); i++) {
        if (enabled && !enabled[i])
            continue;
        BUF_ADD_LIT(out, ", ");
        buf_add_str(out, agent_commands[i].elements);
    }
    BUF_ADD_LIT(out, "]");
}

struct qmp_schema *qmp_agent_schema(void)
{
    CLEANUP_BUF struct buf text = { 0 };
    struct qmp_schema *schema;
    struct error err;
    qmp_agent_write_schema(NULL, &text);
    if (qmp_schema_parse(buf_data(&text), buf_len(&text), &schema, &err) < 0)
        abort(); /* it is a constant */
    return schema;
}
