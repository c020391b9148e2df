/* Whether a condition holds on a tape: the part of policy that runs for every command. */
#include "config.h"
#include "acl/condition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "acl/match.h"

/* --- what is compared ------------------------------------------------------------------------- */

static struct span text_of(const struct acl_value *v)
{
    return (struct span){ v->text, v->len };
}

static bool same(struct span a, struct span b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* A number token is read by strtod: the scanner saw that a double holds it, and behind its last
 * digit there is a byte that ends it. */
static double number_of(const struct qmp_tape *t, uint32_t token)
{
    return strtod(qmp_tape_raw(t, token).data, NULL);
}

#define EXACT_MAX 9007199254740992.0 /* 2^53: below it each integer is a double of its own */

static bool is_same_number(const struct acl_value *v, double n)
{
    return v->is_number && n == v->number && fabs(n) < EXACT_MAX;
}

static bool is_in_network(const struct acl_network *n, const uint8_t *bytes, uint8_t size)
{
    if (size != n->size)
        return false;
    unsigned whole = n->bits / 8u, rest = n->bits % 8u;
    if (memcmp(bytes, n->address, whole) != 0)
        return false;
    return rest == 0 || (((unsigned)bytes[whole] ^ n->address[whole]) >> (8 - rest)) == 0;
}

/* --- operators --------------------------------------------------------------------------------
 * One value of the arguments against all of the condition's. */

struct looked_at {
    const struct acl_judged *judged;
    uint32_t token;
    enum acl_reach reach;
};

typedef bool match_fn(const struct acl_value *v, struct span text);

static bool any_matches(const struct acl_condition *c, match_fn *match, struct span text)
{
    for (size_t i = 0; i < c->n_values; i++) {
        if (match(&c->values[i], text))
            return true;
    }
    return false;
}

static bool take_text(const struct looked_at *at, struct span *text)
{
    const struct qmp_tape *t = at->judged->tape;
    if (qmp_tape_kind(t, at->token) != QMP_KIND_STRING)
        return false;
    *text = qmp_tape_string(t, at->token);
    return !memchr(text->data, '\0', text->len); /* what reads it may end there */
}

/* A string by its text; what is no string as it is written, a number by its value as well. */
static bool holds_in(const struct acl_condition *c, const struct looked_at *at)
{
    const struct qmp_tape *t = at->judged->tape;
    enum qmp_kind kind = qmp_tape_kind(t, at->token);
    if (kind <= QMP_KIND_ARRAY)
        return false;
    bool is_string = kind == QMP_KIND_STRING;
    struct span text = is_string ? qmp_tape_string(t, at->token) : qmp_tape_raw(t, at->token);
    double n = kind == QMP_KIND_NUMBER ? number_of(t, at->token) : NAN; /* which equals nothing */
    for (size_t i = 0; i < c->n_values; i++) {
        if (same(text_of(&c->values[i]), text) || is_same_number(&c->values[i], n))
            return true;
    }
    return false;
}

static bool match_glob(const struct acl_value *v, struct span text)
{
    return acl_match_glob(text_of(v), text);
}

static bool holds_glob(const struct acl_condition *c, const struct looked_at *at)
{
    struct span text;
    return take_text(at, &text) && any_matches(c, match_glob, text);
}

static bool match_under(const struct acl_value *v, struct span text)
{
    return acl_match_under(text_of(v), text);
}

static bool holds_under(const struct acl_condition *c, const struct looked_at *at)
{
    struct span text;
    return take_text(at, &text) && any_matches(c, match_under, text);
}

static bool match_scheme(const struct acl_value *v, struct span text)
{
    struct span scheme;
    return acl_uri_scheme(text, &scheme) && same(text_of(v), scheme);
}

static bool holds_scheme(const struct acl_condition *c, const struct looked_at *at)
{
    struct span text;
    return take_text(at, &text) && any_matches(c, match_scheme, text);
}

/* The address in a URI, or of a member that is a host or a port by itself. */
static bool take_address(const struct looked_at *at, struct acl_address *out)
{
    struct span text;
    if (!take_text(at, &text))
        return false;
    if (at->reach == ACL_REACH_URI)
        return acl_uri_address(text, out);
    *out = (struct acl_address){ .host = text, .port = acl_port_number(text) };
    return true;
}

static bool match_host(const struct acl_value *v, struct span text)
{
    if (v->open_end && (memchr(text.data, '.', text.len) || memchr(text.data, ':', text.len)))
        return false;
    return acl_match_glob(text_of(v), text);
}

static bool holds_host(const struct acl_condition *c, const struct looked_at *at)
{
    struct acl_address a;
    return take_address(at, &a) && acl_is_host(a.host) && any_matches(c, match_host, a.host);
}

static bool holds_network(const struct acl_condition *c, const struct looked_at *at)
{
    struct acl_address a;
    uint8_t bytes[16];
    uint8_t size = take_address(at, &a) ? acl_address_bytes(a.host, bytes) : 0;
    for (size_t i = 0; i < c->n_values; i++) {
        if (is_in_network(&c->values[i].network, bytes, size))
            return true;
    }
    return false;
}

static bool is_between(const struct acl_condition *c, double n)
{
    return n >= c->values[0].number && n <= c->values[1].number;
}

#define PORT_MAX 65535

static bool holds_port(const struct acl_condition *c, const struct looked_at *at)
{
    struct acl_address a;
    int64_t n;
    if (qmp_tape_kind(at->judged->tape, at->token) == QMP_KIND_NUMBER)
        return qmp_tape_int64(at->judged->tape, at->token, &n) && n >= 0 && n <= PORT_MAX &&
               is_between(c, (double)n);
    return take_address(at, &a) && a.port >= 0 && is_between(c, a.port);
}

static bool holds_between(const struct acl_condition *c, const struct looked_at *at)
{
    const struct qmp_tape *t = at->judged->tape;
    return qmp_tape_kind(t, at->token) == QMP_KIND_NUMBER && is_between(c, number_of(t, at->token));
}

/* A number, or a length. Where a string may stand for a number its length says nothing. What is
 * below zero is more than anything: QEMU takes -1 for the largest size there is. */
static bool holds_at_most(const struct acl_condition *c, const struct looked_at *at)
{
    const struct qmp_tape *t = at->judged->tape;
    enum qmp_kind kind = qmp_tape_kind(t, at->token);
    double n;
    if (kind == QMP_KIND_NUMBER)
        n = number_of(t, at->token);
    else if (kind == QMP_KIND_STRING && !at->judged->untyped)
        n = (double)qmp_tape_string(t, at->token).len;
    else if (kind <= QMP_KIND_ARRAY && !t->tokens[at->token].folded)
        n = t->tokens[at->token].count;
    else
        return false;
    return n >= 0 && n <= c->values[0].number;
}

static bool holds_always(const struct acl_condition *c, const struct looked_at *at)
{
    (void)c;
    (void)at;
    return true;
}

static bool holds_never(const struct acl_condition *c, const struct looked_at *at)
{
    (void)c;
    (void)at;
    return false;
}

static bool (*const operators[ACL_N_OPS])(const struct acl_condition *,
                                          const struct looked_at *) = {
    [ACL_OP_IS] = holds_in,
    [ACL_OP_IN] = holds_in,
    [ACL_OP_GLOB] = holds_glob,
    [ACL_OP_UNDER] = holds_under,
    [ACL_OP_SCHEME_IN] = holds_scheme,
    [ACL_OP_HOST_IN] = holds_host,
    [ACL_OP_CIDR] = holds_network,
    [ACL_OP_PORT_BETWEEN] = holds_port,
    [ACL_OP_BETWEEN] = holds_between,
    [ACL_OP_AT_MOST] = holds_at_most,
    [ACL_OP_PRESENT] = holds_always,
    [ACL_OP_ABSENT] = holds_never, /* of a value that is there */
    [ACL_OP_ANY] = holds_always,
};

/* --- the whole -------------------------------------------------------------------------------- */

/* Tokens come in ascending order, so each argument is looked for from where the last one was found.
 */
static enum acl_reach find_reach(const struct acl_judged *j, uint32_t token, size_t *at)
{
    while (*at < j->n_reached && j->reached[*at].token < token)
        ++*at;
    return *at < j->n_reached && j->reached[*at].token == token ? j->reached[*at].reach
                                                                : ACL_REACH_NOTHING;
}

/* The length of a word says nothing of what it costs, and neither does a bound below zero: QEMU
 * takes -1 for the largest size there is. */
static bool says_enough(const struct acl_condition *c, const struct acl_judged *j, size_t at)
{
    uint32_t token = j->reached[at].token;
    if (!acl_operator_covers(c->op, j->reached[at].reach))
        return false;
    if (c->op != ACL_OP_AT_MOST && c->op != ACL_OP_BETWEEN)
        return true;
    return qmp_tape_kind(j->tape, token) == QMP_KIND_NUMBER && number_of(j->tape, token) >= 0;
}

/* Marks the value, and with `any` everything in it. */
static void cover(const struct acl_condition *c, const struct acl_judged *j, uint32_t token,
                  size_t at)
{
    uint32_t end = c->op == ACL_OP_ANY ? qmp_tape_next(j->tape, token) : token + 1;
    for (; at < j->n_reached && j->reached[at].token < end; at++) {
        if (j->reached[at].token >= token && says_enough(c, j, at))
            j->covered[at] = true;
    }
}

static bool check(const struct acl_condition *c, const struct acl_judged *j, uint32_t *fault)
{
    struct acl_path_walk w;
    bool found = false;
    size_t at = 0;
    if (j->root != QMP_NONE) {
        uint32_t token;
        acl_path_begin(&w, &c->path, j->tape, j->root);
        while ((token = acl_path_next(&w)) != QMP_NONE) {
            found = true;
            const struct looked_at value = { j, token, find_reach(j, token, &at) };
            if (!operators[c->op](c, &value)) {
                *fault = token;
                return false;
            }
            if (j->covered)
                cover(c, j, token, at);
        }
        if (w.lost)
            return false;
    }
    return found || c->optional || c->op == ACL_OP_ABSENT;
}

bool acl_condition_holds(const struct acl_condition *c, const struct acl_judged *j)
{
    uint32_t fault;
    return check(c, j, &fault);
}

uint32_t acl_condition_fault(const struct acl_condition *c, const struct acl_judged *j)
{
    uint32_t fault = QMP_NONE;
    (void)check(c, j, &fault);
    return fault;
}
