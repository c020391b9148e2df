/* What arguments cost policy: a command with five conditions beside one without, a big policy of
 * rules with conditions, and trees of 10 to 10,000 nodes, which must cost the same a node. `make
 * tests/bench/bench_conditions && tests/bench/bench_conditions`. Figures, no test. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "qmp/scan.h"
#include "tests/acl/cases.h"

#define RUN_US 300000 /* microseconds that each line takes */

static const struct qmp_scan_limits limits = { .max_bytes = 64u << 20,
                                               .max_depth = 64,
                                               .max_tokens = 1u << 22 };

static void die(const char *what)
{
    fprintf(stderr, "bench_conditions: %s\n", what);
    exit(1);
}

static double run(const struct acl_rights *r, const char *what, const char *command,
                  const struct buf *arguments)
{
    struct qmp_scanner *scanner =
        qmp_scan_object(&limits, (struct span){ buf_data(arguments), buf_len(arguments) });
    if (!scanner)
        die("bad arguments");
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    const struct span name = { command, strlen(command) };
    struct acl_workspace work = { 0 };
    uint64_t rounds = 0;
    int64_t begin = clock_monotonic_us(), now;
    do {
        for (int i = 0; i < 64; i++, rounds++) {
            if (acl_check(r, &work, name, t, 0).decision != ACL_ALLOWED)
                die(what);
        }
        now = clock_monotonic_us();
    } while (now - begin < RUN_US);
    double ns = (double)(now - begin) * 1000 / (double)rounds;
    printf("%-48s %8u tokens %12.0f ns %8.1f ns a token\n", what, t->n_tokens, ns,
           ns / t->n_tokens);
    acl_workspace_fini(&work);
    qmp_scanner_free(scanner);
    return ns;
}

static double run_text(const struct acl_rights *r, const char *what, const char *command,
                       const char *arguments)
{
    CLEANUP_BUF struct buf b = { 0 };
    buf_add_str(&b, arguments);
    return run(r, what, command, &b);
}

static void run_quorum(const struct acl_rights *r, unsigned children)
{
    CLEANUP_BUF struct buf b = { 0 };
    CLEANUP_FREE char *what = mem_printf("blockdev-add, a quorum of %u", children);
    buf_printf(
        &b,
        "{\"driver\": \"quorum\", \"node-name\": \"q\", \"vote-threshold\": 1, \"children\": [");
    for (unsigned i = 0; i < children; i++)
        buf_printf(&b,
                   "%s{\"driver\": \"qcow2\", \"file\": {\"driver\": \"file\", \"filename\": "
                   "\"/srv/acme/d%u\"}}",
                   i ? ", " : "", i);
    buf_printf(&b, "]}");
    run(r, what, "blockdev-add", &b);
}

/* The caller has the last role; another has what needs no conditions. */
static void write_policy(struct buf *out, unsigned roles, unsigned rules)
{
    buf_add_str(out, "role \"plain\" { allow = {\"device_add\"} }\n"
                     "grant \"plain\" { to = {\"x509:CN=plain,O=Example\"} role = {\"plain\"} vms "
                     "= {\"*\"} }\n");
    for (unsigned g = 0; g < roles; g++) {
        buf_printf(out, "role \"r%u\" {\n  allow = {\"device_del\"}\n", g);
        for (unsigned i = 1; i < rules; i++)
            buf_printf(
                out,
                "  rule \"other%u\" { commands = {\"netdev_add\"} when = {\"id glob n%u-*\", "
                "\"type is user\", \"net? is 10.0.0.0/24\", \"host? cidr 10.0.0.0/8\", "
                "\"restrict is true\"} }\n",
                i, i);
        buf_printf(
            out, "  rule \"nic\" { commands = {\"device_add\"} when = {\"driver in virtio-net-pci "
                 "virtio-net-ccw\", \"id glob hot-*\", \"netdev glob n*\", \"mac glob 52:54:*\", "
                 "\"romfile absent\"} }\n");
        buf_printf(out, "  rule \"disk\" { commands = {\"blockdev-add\"} when = {\"**.driver in "
                        "qcow2 file quorum\", "
                        "\"**.filename under /srv/%%{label.tenant}\"} }\n}\n");
        buf_printf(out,
                   "grant \"g%u\" {\n  to = {\"x509:CN=user%u,O=Example\"} role = {\"r%u\"} vms = "
                   "{\"*\"}\n}\n",
                   g, g, g);
    }
}

static void measure(struct qmp_schema *schema, unsigned roles, unsigned rules)
{
    static const char *const labels[] = { "tenant=acme" };
    const struct acl_vm vm = { .name = "web1", .labels = labels, .n_labels = 1 };
    CLEANUP_BUF struct buf text = { 0 };
    write_policy(&text, roles, rules);
    struct acl_policy *policy;
    int64_t t0 = clock_monotonic_us();
    if (acl_policy_parse("bench", buf_data(&text), buf_len(&text), NULL, NULL, &policy) < 0)
        die("the policy is refused");
    int64_t t1 = clock_monotonic_us();
    struct acl_program *program = acl_program_new(policy, schema);
    int64_t t2 = clock_monotonic_us();
    CLEANUP_FREE char *who = mem_printf("x509:CN=user%u,O=Example", roles - 1);
    struct acl_rights *r = acl_rights_new(program, acl_subject_named(who), &vm);
    int64_t t3 = clock_monotonic_us();
    printf("%u rules with conditions, %u grants: parse %ld us, program %ld us, rights %ld us\n",
           roles * (rules + 1), roles, (long)(t1 - t0), (long)(t2 - t1), (long)(t3 - t2));
    static const char nic[] =
        "{\"driver\": \"virtio-net-pci\", \"id\": \"hot-1\", \"netdev\": \"n0\", "
        "\"mac\": \"52:54:00:12:34:56\"}";
    struct acl_rights *plain =
        acl_rights_new(program, acl_subject_named("x509:CN=plain,O=Example"), &vm);
    run_text(r, "device_del, by its name", "device_del", "{\"id\": \"hot-1\"}");
    double without = run_text(plain, "device_add, by its name", "device_add", nic);
    double with = run_text(r, "device_add, five conditions", "device_add", nic);
    printf("five conditions: %.0f ns on top\n", with - without);
    for (unsigned n = 10; n <= 10000; n *= 10)
        run_quorum(r, n);
    acl_rights_unref(plain);
    acl_rights_unref(r);
    acl_program_unref(program);
    acl_policy_unref(policy);
}

int main(void)
{
    struct qmp_schema *schema = cases_load_schema();
    measure(schema, 1, 2);
    measure(schema, 1000, 10);
    qmp_schema_unref(schema);
    return 0;
}
