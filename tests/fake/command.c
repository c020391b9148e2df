#include "config.h"
#include "tests/fake/monitor.h"

#include <utlist.h>
#include "base/clock.h"

#define FAKE_VERSION \
    "{\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, \"package\": \"fake_monitor\"}"
#define WRONG_ID 4242

/* --- answers as QEMU writes them -------------------------------------------------------------- */

void command_greet(struct client *c)
{
    const struct fake_options *o = &c->vm->monitor->options;
    if (o->no_greeting)
        return;
    if (o->garbage_greeting)
        BUF_ADD_LIT(&c->out, "SSH-2.0-not_qmp {]\r\n");
    else
        buf_printf(&c->out,
                   "{\"QMP\": {\"version\": " FAKE_VERSION ", \"capabilities\": [%s]}}\r\n",
                   o->no_oob ? "" : "\"oob\"");
}

static void add_return(struct buf *out, struct span value, struct span id)
{
    BUF_ADD_LIT(out, "{\"return\": ");
    buf_add_span(out, value);
    if (id.len > 0) {
        BUF_ADD_LIT(out, ", \"id\": ");
        fake_json_write(out, id);
    }
    BUF_ADD_LIT(out, "}\r\n");
}

static void add_error(struct buf *out, const char *class, const char *desc, struct span id)
{
    buf_add_char(out, '{');
    if (id.len > 0) {
        BUF_ADD_LIT(out, "\"id\": ");
        fake_json_write(out, id);
        BUF_ADD_LIT(out, ", ");
    }
    buf_printf(out, "\"error\": {\"class\": \"%s\", \"desc\": ", class);
    buf_add_json_string(out, desc, strlen(desc));
    BUF_ADD_LIT(out, "}}\r\n");
}

void command_event(struct buf *out, const char *name, const char *data)
{
    int64_t now = clock_utc_us();
    buf_printf(out,
               "{\"timestamp\": {\"seconds\": %lld, \"microseconds\": %lld}, \"event\": \"%s\"",
               (long long)(now / USEC_PER_SEC), (long long)(now % USEC_PER_SEC), name);
    if (data)
        buf_printf(out, ", \"data\": %s", data);
    BUF_ADD_LIT(out, "}\r\n");
}

static void emit(struct client *c, const char *name, const char *data)
{
    struct client *each;
    DL_FOREACH (c->vm->clients, each) {
        if (!each->negotiated)
            continue;
        command_event(&each->out, name, data);
        if (each != c)
            client_wake(each);
    }
}

/* --- commands --------------------------------------------------------------------------------- */

typedef void command_fn(struct client *c, const struct fake_request *r, struct buf *out);

static void run_capabilities(struct client *c, const struct fake_request *r, struct buf *out)
{
    struct span enable = { NULL, 0 }, element;
    if (r->arguments.len > 0)
        enable = fake_json_find(r->arguments, "enable");
    for (size_t at = 0; enable.len > 0 && fake_json_next(enable, &at, &element);)
        c->oob |= element.len == 5 && memcmp(element.data, "\"oob\"", 5) == 0;
    c->negotiated = true;
    add_return(out, SPAN_LIT("{}"), r->id);
}

static void run_status(struct client *c, const struct fake_request *r, struct buf *out)
{
    static const struct span running =
        SPAN_LIT("{\"status\": \"running\", \"singlestep\": false, \"running\": true}");
    static const struct span paused =
        SPAN_LIT("{\"status\": \"paused\", \"singlestep\": false, \"running\": false}");
    add_return(out, c->vm->paused ? paused : running, r->id);
}

static void run_name(struct client *c, const struct fake_request *r, struct buf *out)
{
    const char *name = c->vm->monitor->options.name;
    CLEANUP_BUF struct buf value = { 0 };
    buf_add_char(&value, '{');
    if (name) {
        BUF_ADD_LIT(&value, "\"name\": ");
        buf_add_json_string(&value, name, strlen(name));
    }
    buf_add_char(&value, '}');
    add_return(out, (struct span){ buf_data(&value), buf_len(&value) }, r->id);
}

static void run_uuid(struct client *c, const struct fake_request *r, struct buf *out)
{
    char value[128];
    int n = snprintf(value, sizeof(value), "{\"UUID\": \"%.64s\"}", c->vm->monitor->options.uuid);
    add_return(out, (struct span){ value, (size_t)n }, r->id);
}

static void run_version(struct client *c, const struct fake_request *r, struct buf *out)
{
    add_return(out, SPAN_LIT(FAKE_VERSION), r->id);
}

