/* A condition's text, a line feed, and a JSON object on which it is judged; every member `x` of the
 * object reaches the host, of the kind that the first byte says. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include "acl/condition.h"
#include "base/mem.h"
#include "qmp/scan.h"

#define N_REACHED_MAX 4096u

static const char *const labels[] = { "a=b",   "star=*?\\", "up=..",  "two=1",
                                      "two=2", "none=",     "v=%{vm}" };
static const struct acl_vm vm = {
    .name = "vm*", .uuid = "1-2", .labels = labels, .n_labels = sizeof(labels) / sizeof(*labels)
};
static const struct acl_binding binding = { .user = "sasl:1K", .vm = &vm };

static size_t find(const char *path_text, const struct qmp_tape *t, enum acl_reach reach,
                   struct acl_reached *out)
{
    struct acl_path path;
    struct acl_path_walk w;
    uint32_t token;
    size_t n = 0;
    FUZZ_ASSERT(acl_path_parse(path_text, strlen(path_text), &path, NULL) == 0);
    acl_path_begin(&w, &path, t, 0);
    while ((token = acl_path_next(&w)) != QMP_NONE) {
        FUZZ_ASSERT(token < t->n_tokens);
        FUZZ_ASSERT(n == 0 || out[n - 1].token < token);
        if (n < N_REACHED_MAX)
            out[n++] = (struct acl_reached){ .token = token, .reach = (uint8_t)reach };
    }
    acl_path_free(&path);
    return n;
}

/* Is it (or, for any, what it is in) named by the path? */
static bool is_named(const struct acl_condition *c, const struct qmp_tape *t, uint32_t token)
{
    struct acl_path_walk w;
    uint32_t named;
    acl_path_begin(&w, &c->path, t, 0);
    while ((named = acl_path_next(&w)) != QMP_NONE) {
        uint32_t end = c->op == ACL_OP_ANY ? qmp_tape_next(t, named) : named + 1;
        if (token >= named && token < end)
            return true;
    }
    return false;
}

static bool names_nothing(const struct acl_condition *c, const struct qmp_tape *t)
{
    struct acl_path_walk w;
    acl_path_begin(&w, &c->path, t, 0);
    return acl_path_next(&w) == QMP_NONE;
}

static void judge(const struct acl_condition *c, const struct qmp_tape *t, enum acl_reach reach,
                  bool untyped)
{
    static struct acl_reached reached[N_REACHED_MAX];
    static bool covered[N_REACHED_MAX + 1], again[N_REACHED_MAX + 1];
    struct acl_judged j = { .tape = t, .untyped = untyped, .reached = reached, .covered = covered };
    memset(covered, 0, sizeof(covered));
    memset(again, 0, sizeof(again));
    j.n_reached = find("**.x", t, reach, reached);
    bool holds = acl_condition_holds(c, &j);
    j.covered = again;
    FUZZ_ASSERT(acl_condition_holds(c, &j) == holds);
    FUZZ_ASSERT(memcmp(covered, again, sizeof(covered)) == 0);
    j.covered = NULL;
    FUZZ_ASSERT(acl_condition_holds(c, &j) == holds);
    for (size_t i = 0; i <= N_REACHED_MAX; i++)
        FUZZ_ASSERT(!covered[i] || (i < j.n_reached && acl_operator_covers(c->op, reach)));
    for (size_t i = 0; i < j.n_reached && i < 64; i++)
        FUZZ_ASSERT(!covered[i] || is_named(c, t, reached[i].token));
    if (names_nothing(c, t))
        FUZZ_ASSERT(!holds || c->optional || c->op == ACL_OP_ABSENT);
    else
        FUZZ_ASSERT(!holds || c->op != ACL_OP_ABSENT);
}

static void check_bound(const struct acl_condition *c, const struct acl_condition *bound)
{
    FUZZ_ASSERT(!bound->variable && bound->op == c->op && bound->n_values == c->n_values);
    FUZZ_ASSERT(bound->optional == c->optional && bound->path.n == c->path.n);
    for (size_t i = 0; i < bound->n_values; i++) {
        const struct acl_value *v = &bound->values[i];
        FUZZ_ASSERT(!v->variable && v->len == strlen(v->text));
        FUZZ_ASSERT(c->values[i].variable || strcmp(v->text, c->values[i].text) == 0);
        FUZZ_ASSERT(!v->is_number || !__builtin_isinf_sign(v->number));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct qmp_scan_limits limits = { .max_bytes = 1u << 20,
                                                   .max_depth = 80,
                                                   .max_tokens = 1u << 16 };
    const uint8_t *line = size > 1 ? memchr(data + 1, '\n', size - 1) : NULL;
    if (!line)
        return 0;
    struct acl_condition c, bound;
    struct error err = { 0 };
    CLEANUP_FREE char *text = mem_strndup((const char *)data + 1, (size_t)(line - data) - 1);
    int rc = acl_condition_parse(text, &c, &err);
    FUZZ_ASSERT((rc == 0) == !*err.text);
    if (rc < 0)
        return 0;
    if (acl_condition_bind(&c, &binding, &bound)) {
        check_bound(&c, &bound);
        const char *json = (const char *)line + 1;
        struct qmp_scanner *s =
            qmp_scan_object(&limits, (struct span){ json, size - (size_t)(line - data) - 1 });
        if (s)
            judge(&bound, qmp_scanner_tape(s), *data % ACL_N_REACHES, *data & 0x80);
        qmp_scanner_free(s);
        acl_condition_free(&bound);
    }
    acl_condition_free(&c);
    return 0;
}
