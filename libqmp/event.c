#include "config.h"
#include "libqmp/command.h"

#include <string.h>
#include "base/mem.h"
#include "libqmp/number.h"
#include "qmp/scan.h"
#include "qmp/write.h"

/* {} */
static const struct qmp_token no_members = { .kind = QMP_KIND_OBJECT, .next = 1 };
static const struct qmp_tape empty = { .text = "", .tokens = &no_members, .n_tokens = 1 };

static int not_an_event(const char *what, struct qmp_error **err)
{
    return problem_set(err, QMP_ERROR_KIND_REPLY, QMP_OUTCOME_UNKNOWN, "the event %s", what);
}

static char *copy_json(const struct qmp_tape *t, uint32_t token)
{
    CLEANUP_BUF struct buf b = { 0 };
    qmp_write_value(&b, t, token);
    return mem_strndup(buf_data(&b), buf_len(&b));
}

/* What the event says, or QMP_NONE. Without data it says an empty object. */
static int read_data(const struct codec_events *events, struct codec_event *event,
                     const struct qmp_tape *t, uint32_t data, struct qmp_error **err)
{
    const struct codec_type *type = event->kind ? events->types[event->kind] : NULL;
    if (data != QMP_NONE && qmp_tape_kind(t, data) != QMP_KIND_OBJECT)
        return not_an_event("has data that is no object", err);
    if (type && data == QMP_NONE)
        return codec_read(type, &empty, 0, &event->u, event->name, QMP_ERROR_KIND_REPLY, err);
    if (type)
        return codec_read(type, t, data, &event->u, event->name, QMP_ERROR_KIND_REPLY, err);
    if (event->kind == 0 && data != QMP_NONE)
        event->data = copy_json(t, data);
    return 0;
}

static struct codec_event *new_event(const struct codec_events *events, struct span name)
{
    struct codec_event *event = MEM_NEW(struct codec_event);
    event->name = mem_strndup(name.data, name.len);
    event->kind = codec_enum_from_string(events->kinds, event->name);
    return event;
}

static bool read_time(const struct qmp_tape *t, uint32_t timestamp, struct span name, int64_t *out)
{
    uint32_t token = qmp_tape_find(t, timestamp, name);
    return token != QMP_NONE && qmp_tape_int64(t, token, out);
}

static int read_event(const struct codec_events *events, const struct qmp_tape *t,
                      struct codec_event **out, struct qmp_error **err)
{
    if (qmp_tape_kind(t, 0) != QMP_KIND_OBJECT)
        return not_an_event("is no object", err);
    uint32_t name = qmp_tape_find(t, 0, SPAN_LIT("event"));
    uint32_t timestamp = qmp_tape_find(t, 0, SPAN_LIT("timestamp"));
    if (name == QMP_NONE || qmp_tape_kind(t, name) != QMP_KIND_STRING)
        return not_an_event("has no name", err);
    struct span text = qmp_tape_string(t, name);
    if (text.len && memchr(text.data, '\0', text.len))
        return not_an_event("has a name with a NUL in it", err);
    struct codec_event *event = new_event(events, text);
    *out = event;
    if (timestamp == QMP_NONE || qmp_tape_kind(t, timestamp) != QMP_KIND_OBJECT ||
        !read_time(t, timestamp, SPAN_LIT("seconds"), &event->seconds) ||
        !read_time(t, timestamp, SPAN_LIT("microseconds"), &event->microseconds))
        return not_an_event("has no timestamp", err);
    return read_data(events, event, t, qmp_tape_find(t, 0, SPAN_LIT("data")), err);
}

/* Gives the event out if it is good. */
static int settle(const struct codec_events *events, int rc, struct codec_event *event,
                  struct codec_event **out)
{
    if (rc < 0) {
        codec_event_free(events, event);
        event = NULL;
    }
    *out = event;
    return rc;
}

int codec_event_parse(const struct codec_events *events, const char *json, struct codec_event **out,
                      struct qmp_error **err)
{
    struct codec_event *event = NULL;
    *out = NULL;
    struct qmp_scanner *s = codec_scan(json, QMP_ERROR_KIND_REPLY, err);
    if (!s)
        return -1;
    int rc = read_event(events, qmp_scanner_tape(s), &event, err);
    qmp_scanner_free(s);
    return settle(events, rc, event, out);
}

int codec_event_parse_parts(const struct codec_events *events, const char *name, int64_t seconds,
                            int64_t microseconds, const char *data, struct codec_event **out,
                            struct qmp_error **err)
{
    *out = NULL;
    struct qmp_scanner *s = data ? codec_scan(data, QMP_ERROR_KIND_REPLY, err) : NULL;
    if (data && !s)
        return -1;
    struct codec_event *event = new_event(events, (struct span){ name, strlen(name) });
    event->seconds = seconds;
    event->microseconds = microseconds;
    int rc = read_data(events, event, s ? qmp_scanner_tape(s) : &empty, s ? 0 : QMP_NONE, err);
    qmp_scanner_free(s);
    return settle(events, rc, event, out);
}

void codec_event_free(const struct codec_events *events, struct codec_event *event)
{
    if (!event)
        return;
    if (event->kind && events->types[event->kind])
        codec_clear(events->types[event->kind], &event->u);
    free(event->name);
    free(event->data);
    free(event);
}
