#include "config.h"
#include "audit/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "audit/secrets.h"
#include "base/limits.h"
#include "base/mem.h"

#define HIDDEN_MAX     64u /* texts that are looked for in an answer */
#define HIDDEN_LEN_MIN 4u  /* bytes of one; a shorter one stands everywhere */

/* --- texts ------------------------------------------------------------------------------------ */

/* At most `max` bytes of a text, not cut inside a UTF-8 sequence. */
static size_t prefix_len(struct span text, size_t max)
{
    if (text.len <= max)
        return text.len;
    while (max > 0 && ((unsigned char)text.data[max] & 0xc0) == 0x80)
        max--;
    return max;
}

/* ,"bytes":N,"sha256":"..."}: what is left of a value that was cut. */
static void write_measure(struct arguments_writer *w, struct span whole, bool hashed)
{
    unsigned char digest[AUDIT_HASH_BYTES];
    struct span nothing = { "", 0 };

    BUF_ADD_LIT(w->out, ",\"bytes\":");
    buf_add_uint(w->out, whole.len);
    if (hashed && audit_hash_two(w->hasher, nothing, whole, digest) == 0) {
        BUF_ADD_LIT(w->out, ",\"sha256\":\"");
        audit_hash_format(digest, buf_reserve(w->out, AUDIT_HASH_TEXT));
        buf_commit(w->out, AUDIT_HASH_TEXT);
        buf_add_char(w->out, '"');
    }
    buf_add_char(w->out, '}');
}

static void write_cut(struct arguments_writer *w, struct span whole, bool hashed)
{
    w->cut++;
    BUF_ADD_LIT(w->out, "{\"$cut\":");
    buf_add_json_string(w->out, whole.data, prefix_len(whole, AUDIT_CUT_PREFIX));
    write_measure(w, whole, hashed);
}

static void write_redacted(struct arguments_writer *w)
{
    w->redacted++;
    BUF_ADD_LIT(w->out, "\"" AUDIT_REDACTED "\"");
}

/* Remembers the texts in a value that is not shown, so that an answer does not tell them. */
static void collect(struct secret_values *hidden, const struct qmp_tape *t, uint32_t value)
{
    hidden->any = true;
    for (uint32_t i = value; i < qmp_tape_next(t, value) && hidden->n < HIDDEN_MAX; i++) {
        if (qmp_tape_kind(t, i) != QMP_KIND_STRING || qmp_tape_string(t, i).len < HIDDEN_LEN_MIN)
            continue;
        mem_grow((void **)&hidden->values, &hidden->cap, hidden->n + 1, sizeof(*hidden->values));
        hidden->values[hidden->n++] = qmp_tape_string(t, i);
    }
}

/* A text after its secrets were looked for: `scrubbed` says that w->scratch has it without them. */
static void write_scrubbed(struct arguments_writer *w, struct span text, bool scrubbed)
{
    if (scrubbed) {
        w->redacted++;
        text = (struct span){ buf_data(&w->scratch), buf_len(&w->scratch) };
    }
    if (text.len > AUDIT_VALUE_MAX)
        write_cut(w, text, !scrubbed);
    else
        buf_add_json_string(w->out, text.data, text.len);
}

static void write_string(struct arguments_writer *w, struct span text, bool is_line)
{
    buf_clear(&w->scratch);
    write_scrubbed(
        w, text, is_line ? secret_scrub_line(text, &w->scratch) : secret_scrub(text, &w->scratch));
}

static void write_name(struct arguments_writer *w, struct span name)
{
    static const struct span mark = SPAN_LIT("[cut ");
    if (name.len <= AUDIT_NAME_MAX && !memmem(name.data, name.len, mark.data, mark.len)) {
        buf_add_json_string(w->out, name.data, name.len);
        return;
    }
    /* the running number keeps names apart that begin alike, and a name that has the mark itself
     * from those that were given it */
    w->cut++;
    char words[64];
    int n = snprintf(words, sizeof(words), "[cut %u, %zu bytes]\"", w->cut, name.len);
    buf_add_json_string(w->out, name.data, prefix_len(name, AUDIT_CUT_PREFIX));
    w->out->tail--; /* the closing quote moves behind the words */
    buf_add(w->out, words, (size_t)n);
}

