#include "config.h"
#include "audit/arguments.h"

#include <stdio.h>
#include <string.h>
#include "audit/secrets.h"
#include "base/limits.h"

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
    const struct secret_command *command;
    const struct qmp_tape *t;
    bool hide_value; /* qom-set: the property is a secret */
};

static void write_value(const struct walk *k, uint32_t token, unsigned depth);

/* The members of qom-set that say what is set, not to what. */
static bool names_property(struct span name)
{
    return (name.len == 4 && memcmp(name.data, "path", 4) == 0) ||
           (name.len == 8 && memcmp(name.data, "property", 8) == 0);
}

static void write_member(const struct walk *k, uint32_t name_token, uint32_t value, unsigned depth)
{
    struct span name = qmp_tape_string(k->t, name_token);
    enum qmp_kind kind = qmp_tape_kind(k->t, value);
    bool is_line = depth == 0 && secret_member_is_line(k->command, name);

    write_name(k->w, name);
    buf_add_char(k->w->out, ':');
    if (secret_member(k->command, name, depth, kind > QMP_KIND_ARRAY) ||
        (is_line && kind != QMP_KIND_STRING) ||
        (k->hide_value && depth == 0 && !names_property(name)))
        write_redacted(k->w);
    else if (is_line)
        write_string(k->w, qmp_tape_string(k->t, value), true);
    else
        write_value(k, value, depth + 1);
}

static void write_container(const struct walk *k, uint32_t token, unsigned depth)
{
    struct buf *out = k->w->out;
    bool first = true;

    if (qmp_tape_kind(k->t, token) == QMP_KIND_OBJECT) {
        buf_add_char(out, '{');
        QMP_TAPE_MEMBERS (k->t, token, name, value) {
            if (!first)
                buf_add_char(out, ',');
            first = false;
            write_member(k, name, value, depth);
        }
        buf_add_char(out, '}');
    } else {
        buf_add_char(out, '[');
        QMP_TAPE_ELEMENTS (k->t, token, element) {
            if (!first)
                buf_add_char(out, ',');
            first = false;
            write_value(k, element, depth + 1);
        }
        buf_add_char(out, ']');
    }
}

/* Depth is that of the scanner's limit, and checked here again because this recurses. */
static void write_value(const struct walk *k, uint32_t token, unsigned depth)
{
    switch (qmp_tape_kind(k->t, token)) {
    case QMP_KIND_OBJECT:
    case QMP_KIND_ARRAY:
        if (depth > LIMIT_REQUEST_DEPTH)
            write_redacted(k->w);
        else
            write_container(k, token, depth);
        return;
    case QMP_KIND_STRING:
        write_string(k->w, qmp_tape_string(k->t, token), false);
        return;
    case QMP_KIND_NUMBER:
    case QMP_KIND_TRUE:
    case QMP_KIND_FALSE:
    case QMP_KIND_NULL: {
        struct span raw = qmp_tape_raw(k->t, token);
        if (raw.len > AUDIT_CUT_PREFIX)
            write_cut(k->w, raw, true);
        else
            buf_add_span(k->w->out, raw);
        return;
    }
    }
}

/* qom-set writes any property of any object: a value is shown only where the property is known by a
 * name that is no secret's, and never under /objects, where secrets live. */
static bool property_is_secret(const struct qmp_tape *t, uint32_t arguments)
{
    bool secret = true;
    if (qmp_tape_kind(t, arguments) != QMP_KIND_OBJECT)
        return true;
    QMP_TAPE_MEMBERS (t, arguments, name, value) {
        struct span key = qmp_tape_string(t, name);
        if (qmp_tape_kind(t, value) != QMP_KIND_STRING)
            continue;
        struct span text = qmp_tape_string(t, value);
        if (key.len == 4 && memcmp(key.data, "path", 4) == 0 &&
            memmem(text.data, text.len, "objects", 7))
            return true;
        if (key.len == 8 && memcmp(key.data, "property", 8) == 0)
            secret = secret_name(text) || secret_name_of_scalar(text);
    }
    return secret;
}

void arguments_write(struct arguments_writer *w, struct span command, const struct qmp_tape *t,
                     uint32_t token)
{
    struct walk k = { .w = w, .command = secret_command_find(command), .t = t };
    k.hide_value = secret_command_sets_property(k.command) && property_is_secret(t, token);

    size_t start = buf_len(w->out);
    if (k.command && qmp_tape_kind(t, token) != QMP_KIND_OBJECT)
        write_redacted(w); /* no members by which to tell */
    else
        write_value(&k, token, 0);
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

void arguments_write_text(struct arguments_writer *w, struct span command, struct span text)
{
    if (text.len > AUDIT_TEXT_READ_MAX) {
        w->cut++;
        text = SPAN_LIT("[cut]");
    }
    buf_clear(&w->scratch);
    if (secret_scrub_answer(secret_command_find(command), text, &w->scratch)) {
        w->redacted++;
        text = (struct span){ buf_data(&w->scratch), buf_len(&w->scratch) };
    }
    arguments_write_words(w, text);
}
