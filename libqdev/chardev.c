#include "config.h"
#include "libqdev/chardev.h"

#include <string.h>
#include "libqdev/problem.h"
#include "libqdev/words.h"

/* --- tables: chardev/char*.c of QEMU 7.2, the functions *_parse ------------------------------- */

enum option_kind {
    OPTION_STRING,
    OPTION_BOOL,
    OPTION_NOT_BOOL, /* is the contrary there */
    OPTION_INT,
    OPTION_SIZE,
};

struct chardev_option {
    const char *name; /* on a command line */
    const char *path; /* in `data`, with dots */
    enum option_kind kind;
    const char *union_path; /* the tag that must be `tag`; or NULL */
    const char *tag;
};

#define IN_UNION(name_, where, path_, kind_, tag_)                                               \
    {                                                                                            \
        .name = name_, .path = where ".data." path_, .kind = kind_, .union_path = where ".type", \
        .tag = tag_                                                                              \
    }
#define END          \
    {                \
        .name = NULL \
    }

static const struct chardev_option common_options[] = {
    { .name = "logfile", .path = "logfile", .kind = OPTION_STRING },
    { .name = "logappend", .path = "logappend", .kind = OPTION_BOOL },
    END,
};
static const struct chardev_option file_options[] = {
    { .name = "path", .path = "out", .kind = OPTION_STRING },
    { .name = "append", .path = "append", .kind = OPTION_BOOL },
    END,
};
static const struct chardev_option device_options[] = {
    { .name = "path", .path = "device", .kind = OPTION_STRING }, END
};
static const struct chardev_option no_options[] = { END };
static const struct chardev_option stdio_options[] = {
    { .name = "signal", .path = "signal", .kind = OPTION_BOOL }, END
};
static const struct chardev_option mux_options[] = {
    { .name = "chardev", .path = "chardev", .kind = OPTION_STRING }, END
};
static const struct chardev_option spicevmc_options[] = {
    { .name = "name", .path = "type", .kind = OPTION_STRING }, END
};
static const struct chardev_option spiceport_options[] = {
    { .name = "name", .path = "fqdn", .kind = OPTION_STRING }, END
};
static const struct chardev_option dbus_options[] = {
    { .name = "name", .path = "name", .kind = OPTION_STRING }, END
};
static const struct chardev_option ringbuf_options[] = {
    { .name = "size", .path = "size", .kind = OPTION_SIZE }, END
};
static const struct chardev_option agent_options[] = {
    { .name = "mouse", .path = "mouse", .kind = OPTION_BOOL },
    { .name = "clipboard", .path = "clipboard", .kind = OPTION_BOOL },
    END,
};
static const struct chardev_option vc_options[] = {
    { .name = "width", .path = "width", .kind = OPTION_INT },
    { .name = "height", .path = "height", .kind = OPTION_INT },
    { .name = "cols", .path = "cols", .kind = OPTION_INT },
    { .name = "rows", .path = "rows", .kind = OPTION_INT },
    END,
};
static const struct chardev_option socket_options[] = {
    IN_UNION("path", "addr", "path", OPTION_STRING, "unix"),
    IN_UNION("abstract", "addr", "abstract", OPTION_BOOL, "unix"),
    IN_UNION("tight", "addr", "tight", OPTION_BOOL, "unix"),
    IN_UNION("host", "addr", "host", OPTION_STRING, "inet"),
    IN_UNION("port", "addr", "port", OPTION_STRING, "inet"),
    IN_UNION("to", "addr", "to", OPTION_INT, "inet"),
    IN_UNION("ipv4", "addr", "ipv4", OPTION_BOOL, "inet"),
    IN_UNION("ipv6", "addr", "ipv6", OPTION_BOOL, "inet"),
    IN_UNION("fd", "addr", "str", OPTION_STRING, "fd"),
    { .name = "server", .path = "server", .kind = OPTION_BOOL },
    { .name = "wait", .path = "wait", .kind = OPTION_BOOL },
    { .name = "delay", .path = "nodelay", .kind = OPTION_NOT_BOOL },
    { .name = "telnet", .path = "telnet", .kind = OPTION_BOOL },
    { .name = "tn3270", .path = "tn3270", .kind = OPTION_BOOL },
    { .name = "websocket", .path = "websocket", .kind = OPTION_BOOL },
    { .name = "reconnect", .path = "reconnect", .kind = OPTION_INT },
    { .name = "tls-creds", .path = "tls-creds", .kind = OPTION_STRING },
    { .name = "tls-authz", .path = "tls-authz", .kind = OPTION_STRING },
    END,
};
static const struct chardev_option udp_options[] = {
    IN_UNION("host", "remote", "host", OPTION_STRING, "inet"),
    IN_UNION("port", "remote", "port", OPTION_STRING, "inet"),
    IN_UNION("ipv4", "remote", "ipv4", OPTION_BOOL, "inet"),
    IN_UNION("ipv6", "remote", "ipv6", OPTION_BOOL, "inet"),
    IN_UNION("localaddr", "local", "host", OPTION_STRING, "inet"),
    IN_UNION("localport", "local", "port", OPTION_STRING, "inet"),
    END,
};

