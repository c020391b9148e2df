#include "config.h"
#include "qmp/agent.h"

#include <stdlib.h>
#include <string.h>

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
