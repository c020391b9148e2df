#include "config.h"
#include "tests/qmp/schema_file.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/mem.h"

struct qmp_schema *schema_file_read(const char *path)
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
    if (qmp_schema_parse(buf_data(&b), buf_len(&b), &s, &err) < 0) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        exit(1);
    }
    return s;
}

struct qmp_schema *schema_file_pinned(void)
{
    const char *top = getenv("abs_top_srcdir");
    CLEANUP_FREE char *path = mem_printf("%s/tests/data/schema-7.2.json", top ? top : ".");
    return schema_file_read(path);
}