struct backend {
    const char *name;
    const struct chardev_option *options;
    const char *there; /* its name in chardev-add, or NULL: the same */
};

static const struct backend backends[] = {
    { .name = "braille", .options = no_options },
    { .name = "console", .options = no_options },
    { .name = "dbus", .options = dbus_options },
    { .name = "file", .options = file_options },
    { .name = "memory", .options = ringbuf_options },
    { .name = "msmouse", .options = no_options },
    { .name = "mux", .options = mux_options },
    { .name = "null", .options = no_options },
    { .name = "parallel", .options = device_options },
    { .name = "parport", .options = device_options, .there = "parallel" },
    { .name = "pipe", .options = device_options },
    { .name = "pty", .options = no_options },
    { .name = "qemu-vdagent", .options = agent_options },
    { .name = "ringbuf", .options = ringbuf_options },
    { .name = "serial", .options = device_options },
    { .name = "socket", .options = socket_options },
    { .name = "spiceport", .options = spiceport_options },
    { .name = "spicevmc", .options = spicevmc_options },
    { .name = "stdio", .options = stdio_options },
    { .name = "testdev", .options = no_options },
    { .name = "tty", .options = device_options, .there = "serial" },
    { .name = "udp", .options = udp_options },
    { .name = "vc", .options = vc_options },
    { .name = "wctablet", .options = no_options },
};

static const struct backend *find_backend(const char *name, struct qdev_error **err)
{
    for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
        if (strcmp(backends[i].name, name) == 0)
            return &backends[i];
    }
    qdev_problem(err, QDEV_ERROR_FORM, "chardev-add: what '%.*s' is there is not known",
                 SHOWN(span_of(name)));
    return NULL;
}

/* --- paths ------------------------------------------------------------------------------------ */

static struct span cut_path(struct span *rest)
{
    const char *dot = memchr(rest->data, '.', rest->len);
    struct span part = { rest->data, dot ? (size_t)(dot - rest->data) : rest->len };
    *rest = dot ? (struct span){ dot + 1, rest->len - part.len - 1 } : (struct span){ NULL, 0 };
    return part;
}

static struct qdev_value *find_at(const struct qdev *q, const char *path)
{
    struct qdev_value *v = q->members;
    for (struct span rest = span_of(path); v && rest.data;)
        v = v->kind == QDEV_OBJECT_VALUE ? value_find(v, cut_path(&rest)) : NULL;
    return v;
}

/* The object that the path's last name belongs into, made on the way. */
static struct qdev_value *open_path(struct qdev *q, const char *path, struct span *last,
                                    struct qdev_error **err)
{
    struct qdev_value *in = q->members;
    struct span rest = span_of(path);
    for (;;) {
        struct span part = cut_path(&rest);
        if (!rest.data) {
            *last = part;
            return in;
        }
        struct qdev_value *next = value_find(in, part);
        in = next ? next : value_put(in, part, QDEV_OBJECT_VALUE, err);
        if (!in)
            return NULL;
    }
}

static int put_text_at(struct qdev *q, const char *path, const char *text, struct qdev_error **err)
{
    struct span last;
    struct qdev_value *in = open_path(q, path, &last, err);
    return in && value_put_text(in, last, QDEV_STRING, span_of(text), err) ? 0 : -1;
}

static int put_bool_at(struct qdev *q, const char *path, bool value, struct qdev_error **err)
{
    struct span last;
    struct qdev_value *in = open_path(q, path, &last, err);
    struct qdev_value *v = in ? value_put(in, last, QDEV_BOOL, err) : NULL;
    if (!v)
        return -1;
    v->u.boolean = value;
    return 0;
}

/* --- options to data -------------------------------------------------------------------------- */

static const struct chardev_option *option_named(const struct chardev_option *o, const char *name)
{
    while (o->name && strcmp(o->name, name) != 0)
        o++;
    return o->name ? o : NULL;
}

static int wrong_value(const struct chardev_option *o, const char *what, struct qdev_error **err)
{
    return qdev_problem(err, QDEV_ERROR_FORM, "chardev-add: '%s' must be %s", o->name, what);
}

static int put_string(struct qdev *data, const struct chardev_option *o, const struct qdev_value *v,
                      struct qdev_error **err)
{
    CLEANUP_BUF struct buf text = { 0 };
    if (!value_add_text(v, &text))
        return wrong_value(o, "text", err);
    buf_add_char(&text, '\0');
    return put_text_at(data, o->path, buf_data(&text), err);
}

