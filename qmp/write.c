#include "config.h"
#include "qmp/write.h"

#include <string.h>
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"

const char *qmp_error_class_name(enum qmp_error_class c)
{
    static const char *const names[] = {
        [QMP_ERROR_GENERIC] = "GenericError",
        [QMP_ERROR_COMMAND_NOT_FOUND] = "CommandNotFound",
        [QMP_ERROR_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
        [QMP_ERROR_DEVICE_NOT_FOUND] = "DeviceNotFound",
        [QMP_ERROR_KVM_MISSING_CAP] = "KVMMissingCap",
    };
    return names[c];
}

/* --- values ----------------------------------------------------------------------------------- */

/* The raw text of one valid value, without white space outside strings. */
static void write_raw(struct buf *b, struct span raw)
{
    const char *p = raw.data;
    const char *end = p + raw.len;
    while (p < end) {
        const char *run = p;
        while (p < end && *p != '"' && *p != ' ' && *p != '\t' && *p != '\r' && *p != '\n')
            p++;
        if (p < end && *p == '"') {
            do
                p += *p == '\\' ? 2 : 1;
            while (*p != '"');
            p++;
        }
        buf_add(b, run, (size_t)(p - run));
        while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
            p++;
    }
}

void qmp_write_verbatim(struct buf *b, const struct qmp_tape *t, uint32_t token)
{
    write_raw(b, qmp_tape_raw(t, token));
}

static void write_string(struct buf *b, const struct qmp_tape *t, uint32_t token)
{
    struct span s = qmp_tape_string(t, token);
    buf_add_json_string(b, s.data, s.len);
}

/* The containers that are open while a value is written. */
struct open_containers {
    uint32_t few[LIMIT_REQUEST_DEPTH];
    uint32_t *tokens; /* `few`, or owned if that was not enough */
    size_t capacity;
    size_t depth;
};

static void cleanup_open(struct open_containers *o)
{
    if (o->tokens != o->few)
        free(o->tokens);
}

static void push(struct open_containers *o, uint32_t token)
{
    if (o->depth == o->capacity) {
        uint32_t *more = mem_zalloc_array(o->capacity * 2, sizeof(*more));
        memcpy(more, o->tokens, o->depth * sizeof(*more));
        cleanup_open(o);
        o->tokens = more;
        o->capacity *= 2;
    }
    o->tokens[o->depth++] = token;
}

/* The value's beginning: all of a scalar, a container's opening bracket. */
static void write_begin(struct buf *b, const struct qmp_tape *t, uint32_t token,
                        struct open_containers *open)
{
    enum qmp_kind kind = qmp_tape_kind(t, token);
    if (kind == QMP_KIND_STRING) {
        write_string(b, t, token);
    } else if (kind > QMP_KIND_ARRAY || t->tokens[token].folded) {
        write_raw(b, qmp_tape_raw(t, token)); /* a number as it was written */
    } else {
        buf_add_char(b, kind == QMP_KIND_OBJECT ? '{' : '[');
        push(open, token);
    }
}

void qmp_write_value(struct buf *b, const struct qmp_tape *t, uint32_t token)
{
    CLEANUP(cleanup_open)
    struct open_containers open = { .capacity = LIMIT_REQUEST_DEPTH };
    open.tokens = open.few;

    uint32_t i = token;
    write_begin(b, t, i++, &open);
    while (open.depth > 0) {
        uint32_t around = open.tokens[open.depth - 1];
        bool object = qmp_tape_kind(t, around) == QMP_KIND_OBJECT;
        if (i >= t->tokens[around].next) {
            buf_add_char(b, object ? '}' : ']');
            open.depth--;
            continue;
        }
        if (i > around + 1)
            buf_add_char(b, ',');
        if (object) {
            write_string(b, t, i++);
            buf_add_char(b, ':');
        }
        write_begin(b, t, i++, &open);
    }
}

/* --- messages --------------------------------------------------------------------------------- */

void qmp_write_request(struct buf *b, const struct qmp_tape *t, const struct qmp_request *r,
                       unsigned upstream_id)
{
    buf_add_str(b, r->oob ? "{\"exec-oob\":" : "{\"execute\":");
    write_string(b, t, r->command);
    if (r->arguments != QMP_NONE) {
        BUF_ADD_LIT(b, ",\"arguments\":");
        qmp_write_value(b, t, r->arguments);
    }
    if (upstream_id) {
        BUF_ADD_LIT(b, ",\"id\":");
        buf_add_uint(b, upstream_id);
    }
    BUF_ADD_LIT(b, "}\n");
}

void qmp_write_return(struct buf *b, struct span value, struct span id)
{
    BUF_ADD_LIT(b, "{\"return\": ");
    buf_add_span(b, value);
    if (id.len) {
        BUF_ADD_LIT(b, ", \"id\": ");
        buf_add_span(b, id);
    }
    BUF_ADD_LIT(b, "}\r\n");
}

static void begin_error(struct buf *b, struct span id)
{
    buf_add_char(b, '{');
    if (id.len) {
        BUF_ADD_LIT(b, "\"id\": ");
        buf_add_span(b, id);
        BUF_ADD_LIT(b, ", ");
    }
    BUF_ADD_LIT(b, "\"error\": ");
}

void qmp_write_error(struct buf *b, enum qmp_error_class c, struct span desc, struct span id)
{
    begin_error(b, id);
    BUF_ADD_LIT(b, "{\"class\": \"");
    buf_add_str(b, qmp_error_class_name(c));
    BUF_ADD_LIT(b, "\", \"desc\": ");
    buf_add_json_string(b, desc.data, desc.len);
    BUF_ADD_LIT(b, "}}\r\n");
}

void qmp_write_error_object(struct buf *b, struct span object, struct span id)
{
    begin_error(b, id);
    buf_add_span(b, object);
    BUF_ADD_LIT(b, "}\r\n");
}

void qmp_write_event(struct buf *b, struct span timestamp, struct span name_json, struct span data)
{
    BUF_ADD_LIT(b, "{\"timestamp\": ");
    buf_add_span(b, timestamp);
    BUF_ADD_LIT(b, ", \"event\": ");
    buf_add_span(b, name_json);
    if (data.len) {
        BUF_ADD_LIT(b, ", \"data\": ");
        buf_add_span(b, data);
    }
    BUF_ADD_LIT(b, "}\r\n");
}

void qmp_write_gateway_event(struct buf *b, const char *name, struct span data, int64_t utc_us)
{
    CLEANUP_BUF struct buf timestamp = { 0 };
    CLEANUP_BUF struct buf name_json = { 0 };
    BUF_ADD_LIT(&timestamp, "{\"seconds\": ");
    buf_add_int(&timestamp, utc_us / USEC_PER_SEC);
    BUF_ADD_LIT(&timestamp, ", \"microseconds\": ");
    buf_add_int(&timestamp, utc_us % USEC_PER_SEC);
    buf_add_char(&timestamp, '}');
    buf_add_json_string(&name_json, name, strlen(name));
    qmp_write_event(b, (struct span){ buf_data(&timestamp), buf_len(&timestamp) },
                    (struct span){ buf_data(&name_json), buf_len(&name_json) }, data);
}
