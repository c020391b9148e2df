/* A URI: any text. What is accepted comes back equal from what it is written as. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "qmp/uri.h"

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
    uri_format(&u, &out);
    buf_add_char(&out, '\0');
    FUZZ_ASSERT(uri_parse(buf_data(&out), &again, &err) == 0);
    FUZZ_ASSERT(u.kind == again.kind && u.port == again.port);
    FUZZ_ASSERT(same(u.host, again.host) && same(u.path, again.path) && same(u.vm, again.vm));
    return 0;
}