/* --- values ----------------------------------------------------------------------------------- */

struct walk {
    struct arguments_writer *w;
    const struct secret_command *command; /* NULL: nobody looked at it */
    const struct qmp_tape *t;
};

static void write_value(const struct walk *k, uint32_t token, unsigned depth, bool shown);

static void hide(const struct walk *k, uint32_t value)
{
    write_redacted(k->w);
    if (k->w->hidden)
        collect(k->w->hidden, k->t, value);
}

/* A string among an object's members; empty if there is none. */
static struct span find_string(const struct walk *k, uint32_t object, struct span name)
{
    uint32_t token = qmp_tape_find(k->t, object, name);
    if (token == QMP_NONE || qmp_tape_kind(k->t, token) != QMP_KIND_STRING)
        return (struct span){ "", 0 };
    return qmp_tape_string(k->t, token);
}

/* qom-set writes any property of any object: a value is shown only where the property is one that
 * devices are known to have, and never under /objects, where secrets live. */
static bool property_is_shown(const struct walk *k, uint32_t object)
{
    struct span path = find_string(k, object, SPAN_LIT("path"));
    const struct secret_command *device = secret_command_find(SPAN_LIT("device_add"));
    return !memmem(path.data, path.len, "objects", 7) &&
           secret_member(device, find_string(k, object, SPAN_LIT("property"))) == SECRET_KNOWN;
}

/* The arguments of another command. */
static void write_inner(const struct walk *k, uint32_t object, uint32_t value, unsigned depth)
{
    struct walk inner = *k;
    struct span name = find_string(k, object, SPAN_LIT("execute"));
    inner.command = secret_command_find(name.len ? name : find_string(k, object, SPAN_LIT("type")));
    write_value(&inner, value, depth, false);
}

static void write_line(const struct walk *k, uint32_t value)
{
    if (qmp_tape_kind(k->t, value) == QMP_KIND_STRING)
        write_string(k->w, qmp_tape_string(k->t, value), true);
    else
        hide(k, value);
}

static void write_member(const struct walk *k, uint32_t object, uint32_t name_token, uint32_t value,
                         unsigned depth)
{
    struct span name = qmp_tape_string(k->t, name_token);
    write_name(k->w, name);
    buf_add_char(k->w->out, ':');
    switch (secret_member(k->command, name)) {
    case SECRET_KNOWN:
        write_value(k, value, depth, true);
        return;
    case SECRET_PARTS:
        write_value(k, value, depth, false);
        return;
    case SECRET_UNKNOWN: /* a flag is no secret */
        if (qmp_tape_kind(k->t, value) > QMP_KIND_NUMBER)
            write_value(k, value, depth, true);
        else
            hide(k, value);
        return;
    case SECRET_HIDDEN:
        hide(k, value);
        return;
    case SECRET_LINE:
        write_line(k, value);
        return;
    case SECRET_PROPERTY:
        write_value(k, value, depth, property_is_shown(k, object));
        return;
    case SECRET_COMMAND:
        write_inner(k, object, value, depth);
        return;
    }
}

static void write_container(const struct walk *k, uint32_t token, unsigned depth, bool shown)
{
    struct buf *out = k->w->out;
    bool first = true;

    if (qmp_tape_kind(k->t, token) == QMP_KIND_OBJECT) {
        buf_add_char(out, '{');
        QMP_TAPE_MEMBERS (k->t, token, name, value) {
            if (!first)
                buf_add_char(out, ',');
            first = false;
            write_member(k, token, name, value, depth + 1);
        }
        buf_add_char(out, '}');
    } else {
        buf_add_char(out, '[');
        QMP_TAPE_ELEMENTS (k->t, token, element) {
            if (!first)
                buf_add_char(out, ',');
            first = false;
            write_value(k, element, depth + 1, shown);
        }
        buf_add_char(out, ']');
    }
}

/* `shown`: a text or number that stands here is shown. Depth is that of the scanner's limit, and
 * checked here again because this recurses. */
