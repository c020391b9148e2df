/* `make tests/bench/bench_acl && tests/bench/bench_acl`: what a verdict costs with 10 rules and one
 * grant, and with 10,000 rules and 1,000 grants; and what is paid beforehand. Figures, no test. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "tests/acl/cases.h"

#define CHECKS 20000000
#define LOOKS  20000
#define ROUNDS 5 /* the best of them is shown */

struct size {
    unsigned grants; /* a role for each */
    unsigned rules;  /* in each role */
    bool globs;      /* or names */
};

/* The caller is given the last role; all others are somebody else's, by exact names and by globs.
 */
static void write_policy(struct buf *out, const struct size *size)
{
    for (unsigned g = 0; g < size->grants; g++) {
        buf_printf(out, "role \"r%u\" {\n  allow = {\"@query\", \"stop\"", g);
        for (unsigned i = 2; i < size->rules; i++) {
            buf_printf(out, ", \"block-%u%s\"", g * size->rules + i, size->globs ? "*" : "");
        }
        buf_printf(out, "}\n}\ngrant \"g%u\" {\n  to = {\"x509:CN=user%u,O=Example\"%s}\n", g, g,
                   g % 10 == 1 ? ", \"x509:CN=*,O=Other\"" : "");
        buf_printf(out, "  role = {\"r%u\"}\n  vms = {\"vm%u-*\", \"label:n=%u\"}\n}\n", g, g, g);
    }
}

static void write_site(struct buf *out, const struct size *size)
{
    buf_printf(out,
               "grant \"site\" {\n  to = {\"x509-uri:spiffe://example.org/ns/web/sa/*\", "
               "\"sasl:*@example.org\"}\n  role = {\"r0\"}\n  vms = {\"vm%u-*\"}\n}\n",
               size->grants - 1);
}

static double best_of(double (*measure)(void *), void *opaque)
{
    double best = measure(opaque);
    for (int i = 1; i < ROUNDS; i++) {
        double t = measure(opaque);
        best = t < best ? t : best;
    }
    return best;
}

static double measure_checks(void *opaque)
{
    const struct acl_rights *r = opaque;
    static const struct span names[] = {
        { "query-status", 12 },
        { "stop", 4 },
        { "quit", 4 },
        { "query-block-jobs", 16 },
    };
    unsigned allowed = 0;
    int64_t start = clock_monotonic_us();
    for (unsigned i = 0; i < CHECKS; i++)
        allowed += acl_check_name(r, names[i % 4]).decision == ACL_ALLOWED;
    int64_t end = clock_monotonic_us();
    if (allowed != CHECKS / 4 * 3)
        printf("wrong verdicts\n");
    return (double)(end - start) * 1000 / CHECKS;
}

struct look {
    const struct acl_policy *policy;
    struct acl_subject who;
    struct acl_vm vm;
};

static double measure_looks(void *opaque)
{
    const struct look *l = opaque;
    unsigned seen = 0;
    int64_t start = clock_monotonic_us();
    for (unsigned i = 0; i < LOOKS; i++)
        seen += acl_policy_sees(l->policy, l->who, &l->vm);
    int64_t end = clock_monotonic_us();
    if (seen != LOOKS)
        printf("not seen\n");
    return (double)(end - start) / LOOKS;
}

/* A list of VMs for somebody in as many groups as may be. */
static void measure_list(struct look look)
{
    enum { GROUPS = 1024, VMS = 1000 };
    const char *groups[GROUPS];
    for (unsigned i = 0; i < GROUPS; i++)
        groups[i] = mem_printf("unix-group:some-group-%u", i);
    look.who = (struct acl_subject){ "unix:a", groups, GROUPS };
    int64_t start = clock_monotonic_us();
    struct acl_view *view = acl_view_new(look.policy, look.who);
    unsigned seen = 0;
    for (unsigned i = 0; i < VMS; i++)
        seen += acl_view_sees(view, &look.vm);
    acl_view_free(view);
    int64_t listed = clock_monotonic_us();
    seen += acl_policy_sees(look.policy, look.who, &look.vm);
    printf("  in %d groups: a list of %d VMs %ld us, one of them %ld us%s\n", GROUPS, VMS,
           (long)(listed - start), (long)(clock_monotonic_us() - listed), seen ? "?" : "");
    for (unsigned i = 0; i < GROUPS; i++)
        free((char *)groups[i]);
}

static void measure(const struct size *size, struct qmp_schema *schema)
{
    CLEANUP_BUF struct buf text = { 0 };
    write_policy(&text, size);
    write_site(&text, size);
    struct acl_policy *policy;
    int64_t t0 = clock_monotonic_us();
    if (acl_policy_parse("bench", buf_data(&text), buf_len(&text), NULL, NULL, &policy) < 0) {
        printf("the policy is refused\n");
        return;
    }
    int64_t t1 = clock_monotonic_us();
    struct acl_program *program = acl_program_new(policy, schema);
    int64_t t2 = clock_monotonic_us();
    CLEANUP_FREE char *identity = mem_printf("x509:CN=user%u,O=Example", size->grants - 1);
    CLEANUP_FREE char *name = mem_printf("vm%u-a", size->grants - 1);
    struct look look = { policy, acl_subject_named(identity), { .name = name } };
    /* somebody else, named by what is known of him */
    static const char *const uris[] = { "x509-uri:spiffe://example.org/ns/a/sa/b",
                                        "x509-uri:spiffe://example.org/ns/web/sa/shop" };
    struct look by_uri = { policy, { "x509:CN=b", uris, ARRAY_SIZE(uris) }, { .name = name } };
    struct look by_sasl = { policy, acl_subject_named("sasl:a@example.org"), { .name = name } };
    int64_t t3 = clock_monotonic_us();
    struct acl_rights *r = acl_rights_new(program, look.who, &look.vm);
    int64_t t4 = clock_monotonic_us();
    printf("%6u rules %5u grants %s | check %5.1f ns | sees %5.1f, by a URI %5.1f, of SASL %5.1f "
           "us | rights %4ld us | "
           "program %6ld us | parse %6ld us\n",
           acl_policy_n_rules(policy), acl_policy_n_grants(policy), size->globs ? "globs" : "names",
           best_of(measure_checks, r), best_of(measure_looks, &look),
           best_of(measure_looks, &by_uri), best_of(measure_looks, &by_sasl), (long)(t4 - t3),
           (long)(t2 - t1), (long)(t1 - t0));
    measure_list(look);
    acl_rights_unref(r);
    acl_program_unref(program);
    acl_policy_unref(policy);
}

int main(void)
{
    static const struct size sizes[] = {
        { .grants = 1, .rules = 10, .globs = true },
        { .grants = 1000, .rules = 10, .globs = true },
        { .grants = 1000, .rules = 10 },
        { .grants = 1, .rules = 10000 },
    };
    struct qmp_schema *schema = cases_load_schema();
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
        measure(&sizes[i], schema);
    qmp_schema_unref(schema);
    return 0;
}
