/* A VM's schema. Whatever part of it is shown is a schema again: no type is missing, none is
 * there that nothing refers to. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "qmp/schema.h"

static bool every_third(void *opaque, unsigned i)
{
    return i % 3 == *(const unsigned *)opaque;
}

static unsigned count(unsigned n, unsigned rest)
{
    return n / 3 + (n % 3 > rest);
}

static void check_part(const struct qmp_schema *s, unsigned rest)
{
    struct buf out = { 0 };
    struct qmp_schema_filter f = { .command = every_third, .event = every_third, .opaque = &rest };
    unsigned commands = count(qmp_schema_n_commands(s), rest);
    unsigned events = count(qmp_schema_n_events(s), rest);
    qmp_schema_write_filtered(s, &f, &out);
    if (commands + events == 0) {
        FUZZ_ASSERT(buf_len(&out) == 2);
    } else {
        struct qmp_schema *part = NULL;
        FUZZ_ASSERT(qmp_schema_parse(buf_data(&out), buf_len(&out), &part, NULL) == 0);
        FUZZ_ASSERT(qmp_schema_n_commands(part) == commands);
        FUZZ_ASSERT(qmp_schema_n_events(part) == events);
        struct buf again = { 0 };
        qmp_schema_write_filtered(part, &(struct qmp_schema_filter){ 0 }, &again);
        FUZZ_ASSERT(buf_len(&again) == buf_len(&out));
        FUZZ_ASSERT(memcmp(buf_data(&again), buf_data(&out), buf_len(&out)) == 0);
        buf_free(&again);
        qmp_schema_unref(part);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qmp_schema *s = NULL;
    struct error err;
    if (qmp_schema_parse((const char *)data, size, &s, &err) < 0)
        return 0;
    for (unsigned i = 0; i < qmp_schema_n_commands(s); i++) {
        const char *name = qmp_schema_command(s, i)->name;
        FUZZ_ASSERT(qmp_schema_find_command(s, (struct span){ name, strlen(name) }) == (int)i);
    }
    for (unsigned rest = 0; rest < 3; rest++)
        check_part(s, rest);
    qmp_schema_unref(s);
    return 0;
}
