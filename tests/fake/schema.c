#include "config.h"
#include "tests/fake/monitor.h"

#include <stdlib.h>
#include "base/mem.h"

static void read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    size_t n;
    do {
        n = fread(buf_reserve(out, 1 << 16), 1, 1 << 16, f);
        buf_commit(out, n);
    } while (n > 0);
    fclose(f);
}

static struct span span_of(const struct buf *b)
{
    return (struct span){ buf_data(b), buf_len(b) };
}

static bool is_string(struct span value, const char *text)
{
    return value.len == strlen(text) + 2 && memcmp(value.data + 1, text, value.len - 2) == 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return memcmp(x->data, y->data, x->len);
}

/* The names of all commands, from the schema's own text. */
static void index_commands(struct monitor *m)
{
    struct span element, array = span_of(&m->schema);
    size_t at = 0, capacity = 0;
    while (fake_json_next(array, &at, &element)) {
        if (!is_string(fake_json_find(element, "meta-type"), "command"))
            continue;
        struct span name = fake_json_find(element, "name");
        mem_grow((void **)&m->names, &capacity, m->n_names + 1, sizeof(*m->names));
        m->names[m->n_names++] = (struct span){ name.data + 1, name.len - 2 };
        buf_add_str(&m->commands, m->n_names > 1 ? ", " : "[");
        BUF_ADD_LIT(&m->commands, "{\"name\": ");
        buf_add_span(&m->commands, name);
        buf_add_char(&m->commands, '}');
    }
    buf_add_char(&m->commands, ']');
    qsort(m->names, m->n_names, sizeof(*m->names), compare_names);
}

/* The file is the value of `return`, or the whole reply, in any white space. */
void schema_load(struct monitor *m)
{
    if (!m->options.schema)
        return;
    CLEANUP_BUF struct buf file = { 0 };
    read_file(m->options.schema, &file);
    struct span text = span_of(&file);
    while (text.len > 0 && strchr(" \t\r\n", text.data[0]))
        text = (struct span){ text.data + 1, text.len - 1 };
    if (text.len > 0 && text.data[0] == '{')
        text = fake_json_find(text, "return");
    if (text.len == 0 || text.data[0] != '[') {
        fprintf(stderr, "fake_monitor: %s: no schema\n", m->options.schema);
        exit(1);
    }
    fake_json_write(&m->schema, text);
    index_commands(m);
}

bool schema_has_command(const struct monitor *m, struct span name)
{
    if (buf_len(&m->schema) == 0)
        return true;
    return bsearch(&name, m->names, m->n_names, sizeof(*m->names), compare_names) != NULL;
}
