#include "config.h"
#include "tests/qmp/schema_file.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/mem.h"
#include "qmp/agent.h"

/* `agent`: with the guest agent's commands as well, as no VM has them. */
static struct qmp_schema *read_schema(const char *path, bool agent)
{
    CLEANUP_BUF struct buf b = { 0 };
    struct qmp_schema *s = NULL;
    struct error err;
    FILE *f = fopen(path, "rb");
    size_t n = 0;
    if (!f) {
        perror(path);
        exit(1);
    }
    do {
        buf_commit(&b, n);
        n = fread(buf_reserve(&b, 65536), 1, 65536, f);
    } while (n > 0);
    fclose(f);
    if (agent)
        schema_file_add_agent(&b);
    if (qmp_schema_parse(buf_data(&b), buf_len(&b), &s, &err) < 0) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        exit(1);
    }
    return s;
}

void schema_file_add_agent(struct buf *b)
{
    CLEANUP_BUF struct buf agent = { 0 };
    size_t end = buf_len(b);
    while (end > 0 && buf_data(b)[end - 1] != ']')
        end--;
    buf_truncate(b, end - 1);
    qmp_agent_write_schema(NULL, &agent);
    buf_add_char(b, ',');
    buf_add(b, buf_data(&agent) + 1, buf_len(&agent) - 1);
}

struct qmp_schema *schema_file_read(const char *path)
{
    return read_schema(path, false);
}

static struct qmp_schema *read_pinned(bool agent)
{
    const char *top = getenv("abs_top_srcdir");
    CLEANUP_FREE char *path = mem_printf("%s/tests/data/schema-7.2.json", top ? top : ".");
    return read_schema(path, agent);
}

struct qmp_schema *schema_file_pinned(void)
{
    return read_pinned(false);
}

struct qmp_schema *schema_file_pinned_all(void)
{
    return read_pinned(true);
}