static void write_value(const struct walk *k, uint32_t token, unsigned depth, bool shown)
{
    switch (qmp_tape_kind(k->t, token)) {
    case QMP_KIND_OBJECT:
    case QMP_KIND_ARRAY:
        if (depth > LIMIT_REQUEST_DEPTH)
            hide(k, token);
        else
            write_container(k, token, depth, shown);
        return;
    case QMP_KIND_STRING:
        if (shown)
            write_string(k->w, qmp_tape_string(k->t, token), false);
        else
            hide(k, token);
        return;
    case QMP_KIND_NUMBER: {
        struct span raw = qmp_tape_raw(k->t, token);
        if (!shown)
            hide(k, token);
        else if (raw.len > AUDIT_CUT_PREFIX)
            write_cut(k->w, raw, true);
        else
            buf_add_span(k->w->out, raw);
        return;
    }
    case QMP_KIND_TRUE:
    case QMP_KIND_FALSE:
    case QMP_KIND_NULL:
        buf_add_span(k->w->out, qmp_tape_raw(k->t, token));
        return;
    }
}

void arguments_write(struct arguments_writer *w, struct span command, const struct qmp_tape *t,
                     uint32_t token)
{
    const struct walk k = { w, secret_command_find(command), t };
    size_t start = buf_len(w->out);
    write_value(&k, token, 0, false);
    struct span written = { buf_data(w->out) + start, buf_len(w->out) - start };
    if (written.len > AUDIT_ARGUMENTS_MAX) {
        /* what is hashed has its secrets redacted already */
        w->cut++;
        buf_clear(&w->scratch);
        buf_add_span(&w->scratch, written);
        buf_truncate(w->out, start);
        BUF_ADD_LIT(w->out, "{\"$cut\":\"arguments\"");
        write_measure(w, (struct span){ buf_data(&w->scratch), buf_len(&w->scratch) }, true);
    }
}

void arguments_write_shape(struct arguments_writer *w, const struct qmp_tape *t, uint32_t token)
{
    size_t start = buf_len(w->out);
    bool first = true;

    buf_add_char(w->out, '{');
    if (qmp_tape_kind(t, token) == QMP_KIND_OBJECT) {
        QMP_TAPE_MEMBERS (t, token, name, value) {
            if (!first)
                buf_add_char(w->out, ',');
            first = false;
            write_name(w, qmp_tape_string(t, name));
            buf_add_char(w->out, ':');
            buf_add_uint(w->out, qmp_tape_raw(t, value).len);
            if (buf_len(w->out) - start > AUDIT_ARGUMENTS_MAX) {
                w->cut++;
                break;
            }
        }
    }
    buf_add_char(w->out, '}');
}

void arguments_write_words(struct arguments_writer *w, struct span text)
{
    if (text.len > AUDIT_TEXT_MAX)
        w->cut++;
    buf_add_json_string(w->out, text.data, prefix_len(text, AUDIT_TEXT_MAX));
}

/* Written once more, to nowhere, to see what of it was not shown. */
static void find_hidden(const struct arguments_writer *like, struct span command,
                        const struct qmp_tape *t, uint32_t token, struct secret_values *out)
{
    CLEANUP_BUF struct buf nowhere = { 0 };
    struct arguments_writer w = { .out = &nowhere, .hasher = like->hasher, .hidden = out };
    arguments_write(&w, command, t, token);
    out->any |= w.redacted > 0;
    buf_free(&w.scratch);
}

void arguments_write_text(struct arguments_writer *w, struct span command, const struct qmp_tape *t,
                          uint32_t token, struct span text)
{
    struct secret_values hidden = { .any = false };
    if (text.len > AUDIT_TEXT_READ_MAX) {
        w->cut++;
        text = SPAN_LIT("[cut]");
    }
    if (t && token != QMP_NONE)
        find_hidden(w, command, t, token, &hidden);
    buf_clear(&w->scratch);
    if (secret_scrub_answer(&hidden, text, &w->scratch)) {
        w->redacted++;
        text = (struct span){ buf_data(&w->scratch), buf_len(&w->scratch) };
    }
    free(hidden.values);
    arguments_write_words(w, text);
}