static int put_number(struct qdev *data, const struct chardev_option *o, const struct qdev_value *v,
                      struct qdev_error **err)
{
    struct span last;
    int64_t number;
    uint64_t size;
    if (o->kind == OPTION_SIZE && qdev_value_size(v, &size) && size <= INT64_MAX)
        number = (int64_t)size;
    else if (!qdev_value_int(v, &number))
        return wrong_value(o, "an integer", err);
    struct qdev_value *in = open_path(data, o->path, &last, err);
    struct qdev_value *to = in ? value_put(in, last, QDEV_INT, err) : NULL;
    if (!to)
        return -1;
    to->u.integer = number;
    return 0;
}

static int put_option(struct qdev *data, const struct chardev_option *o, const struct qdev_value *v,
                      struct qdev_error **err)
{
    bool value;
    if (o->kind == OPTION_STRING)
        return put_string(data, o, v, err);
    if (o->kind == OPTION_INT || o->kind == OPTION_SIZE)
        return put_number(data, o, v, err);
    if (!qdev_value_bool(v, &value))
        return wrong_value(o, "on or off", err);
    return put_bool_at(data, o->path, value != (o->kind == OPTION_NOT_BOOL), err);
}

static int put_tag(struct qdev *data, const struct chardev_option *o, struct qdev_error **err)
{
    const struct qdev_value *tag = find_at(data, o->union_path);
    if (!tag)
        return put_text_at(data, o->union_path, o->tag, err);
    if (strcmp(tag->u.text, o->tag) == 0)
        return 0;
    return qdev_problem(err, QDEV_ERROR_FORM, "chardev-add: '%s' does not go with an address of %s",
                        o->name, tag->u.text);
}

static int default_text(struct qdev *data, const char *path, const char *text, bool empty_too,
                        struct qdev_error **err)
{
    const struct qdev_value *v = find_at(data, path);
    return v && !(empty_too && *v->u.text == '\0') ? 0 : put_text_at(data, path, text, err);
}

/* A command line's defaults where those of QMP differ, or where QMP has none. */
static int add_defaults(struct qdev *data, struct qdev_error **err)
{
    bool server = false;
    if (strcmp(data->type, "socket") == 0) {
        if (!find_at(data, "server") && put_bool_at(data, "server", false, err) < 0)
            return -1;
        (void)!qdev_value_bool(find_at(data, "server"), &server);
        return server && !find_at(data, "wait") ? put_bool_at(data, "wait", true, err) : 0;
    }
    if (strcmp(data->type, "udp") != 0)
        return 0;
    if (default_text(data, "remote.type", "inet", false, err) < 0 ||
        default_text(data, "remote.data.host", "localhost", true, err) < 0)
        return -1;
    return !find_at(data, "local") ? 0
           : default_text(data, "local.data.host", "", false, err) < 0
               ? -1
               : default_text(data, "local.data.port", "0", true, err);
}

static int put_member(struct qdev *data, const struct backend *b, const struct qdev_value *v,
                      struct qdev_error **err)
{
    const struct chardev_option *o = option_named(b->options, v->name);
    if (!o)
        o = option_named(common_options, v->name);
    if (!o)
        return qdev_problem(err, QDEV_ERROR_FORM, "chardev-add: '%s' has no '%.*s' that is known",
                            b->name, SHOWN(span_of(v->name)));
    if (o->union_path && put_tag(data, o, err) < 0)
        return -1;
    return put_option(data, o, v, err);
}

struct qdev *chardev_to_data(const struct qdev *q, struct qdev_error **err)
{
    const struct backend *b = find_backend(q->type, err);
    if (!b)
        return NULL;
    struct qdev *data =
        device_new(QDEV_CHARDEV, span_of(b->there ? b->there : b->name), NO_NAME, err);
    for (size_t i = 0; data && i < q->members->u.parts.n; i++) {
        if (put_member(data, b, q->members->u.parts.items[i], err) < 0) {
            qdev_free(data);
            return NULL;
        }
    }
    if (data && add_defaults(data, err) < 0) {
        qdev_free(data);
        return NULL;
    }
    return data;
}

/* --- data to options -------------------------------------------------------------------------- */

static const struct chardev_option *option_at(const struct chardev_option *o, struct span path)
{
    while (o->name && !word_is(path, o->path))
        o++;
    return o->name ? o : NULL;
}

static bool is_tag_path(const struct chardev_option *o, struct span path)
{
    for (; o->name; o++) {
        if (o->union_path && word_is(path, o->union_path))
            return true;
    }
    return false;
}

