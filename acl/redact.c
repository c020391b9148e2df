/* A reply without the parts that a role does not show. */
#include "config.h"
#include "acl/rights_internal.h"

#include <stdlib.h>

bool acl_redacts(const struct acl_rights *r)
{
    return r->redactions.n > 0;
}

const struct acl_path *acl_redaction(const struct acl_rights *r, unsigned command, size_t i)
{
    for (size_t k = 0; k < r->redactions.n; k++) {
        const struct acl_choice *c = &r->redactions.at[k];
        if (c->subject == command && i-- == 0)
            return &r->program->policy->redactions[c->rule].path;
    }
    return NULL;
}

/* One path's walk, and the value that it found last. */
struct search {
    struct acl_path_walk walk;
    uint32_t token;
};

/* What stands in its place is of its own kind, so that a client that knows the types can read it.
 */
static void write_nothing(enum qmp_kind kind, struct buf *out)
{
    static const char *const texts[] = {
        [QMP_KIND_OBJECT] = "{}", [QMP_KIND_ARRAY] = "[]",   [QMP_KIND_STRING] = "\"\"",
        [QMP_KIND_NUMBER] = "0",  [QMP_KIND_TRUE] = "false", [QMP_KIND_FALSE] = "false",
        [QMP_KIND_NULL] = "null",
    };
    buf_add_str(out, texts[kind]);
}

/* The first token from `from` on that any of the searches names. */
static uint32_t next_hidden(struct search *searches, size_t n, uint32_t from)
{
    uint32_t first = QMP_NONE;
    for (size_t i = 0; i < n; i++) {
        struct search *s = &searches[i];
        while (s->token != QMP_NONE && s->token < from)
            s->token = acl_path_next(&s->walk);
        if (s->token < first)
            first = s->token;
    }
    return first;
}

static bool is_lost(const struct search *searches, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (searches[i].walk.lost)
            return true;
    }
    return false;
}

bool acl_redact(const struct acl_rights *r, unsigned command, const struct qmp_tape *t,
                uint32_t root, struct buf *out)
{
    size_t n = 0;
    while (acl_redaction(r, command, n))
        n++;
    struct search *searches = MEM_NEW_N(struct search, n + 1);
    for (size_t i = 0; i < n; i++) {
        acl_path_begin(&searches[i].walk, acl_redaction(r, command, i), t, root);
        searches[i].token = acl_path_next(&searches[i].walk);
    }
    size_t at = t->tokens[root].offset, end = at + t->tokens[root].length;
    for (uint32_t hidden, from = root; (hidden = next_hidden(searches, n, from)) != QMP_NONE;
         from = qmp_tape_next(t, hidden)) {
        const struct qmp_token *k = &t->tokens[hidden];
        buf_add(out, t->text + at, k->offset - at);
        write_nothing(qmp_tape_kind(t, hidden), out);
        at = (size_t)k->offset + k->length;
    }
    buf_add(out, t->text + at, end - at);
    bool whole = !is_lost(searches, n);
    free(searches);
    return whole;
}