static void run_schema(struct client *c, const struct fake_request *r, struct buf *out)
{
    const struct buf *schema = &c->vm->monitor->schema;
    if (buf_len(schema) == 0)
        add_return(out, SPAN_LIT("[]"), r->id);
    else
        add_return(out, (struct span){ buf_data(schema), buf_len(schema) }, r->id);
}

static void run_commands(struct client *c, const struct fake_request *r, struct buf *out)
{
    const struct buf *commands = &c->vm->monitor->commands;
    if (buf_len(commands) == 0)
        add_return(out, SPAN_LIT("[]"), r->id);
    else
        add_return(out, (struct span){ buf_data(commands), buf_len(commands) }, r->id);
}

static void set_paused(struct client *c, const struct fake_request *r, struct buf *out, bool paused)
{
    if (c->vm->paused != paused)
        emit(c, paused ? "STOP" : "RESUME", NULL);
    c->vm->paused = paused;
    add_return(out, SPAN_LIT("{}"), r->id);
}

static void run_stop(struct client *c, const struct fake_request *r, struct buf *out)
{
    set_paused(c, r, out, true);
}

static void run_cont(struct client *c, const struct fake_request *r, struct buf *out)
{
    set_paused(c, r, out, false);
}

static void run_powerdown(struct client *c, const struct fake_request *r, struct buf *out)
{
    emit(c, "POWERDOWN", NULL);
    add_return(out, SPAN_LIT("{}"), r->id);
}

static void run_quit(struct client *c, const struct fake_request *r, struct buf *out)
{
    struct client *each;
    emit(c, "SHUTDOWN", "{\"guest\": false, \"reason\": \"host-qmp-quit\"}");
    add_return(out, SPAN_LIT("{}"), r->id);
    DL_FOREACH (c->vm->clients, each) {
        each->closing = true;
        if (each != c)
            client_wake(each);
    }
    vm_quit(c->vm);
}

static void run_nothing(struct client *c, const struct fake_request *r, struct buf *out)
{
    add_return(out, SPAN_LIT("{}"), r->id);
}

static const struct command {
    struct span name;
    command_fn *run;
    bool oob;
} commands[] = {
    { .name = SPAN_LIT("query-status"), .run = run_status },
    { .name = SPAN_LIT("query-name"), .run = run_name },
    { .name = SPAN_LIT("query-uuid"), .run = run_uuid },
    { .name = SPAN_LIT("query-version"), .run = run_version },
    { .name = SPAN_LIT("stop"), .run = run_stop },
    { .name = SPAN_LIT("cont"), .run = run_cont },
    { .name = SPAN_LIT("query-qmp-schema"), .run = run_schema },
    { .name = SPAN_LIT("query-commands"), .run = run_commands },
    { .name = SPAN_LIT("system_powerdown"), .run = run_powerdown },
    { .name = SPAN_LIT("quit"), .run = run_quit },
    { .name = SPAN_LIT("qmp_capabilities"), .run = run_capabilities },
    { .name = SPAN_LIT("query-yank"), .run = run_nothing, .oob = true },
    { .name = SPAN_LIT("yank"), .run = run_nothing, .oob = true },
    { .name = SPAN_LIT("migrate-pause"), .run = run_nothing, .oob = true },
    { .name = SPAN_LIT("migrate-recover"), .run = run_nothing, .oob = true },
};

static const struct command *find_command(struct span name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (commands[i].name.len == name.len &&
            memcmp(commands[i].name.data, name.data, name.len) == 0)
            return &commands[i];
    return NULL;
}

/* In order: what QEMU checks before it runs a command. */
static void answer(struct client *c, const struct fake_request *r, struct buf *out)
{
    const struct command *command = find_command(r->execute);
    bool capabilities = command && command->run == run_capabilities;
    char desc[256];
    if (!c->negotiated && !capabilities) {
        add_error(out, "CommandNotFound",
                  "Expecting capabilities negotiation with 'qmp_capabilities'", r->id);
    } else if (c->negotiated && capabilities) {
        add_error(out, "CommandNotFound",
                  "Capabilities negotiation is already complete, command ignored", r->id);
    } else if (!command && !schema_has_command(c->vm->monitor, r->execute)) {
        snprintf(desc, sizeof(desc), "The command %.*s has not been found", (int)r->execute.len,
                 r->execute.data);
        add_error(out, "CommandNotFound", desc, r->id);
    } else if (r->oob && !(command && command->oob)) {
        snprintf(desc, sizeof(desc), "The command %.*s does not support OOB", (int)r->execute.len,
                 r->execute.data);
        add_error(out, "GenericError", desc, r->id);
    } else {
        (command ? command->run : run_nothing)(c, r, out);
    }
}

