#include "config.h"
#include "tests/acl/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"

void cases_load(const char *path, struct buf *out)
{
    const char *top = getenv("abs_top_srcdir");
    CLEANUP_FREE char *full = mem_printf("%s/%s", top ? top : ".", path);
    FILE *f = fopen(full, "rb");
    if (!f) {
        perror(full);
        exit(99);
    }
    size_t n;
    do {
        n = fread(buf_reserve(out, 65536), 1, 65536, f);
        buf_commit(out, n);
    } while (n > 0);
    fclose(f);
    buf_add_char(out, '\0');
}

struct qmp_schema *cases_load_schema(void)
{
    CLEANUP_BUF struct buf text = { 0 };
    cases_load("tests/data/schema-7.2.json", &text);
    struct qmp_schema *schema;
    struct error err;
    if (qmp_schema_parse(buf_data(&text), buf_len(&text) - 1, &schema, &err) < 0) {
        fprintf(stderr, "schema-7.2.json: %s\n", err.text);
        exit(99);
    }
    return schema;
}