static bool fits(const struct chardev_option *o, const struct qdev_value *v)
{
    switch (o->kind) {
    case OPTION_STRING:
        return v->kind == QDEV_STRING;
    case OPTION_BOOL:
    case OPTION_NOT_BOOL:
        return v->kind == QDEV_BOOL;
    case OPTION_INT:
    case OPTION_SIZE:
        return v->kind == QDEV_INT;
    }
    return false;
}

struct translation {
    const struct backend *backend;
    const struct qdev *data;
    struct qdev *q;
    struct buf path;
    struct qdev_error **err;
};

static int no_option(struct translation *t, const char *why)
{
    struct span path = { buf_data(&t->path), buf_len(&t->path) };
    return qdev_problem(t->err, QDEV_ERROR_SYNTAX, "chardev-add: '%s': '%.*s' %s", t->backend->name,
                        SHOWN(path), why);
}

static int take_leaf(struct translation *t, const struct qdev_value *v)
{
    struct span path = { buf_data(&t->path), buf_len(&t->path) };
    const struct chardev_option *o = option_at(t->backend->options, path);
    if (!o && is_tag_path(t->backend->options, path))
        return v->kind == QDEV_STRING ? 0 : no_option(t, "must be a string");
    if (!o)
        o = option_at(common_options, path);
    if (!o)
        return no_option(t, "has no option of a command line");
    if (!fits(o, v))
        return no_option(t, "has a value of another type");
    const struct qdev_value *tag = o->union_path ? find_at(t->data, o->union_path) : NULL;
    if (o->union_path && (!tag || tag->kind != QDEV_STRING || strcmp(tag->u.text, o->tag) != 0))
        return no_option(t, "does not go with that type of address");
    struct qdev_value *to = value_put_copy(t->q->members, span_of(o->name), v, t->err);
    if (to && o->kind == OPTION_NOT_BOOL)
        to->u.boolean = !to->u.boolean;
    return to ? 0 : -1;
}

static int take_object(struct translation *t, const struct qdev_value *object)
{
    size_t outer = buf_len(&t->path);
    for (size_t i = 0; i < object->u.parts.n; i++) {
        const struct qdev_value *v = object->u.parts.items[i];
        if (strchr(v->name, '.'))
            return no_option(t, "has a member with a dot in its name");
        if (outer > 0)
            buf_add_char(&t->path, '.');
        buf_add_str(&t->path, v->name);
        if (v->depth > 3)
            return no_option(t, "is too deep");
        if (v->kind == QDEV_OBJECT_VALUE) {
            if (take_object(t, v) < 0)
                return -1;
        } else if (take_leaf(t, v) < 0) {
            return -1;
        }
        buf_truncate(&t->path, outer);
    }
    return 0;
}

/* QMP's defaults where those of a command line differ. */
static int write_defaults_out(struct translation *t)
{
    struct qdev_value *members = t->q->members;
    bool server = true;
    if (strcmp(t->backend->name, "socket") != 0)
        return 0;
    const struct qdev_value *v = qdev_value_get(members, "server");
    if (v)
        server = v->u.boolean;
    else if (qdev_set_bool(members, "server", true, t->err) < 0)
        return -1;
    return server && !qdev_value_get(members, "wait")
               ? qdev_set_bool(members, "wait", false, t->err)
               : 0;
}

/* Is all that is in `a` in `b` too? */
static bool is_within(const struct qdev_value *a, const struct qdev_value *b)
{
    if (a->kind != QDEV_OBJECT_VALUE || b->kind != QDEV_OBJECT_VALUE)
        return value_equal(a, b);
    for (size_t i = 0; i < a->u.parts.n; i++) {
        const struct qdev_value *x = a->u.parts.items[i], *y = value_find(b, span_of(x->name));
        if (!y || !is_within(x, y))
            return false;
    }
    return true;
}

/* What no option stands for (a tag alone, an object without members) would be lost. */
static int check_all_is_there(struct translation *t)
{
    CLEANUP(cleanup_qdev) struct qdev *again = chardev_to_data(t->q, t->err);
    if (!again)
        return -1;
    if (strcmp(again->type, t->data->type) == 0 && is_within(t->data->members, again->members))
        return 0;
    return qdev_problem(t->err, QDEV_ERROR_SYNTAX,
                        "chardev-add: '%s': no options of a command line say this",
                        t->backend->name);
}

struct qdev *chardev_from_data(const struct qdev *data, struct qdev_error **err)
{
    struct translation t = { .backend = find_backend(data->type, err), .data = data, .err = err };
    if (!t.backend)
        return NULL;
    t.q = device_new(QDEV_CHARDEV, span_of(data->type), span_of(data->id), err);
    bool good = t.q && take_object(&t, data->members) == 0 && write_defaults_out(&t) == 0 &&
                check_all_is_there(&t) == 0;
    buf_free(&t.path);
    if (good)
        return t.q;
    qdev_free(t.q);
    return NULL;
}