/* --- faults ----------------------------------------------------------------------------------- */

static bool is_counted(const struct fake_options *o, const struct fake_request *r)
{
    const char *only = o->only;
    if (only)
        return r->execute.len == strlen(only) && memcmp(r->execute.data, only, r->execute.len) == 0;
    return !(r->execute.len == 16 && memcmp(r->execute.data, "qmp_capabilities", 16) == 0);
}

static bool passed(long count, long after)
{
    return after != FAKE_NEVER && count > after;
}

static void add_deep(struct buf *out, long levels, struct span id)
{
    CLEANUP_BUF struct buf value = { 0 };
    for (long i = 0; i < levels; i++)
        buf_add_char(&value, '[');
    for (long i = 0; i < levels; i++)
        buf_add_char(&value, ']');
    add_return(out, (struct span){ buf_data(&value), buf_len(&value) }, id);
}

static void add_huge(struct buf *out, long bytes, struct span id)
{
    CLEANUP_BUF struct buf value = { 0 };
    size_t n = (size_t)bytes;
    buf_add_char(&value, '"');
    memset(buf_reserve(&value, n), 'x', n);
    buf_commit(&value, n);
    buf_add_char(&value, '"');
    add_return(out, (struct span){ buf_data(&value), buf_len(&value) }, id);
}

/* Writes an answer of the wrong sort; false if the command is to be answered well. */
static bool misbehave(struct client *c, const struct fake_request *r, struct buf *out)
{
    const struct fake_options *o = &c->vm->monitor->options;
    c->counted++;
    if (passed(c->counted, o->close_after)) {
        c->closing = true;
    } else if (passed(c->counted, o->silent_after)) {
        return true;
    } else if (passed(c->counted, o->garbage_after)) {
        BUF_ADD_LIT(out, "\x01{]garbage'\r\n");
    } else if (o->wrong_id) {
        char id[16];
        int n = snprintf(id, sizeof(id), "%d", WRONG_ID);
        add_return(out, SPAN_LIT("{}"), (struct span){ id, (size_t)n });
    } else if (o->bad_utf8) {
        add_return(out, SPAN_LIT("{\"x\": \"\xff\xc0\xaf\"}"), r->id);
    } else if (o->huge_line_unterminated) {
        BUF_ADD_LIT(out, "{\"return\": \"");
        c->endless = true;
    } else if (o->huge_reply > 0) {
        add_huge(out, o->huge_reply, r->id);
    } else if (o->deep > 0) {
        add_deep(out, o->deep, r->id);
    } else {
        return false;
    }
    return true;
}

/* Sends an answer now, or when its turn has come. */
static void deliver(struct client *c, struct buf *reply, bool counted, bool oob)
{
    const struct fake_options *o = &c->vm->monitor->options;
    struct buf *to = &c->out;
    if (o->out_of_order && counted && buf_len(&c->held) == 0) {
        to = &c->held; /* until the next one has overtaken it */
        c->held_until_us = clock_monotonic_us() + FAKE_HOLD_MS * USEC_PER_MSEC;
    } else if (!oob && (buf_len(&c->late) > 0 || (o->slow_reply && counted))) {
        to = &c->late; /* in-band commands wait for each other */
        if (o->slow_reply && counted)
            c->late_until_us = clock_monotonic_us() + o->slow_reply * USEC_PER_MSEC;
    }
    buf_add(to, buf_data(reply), buf_len(reply));
    if (o->duplicate_reply && counted)
        buf_add(to, buf_data(reply), buf_len(reply));
    if (to == &c->out && buf_len(&c->held) > 0) {
        buf_add(&c->out, buf_data(&c->held), buf_len(&c->held));
        buf_clear(&c->held);
    }
}

void command_handle(struct client *c, struct span text)
{
    struct monitor *m = c->vm->monitor;
    struct fake_request r;
    CLEANUP_BUF struct buf reply = { 0 };
    if (m->record) {
        fwrite(text.data, 1, text.len, m->record);
        fputc('\n', m->record);
        fflush(m->record);
    }
    bool whole = fake_request_parse(text, &r);
    bool counted = whole && is_counted(&m->options, &r);
    if (!whole || r.execute.len == 0)
        add_error(&reply, "GenericError",
                  whole ? "QMP input lacks member 'execute'" : "JSON parse error", r.id);
    else if (!counted || !misbehave(c, &r, &reply))
        answer(c, &r, &reply);
    deliver(c, &reply, counted, r.oob);
}

void command_junk(struct client *c)
{
    add_error(&c->out, "GenericError", "JSON parse error, expecting value",
              (struct span){ NULL, 0 });
}
