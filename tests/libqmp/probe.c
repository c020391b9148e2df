#include "config.h"
#include "tests/libqmp/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"

void probe_fail(const char *what)
{
    fprintf(stderr, "probe: %s\n", what);
    abort();
}

char *probe_quote(const char *text)
{
    CLEANUP_BUF struct buf b = { 0 };
    buf_add_json_string(&b, text, strlen(text));
    return mem_strndup(buf_data(&b), buf_len(&b));
}

char *probe_same(const char *text)
{
    return mem_strdup(text);
}

char *probe_message(const struct qmp_msg *msg)
{
    if (strlen(qmp_msg_json(msg)) != qmp_msg_length(msg))
        probe_fail("a message's length is not that of its text");
    return mem_strdup(qmp_msg_json(msg));
}

const struct probe_command *probe_find_command(const char *name)
{
    const struct probe_command *c = probe_commands;
    while (c->name && strcmp(c->name, name) != 0)
        c++;
    return c->name ? c : NULL;
}

int probe_run_event(const char *json, struct probe_result *result)
{
    struct qmp_event *event = NULL;
    const struct probe_event *e = probe_events;
    int rc = 0;
    if (qmp_event_parse(json, &event, &result->err) < 0)
        return -1;
    while (e->name && strcmp(e->name, event->name) != 0)
        e++;
    if (e->kind != event->kind)
        probe_fail("an event has the wrong kind");
    if (e->data)
        rc = e->data(event, result);
    else
        result->json = probe_same(event->data ? event->data : "{}");
    qmp_event_free(event);
    return rc;
}
