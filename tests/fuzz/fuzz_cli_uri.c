/* A URI: any text. What is accepted comes back equal from what it is written as. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "qmp/uri.h"

/* The shortest text that means the same. */
static void encode(const char *text, struct buf *out)
{
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f || strchr("%?#@& ", *p))
            buf_printf(out, "%%%02X", (unsigned char)*p);
        else
            buf_add_char(out, *p);
    }
}

static void format_tls(const struct uri *u, struct buf *out)
{
    bool brackets = strchr(u->host, ':') || strchr(u->host, '%');
    buf_add_str(out, "qmps://");
    if (brackets)
        buf_add_char(out, '[');
    encode(u->host, out);
    if (brackets)
        buf_add_char(out, ']');
    if (u->port != URI_DEFAULT_PORT)
        buf_printf(out, ":%u", u->port);
    buf_add_char(out, '/');
    if (u->vm)
        encode(u->vm, out);
}

static void format(const struct uri *u, struct buf *out)
{
    switch (u->kind) {
    case URI_TLS:
        format_tls(u, out);
        break;
    case URI_UNIX:
        buf_add_str(out, "unix:");
        /* two slashes would read as the beginning of a host */
        if (strncmp(u->path, "//", 2) == 0)
            buf_add_str(out, "%2F");
        encode(strncmp(u->path, "//", 2) == 0 ? u->path + 1 : u->path, out);
        if (u->vm) {
            buf_add_str(out, "?vm=");
            encode(u->vm, out);
        }
        break;
    }
}

static int same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *text = mem_strndup((const char *)data, size);
    CLEANUP_URI struct uri u, again;
    CLEANUP_BUF struct buf out = { 0 };
    struct error err;
    if (uri_parse(text, &u, &err) < 0) {
        FUZZ_ASSERT(err.code == ERROR_INVALID && err.text[0]);
        FUZZ_ASSERT(uri_parse(text, &again, NULL) < 0);
        return 0;
    }
    format(&u, &out);
    buf_add_char(&out, '\0');
    FUZZ_ASSERT(uri_parse(buf_data(&out), &again, &err) == 0);
    FUZZ_ASSERT(u.kind == again.kind && u.port == again.port);
    FUZZ_ASSERT(same(u.host, again.host) && same(u.path, again.path) && same(u.vm, again.vm));
    return 0;
}
