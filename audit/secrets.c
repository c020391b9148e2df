#include "config.h"
#include "audit/secrets.h"

#include <string.h>
#include "audit/text.h"

/* --- names ------------------------------------------------------------------------------------ */

/* Parts of a name that make it a secret, folded (lower case, `-` for `_`). */
static const struct span secret_parts[] = {
    SPAN_LIT("passw"),       SPAN_LIT("passphrase"), SPAN_LIT("secret"),         SPAN_LIT("cookie"),
    SPAN_LIT("token"),       SPAN_LIT("credential"), SPAN_LIT("authorization"),  SPAN_LIT("bearer"),
    SPAN_LIT("private-key"), SPAN_LIT("privkey"),    SPAN_LIT("api-key"),        SPAN_LIT("apikey"),
    SPAN_LIT("access-key"),  SPAN_LIT("signature"),  SPAN_LIT("keyvalue-pairs"),
};

/* Whole names. `osk` is the key that a Mac guest asks its machine for. */
static const struct span secret_wholes[] = { SPAN_LIT("pass"), SPAN_LIT("pwd"), SPAN_LIT("osk") };

/* Whole names that are secrets where a single value goes with them; as containers they are part of
 * QAPI's unions ({"type": ..., "data": {...}}) and are looked into. */
static const struct span scalar_wholes[] = { SPAN_LIT("data"), SPAN_LIT("key") };

static bool part_at(struct span name, size_t at)
{
    for (size_t i = 0; i < ARRAY_SIZE(secret_parts); i++) {
        struct span part = secret_parts[i];
        if (part.len <= name.len - at && text_folded_equal(name.data + at, part.data, part.len))
            return true;
    }
    return false;
}

static bool one_of(struct span name, const struct span *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text_folded_is(name, list[i]))
            return true;
    }
    return false;
}

/* One component of a dotted name. `...-secret` and `passwordid` are ids of secret objects: no
 * secrets themselves, and worth knowing. */
static bool component_is_secret(struct span name)
{
    static const struct span id_end = SPAN_LIT("-secret");
    if (name.len > id_end.len &&
        text_folded_equal(name.data + name.len - id_end.len, id_end.data, id_end.len))
        return false;
    if (text_folded_is(name, SPAN_LIT("passwordid")))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        switch (text_fold(name.data[i])) {
        case 'p':
        case 's':
        case 'c':
        case 't':
        case 'a':
        case 'b':
        case 'k':
            if (part_at(name, i))
                return true;
        }
    }
    return one_of(name, secret_wholes, ARRAY_SIZE(secret_wholes));
}

bool secret_name(struct span name)
{
    while (name.len > 0) {
        const char *dot = memchr(name.data, '.', name.len);
        size_t len = dot ? (size_t)(dot - name.data) : name.len;
        if (component_is_secret((struct span){ name.data, len }))
            return true;
        if (!dot)
            break;
        name.data += len + 1;
        name.len -= len + 1;
    }
    return false;
}

bool secret_name_of_scalar(struct span name)
{
    const char *dot = name.len ? memrchr(name.data, '.', name.len) : NULL;
    if (dot) {
        name.len -= (size_t)(dot + 1 - name.data);
        name.data = dot + 1;
    }
    return one_of(name, scalar_wholes, ARRAY_SIZE(scalar_wholes));
}

/* --- commands --------------------------------------------------------------------------------- */

#define NAMES_MAX 3

struct secret_command {
    struct span name;
    bool only_shown;              /* everything is secret but `shown`, whatever a client calls it */
    struct span shown[NAMES_MAX]; /* members of the arguments */
    struct span hidden;           /* a member, at any depth, in whatever shape */
    struct span line;             /* a member that is a line of the human monitor */
    bool sets_property;           /* `value` of a `property` */
};

static const struct secret_command secret_commands[] = {
    { SPAN_LIT("set_password"), .only_shown = true,
      .shown = { SPAN_LIT("protocol"), SPAN_LIT("connected"), SPAN_LIT("display") } },
    { SPAN_LIT("expire_password"), .only_shown = true,
      .shown = { SPAN_LIT("protocol"), SPAN_LIT("time"), SPAN_LIT("display") } },
    { SPAN_LIT("change-vnc-password"), .only_shown = true },
    { SPAN_LIT("sev-inject-launch-secret"), .only_shown = true, .shown = { SPAN_LIT("gpa") } },
    { SPAN_LIT("gateway-auth-start"), .only_shown = true, .shown = { SPAN_LIT("mechanism") } },
    { SPAN_LIT("gateway-auth-step"), .only_shown = true },
    { SPAN_LIT("human-monitor-command"), .only_shown = true,
      .shown = { SPAN_LIT("command-line"), SPAN_LIT("cpu-index") },
      .line = SPAN_LIT("command-line") },
    { SPAN_LIT("object-add"), .hidden = SPAN_LIT("data") },
    { SPAN_LIT("qom-set"), .sets_property = true },
    /* what is typed into a guest's console is its passwords, too */
    { SPAN_LIT("ringbuf-write"), .hidden = SPAN_LIT("data") },
    { SPAN_LIT("send-key"), .hidden = SPAN_LIT("keys") },
    { SPAN_LIT("input-send-event"), .hidden = SPAN_LIT("events") },
};

const struct secret_command *secret_command_find(struct span command)
{
    for (size_t i = 0; i < ARRAY_SIZE(secret_commands); i++) {
        if (text_folded_is(command, secret_commands[i].name))
            return &secret_commands[i];
    }
    return NULL;
}

bool secret_member(const struct secret_command *c, struct span name, unsigned depth, bool scalar)
{
    if (c && c->only_shown && depth == 0) {
        for (size_t i = 0; i < NAMES_MAX; i++) {
            if (c->shown[i].len && name.len == c->shown[i].len &&
                memcmp(name.data, c->shown[i].data, name.len) == 0)
                return false;
        }
        return true;
    }
    if (c && c->hidden.len && text_folded_is(name, c->hidden))
        return true;
    return (scalar && secret_name_of_scalar(name)) || secret_name(name);
}

bool secret_member_is_line(const struct secret_command *c, struct span name)
{
    return c && c->line.len && text_folded_is(name, c->line);
}

bool secret_command_sets_property(const struct secret_command *c)
{
    return c && c->sets_property;
}

/* --- answers ---------------------------------------------------------------------------------- */

static const char *find_quote(struct span text, bool last)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *p = text.data + (last ? text.len - 1 - i : i);
        if (*p == '\'' || *p == '"')
            return p;
    }
    return NULL;
}

bool secret_scrub_answer(const struct secret_command *c, struct span text, struct buf *out)
{
    const char *first = c ? find_quote(text, false) : NULL;
    if (!first)
        return secret_scrub(text, out);
    /* a secret may hold quotes, so from the first to the last */
    const char *last = find_quote(text, true);
    const char *end = text.data + text.len;
    buf_add(out, text.data, (size_t)(first + 1 - text.data));
    BUF_ADD_LIT(out, AUDIT_REDACTED);
    buf_add(out, last, (size_t)(end - last));
    return true;
}
