/* What a guest's agent says of itself. Whatever it is, the schema that comes of it is one, and has
 * no more than is pinned. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include "qmp/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool enabled[64] = { false };
    char version[QMP_AGENT_VERSION_MAX];
    unsigned n = 0;
    if (!qmp_agent_read_info((struct span){ (const char *)data, size }, enabled, version))
        return 0;
    CLEANUP_BUF struct buf text = { 0 };
    struct qmp_schema *schema;
    struct error err;
    qmp_agent_write_schema(enabled, &text);
    if (strlen(version) >= sizeof(version) ||
        qmp_schema_parse(buf_data(&text), buf_len(&text), &schema, &err) < 0)
        abort();
    for (unsigned i = 0; i < qmp_agent_n_commands(); i++)
        n += enabled[i];
    if (qmp_schema_n_commands(schema) != n)
        abort();
    qmp_schema_unref(schema);
    return 0;
}
