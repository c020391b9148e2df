/* One event for libqmp. Checked besides memory, and what the probes check: data that was read and
 * written is the same when it is read again. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "tests/libqmp/probe.h"

static char *run(const char *json)
{
    struct probe_result r = { 0 };
    int rc = probe_run_event(json, &r);
    FUZZ_ASSERT((rc == 0) == (r.json != NULL) && (rc < 0) == (r.err != NULL));
    qmp_error_free(r.err);
    return r.json;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *json = mem_strndup((const char *)data, size);
    struct qmp_event *event = NULL;
    CLEANUP_FREE char *said = run(json);
    if (!said)
        return 0;
    FUZZ_ASSERT(qmp_event_parse(json, &event, NULL) == 0);
    CLEANUP_FREE char *name = mem_strdup(event->name);
    FUZZ_ASSERT(qmp_event_kind_from_string(name) == event->kind);
    qmp_event_free(event);
    FUZZ_ASSERT(qmp_event_parse_parts(name, 1, 2, said, &event, NULL) == 0);
    FUZZ_ASSERT(event->kind == qmp_event_kind_from_string(name));
    qmp_event_free(event);
    return 0;
}
