#include "config.h"
#include "acl/path.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/utf8.h"
#include "base/mem.h"

_Static_assert(ACL_PATH_STEPS_MAX < 32, "a set of steps and the end is a uint32_t");

/* --- text ------------------------------------------------------------------------------------- */

static int add_step(struct acl_path *p, enum acl_step_kind kind, struct span name,
                    struct error *err)
{
    if (p->n == ACL_PATH_STEPS_MAX)
        return error_set(err, ERROR_LIMIT, "a path has %u steps at most", ACL_PATH_STEPS_MAX);
    if (kind == ACL_STEP_DEEP && p->n > 0 && p->steps[p->n - 1].kind == ACL_STEP_DEEP)
        return error_set(err, ERROR_INVALID, "** twice in a row says no more than once");
    p->steps[p->n++] = (struct acl_step){ kind, name };
    p->members_only = p->members_only && kind == ACL_STEP_MEMBER;
    return 0;
}

static bool is_name(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c <= ' ' || c == 0x7f || strchr("[]*?\"", c))
            return false;
    }
    return s.len > 0;
}

/* What stands between two dots: NAME, **, [] or NAME[][]. */
static int add_part(struct acl_path *p, struct span part, struct error *err)
{
    static const char brackets[] = "[]";
    size_t elements = 0;
    if (part.len == 2 && memcmp(part.data, "**", 2) == 0)
        return add_step(p, ACL_STEP_DEEP, part, err);
    while (part.len >= 2 && memcmp(part.data + part.len - 2, brackets, 2) == 0) {
        part.len -= 2;
        elements++;
    }
    if (!is_name(part) && (part.len > 0 || elements == 0))
        return error_set(err, ERROR_INVALID,
                         "a path is made of names with dots between them, [] for every element of "
                         "an array and ** for any depth");
    int rc = part.len > 0 ? add_step(p, ACL_STEP_MEMBER, part, err) : 0;
    for (; rc == 0 && elements > 0; elements--)
        rc = add_step(p, ACL_STEP_ELEMENTS, part, err);
    return rc;
}

static int parse_steps(struct acl_path *p, struct error *err)
{
    const char *at = p->text;
    for (;;) {
        size_t len = strcspn(at, ".");
        int rc = add_part(p, (struct span){ at, len }, err);
        if (rc < 0)
            return rc;
        if (!at[len])
            return 0;
        at += len + 1;
    }
}

bool acl_text_is_plain(const char *text, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        uint32_t c;
        n = utf8_decode((const unsigned char *)text + i, len - i, &c);
        if (n == 0 || (c < ' ' && c != '\t') || (c >= 0x7f && c < 0xa0))
            return false;
    }
    return true;
}

int acl_path_parse(const char *text, size_t len, struct acl_path *out, struct error *err)
{
    *out = (struct acl_path){ .text = mem_strndup(text, len), .members_only = true };
    int rc = parse_steps(out, err);
    if (rc == 0 && !acl_text_is_plain(out->text, strlen(out->text)))
        rc = error_set(err, ERROR_INVALID, "a path is UTF-8 without control characters");
    if (rc < 0)
        acl_path_free(out);
    return rc;
}

void acl_path_free(struct acl_path *p)
{
    free(p->text);
    p->text = NULL;
    p->n = 0;
}

/* --- walk -------------------------------------------------------------------------------------
 * A set has bit i if a value may be what the steps before number i lead to: what is left of the
 * path then applies to its parts. Bit n says that the path names the value itself. */

/* ** stands for no level, too. */
static uint32_t with_skipped(const struct acl_path *p, uint32_t steps)
{
    for (uint32_t i = 0; i < p->n; i++) {
        if ((steps >> i & 1) && p->steps[i].kind == ACL_STEP_DEEP)
            steps |= UINT32_C(1) << (i + 1);
    }
    return steps;
}

/* What a part may be, a member of that name or (name NULL) an element; `steps` without the end. */
static uint32_t step_into(const struct acl_path *p, uint32_t steps, const struct span *name)
{
    uint32_t below = 0;
    for (uint32_t left = steps; left; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(left);
        const struct acl_step *s = &p->steps[i];
        if (s->kind == ACL_STEP_DEEP)
            below |= UINT32_C(1) << i;
        else if (s->kind == ACL_STEP_ELEMENTS
                     ? name == NULL
                     : name && s->name.len == name->len &&
                           memcmp(s->name.data, name->data, name->len) == 0)
            below |= UINT32_C(1) << (i + 1);
    }
    return with_skipped(p, below);
}

/* Goes into a value whose parts are of interest; true if the path names the value itself. */
static bool enter(struct acl_path_walk *w, uint32_t token, uint32_t steps)
{
    const uint32_t end = UINT32_C(1) << w->path->n;
    const struct qmp_token *k = &w->tape->tokens[token];
    if ((steps & ~end) && k->kind <= QMP_KIND_ARRAY && (k->count > 0 || k->folded)) {
        if (w->depth == ACL_PATH_DEPTH_MAX || k->folded)
            w->lost = true;
        else
            w->frames[w->depth++] = (struct acl_path_frame){
                .next = token + 1,
                .end = k->next,
                .steps = steps & ~end,
                .object = k->kind == QMP_KIND_OBJECT,
            };
    }
    return (steps & end) != 0;
}

/* The one value that a path of member names can name. */
static uint32_t find_member(struct acl_path_walk *w, uint32_t token)
{
    for (uint32_t i = 0; i < w->path->n; i++) {
        const struct qmp_token *k = &w->tape->tokens[token];
        if (k->folded)
            w->lost = true;
        if (k->folded || k->kind != QMP_KIND_OBJECT)
            return QMP_NONE;
        token = qmp_tape_find(w->tape, token, w->path->steps[i].name);
        if (token == QMP_NONE)
            return QMP_NONE;
    }
    return token;
}

void acl_path_begin(struct acl_path_walk *w, const struct acl_path *path, const struct qmp_tape *t,
                    uint32_t root)
{
    w->path = path;
    w->tape = t;
    w->depth = 0;
    w->lost = false;
    if (path->members_only)
        w->found = find_member(w, root);
    else
        w->found = enter(w, root, with_skipped(path, 1)) ? root : QMP_NONE;
}

uint32_t acl_path_next(struct acl_path_walk *w)
{
    if (w->found != QMP_NONE) {
        uint32_t root = w->found;
        w->found = QMP_NONE;
        return root;
    }
    while (w->depth > 0) {
        struct acl_path_frame *f = &w->frames[w->depth - 1];
        if (f->next >= f->end) {
            w->depth--;
            continue;
        }
        uint32_t value = f->object ? f->next + 1 : f->next;
        struct span name = { 0 };
        if (f->object)
            name = qmp_tape_string(w->tape, f->next);
        uint32_t steps = step_into(w->path, f->steps, f->object ? &name : NULL);
        f->next = qmp_tape_next(w->tape, value);
        if (steps && enter(w, value, steps))
            return value;
    }
    return QMP_NONE;
}
