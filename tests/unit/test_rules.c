/* Properties of rules with conditions that hold for every policy: random ones are asked about
 * commands with arguments, and compared with changed versions of themselves. */
#include "config.h"
#include "tests/unit/unit.h"

#include "acl/acl.h"
#include "base/mem.h"
#include "qmp/scan.h"
#include "qmp/validate.h"
#include "tests/acl/cases.h"

#define PARTS  6 /* of a policy: each an allow, a deny, a rule or a list of hmp */
#define ROUNDS 500

static struct qmp_schema *schema;

static const char *const parts[] = {
    "allow = {\"blockdev-add\"}",
    "allow = {\"device_add\", \"stop\"}",
    "allow = {\"transaction\", \"block_resize\"}",
    "allow = {\"migrate\", \"human-monitor-command\"}",
    "allow = {\"*\"}",
    "deny = {\"blockdev-add\"}",
    "deny = {\"@host-path\"}",
    "deny = {\"block*\"}",
    "deny = {\"transaction\"}",
    "rule \"x\" { commands = {\"blockdev-add\"} when = {\"**.filename under /srv\"} }",
    "rule \"x\" { commands = {\"blockdev-add\"} when = {\"** any\"} }",
    "rule \"x\" { commands = {\"blockdev-add\"} when = {\"driver in raw qcow2\", \"file.filename "
    "under /srv/a\"} }",
    "rule \"x\" { commands = {\"blockdev-snapshot-sync\"} when = {\"snapshot-file under /srv\"} }",
    "rule \"x\" { commands = {\"device_add\"} when = {\"driver is virtio-net-pci\", \"romfile? "
    "under /srv\"} }",
    "rule \"x\" { commands = {\"device_add\"} when = {\"romfile any\"} }",
    "rule \"x\" { commands = {\"block_resize\", \"stop\"} when = {\"size at-most 1G\"} }",
    "rule \"x\" { commands = {\"migrate\"} when = {\"uri scheme in tcp\"} }",
    "rule \"x\" { commands = {\"migrate\"} when = {\"uri host in *.example.com\", \"detach? is "
    "true\"} }",
    "hmp = {\"info *\", \"quit\"}",
    "hmp = {\"stop\"}",
};

static const struct {
    const char *command, *arguments;
} asked[] = {
    { "blockdev-add", "{\"driver\":\"null-co\",\"node-name\":\"n\"}" },
    { "blockdev-add",
      "{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/srv/a/b\"}}" },
    { "blockdev-add",
      "{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/srv/b\"}}" },
    { "blockdev-add", "{\"driver\":\"file\",\"filename\":\"/etc/passwd\"}" },
    { "blockdev-add", "{\"driver\":\"vvfat\",\"dir\":\"/srv/a\"}" },
    { "device_add", "{\"driver\":\"virtio-net-pci\"}" },
    { "device_add", "{\"driver\":\"virtio-net-pci\",\"romfile\":\"/srv/rom\"}" },
    { "device_add", "{\"driver\":\"virtio-net-pci\",\"romfile\":\"/etc/rom\"}" },
    { "device_add", "{\"driver\":\"vfio-pci\",\"host\":\"00:01.0\"}" },
    { "block_resize", "{\"device\":\"d\",\"size\":1048576}" },
    { "block_resize", "{\"device\":\"d\",\"size\":10737418240}" },
    { "stop", "{}" },
    { "migrate", "{\"uri\":\"tcp:a.example.com:1\"}" },
    { "migrate", "{\"uri\":\"tcp:a.example.org:1\",\"detach\":true}" },
    { "migrate", "{\"uri\":\"exec:id\"}" },
    { "human-monitor-command", "{\"command-line\":\"info status\"}" },
    { "human-monitor-command", "{\"command-line\":\"stop\"}" },
    { "human-monitor-command", "{\"command-line\":\"q\"}" },
    { "human-monitor-command", "{\"command-line\":\"savevm x\"}" },
    { "transaction", "{\"actions\":[]}" },
    { "transaction", "{\"actions\":[{\"type\":\"abort\",\"data\":{}},{\"type\":\"blockdev-snapshot-"
                     "sync\",\"data\":{"
                     "\"device\":\"d\",\"snapshot-file\":\"/srv/s\"}}]}" },
    { "transaction", "{\"actions\":[{\"type\":\"blockdev-snapshot-sync\",\"data\":{\"device\":"
                     "\"d\",\"snapshot-file\":"
                     "\"/etc/s\"}}]}" },
    { "qom-set", "{\"path\":\"/a\",\"property\":\"b\",\"value\":1}" },
};

static uint32_t seed;

static int pick(int n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)n);
}

/* Which part stands in which role of a policy; each role has one part, so that names do not meet.
 */
struct sketch {
    int parts[PARTS];
};

static bool is_deny(int part)
{
    return strncmp(parts[part], "deny", 4) == 0;
}

static struct sketch random_sketch(void)
{
    struct sketch s;
    for (int i = 0; i < PARTS; i++)
        s.parts[i] = pick(3) ? pick(ARRAY_SIZE(parts)) : -1;
    return s;
}

static void write_part(struct buf *out, const struct sketch *s, int i)
{
    if (s->parts[i] >= 0)
        buf_printf(out,
                   "role \"r%d\" { %s }\ngrant \"g%d\" { to = {\"unix:a\"} role = {\"r%d\"} vms = "
                   "{\"*\"} }\n",
                   i, parts[s->parts[i]], i, i);
}

static struct acl_rights *rights_of(const struct sketch *s, bool backwards)
{
    static const struct acl_vm vm = { .name = "v" };
    CLEANUP_BUF struct buf text = { 0 };
    struct acl_policy *policy;
    for (int i = 0; i < PARTS; i++)
        write_part(&text, s, backwards ? PARTS - 1 - i : i);
    assert_int_equal(acl_policy_parse("p", buf_data(&text), buf_len(&text), NULL, NULL, &policy),
                     0);
    struct acl_program *program = acl_program_new(policy, schema);
    acl_policy_unref(policy);
    struct acl_rights *r = acl_rights_new(program, acl_subject_named("unix:a"), &vm);
    acl_program_unref(program);
    return r;
}

static bool allows(const struct acl_rights *r, size_t question)
{
    static const struct qmp_scan_limits limits = { .max_bytes = 4096,
                                                   .max_depth = 64,
                                                   .max_tokens = 512 };
    struct qmp_scanner *scanner = qmp_scan_object(
        &limits, (struct span){ asked[question].arguments, strlen(asked[question].arguments) });
    assert_non_null(scanner);
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    struct span name = { asked[question].command, strlen(asked[question].command) };
    struct qmp_argument_fault fault;
    struct acl_workspace work = { 0 };
    assert_true(
        qmp_validate(schema, (unsigned)qmp_schema_find_command(schema, name), t, 0, &fault));
    struct acl_verdict v = acl_check(r, &work, name, t, 0);
    /* what is allowed with arguments was not refused by name */
    if (v.decision == ACL_ALLOWED) {
        enum acl_decision by_name = acl_check_name(r, name).decision;
        assert_true(by_name == ACL_ALLOWED || by_name == ACL_CONDITIONAL);
    } else {
        assert_non_null(v.reason);
    }
    acl_workspace_fini(&work);
    qmp_scanner_free(scanner);
    return v.decision == ACL_ALLOWED;
}

enum change { SAME, NO_MORE, NO_LESS };

/* Returns how many were allowed before. */
static size_t compare(struct acl_rights *before, struct acl_rights *after, enum change change)
{
    size_t n = 0;
    for (size_t q = 0; q < ARRAY_SIZE(asked); q++) {
        bool a = allows(before, q), b = allows(after, q);
        n += a;
        if ((change != NO_LESS && b && !a) || (change != NO_MORE && a && !b))
            fail_msg("%s %s: %d, then %d", asked[q].command, asked[q].arguments, a, b);
    }
    acl_rights_unref(before);
    acl_rights_unref(after);
    return n;
}

/* Puts another part into a place that is empty. */
static struct sketch with_part(struct sketch s, int place, bool deny)
{
    do
        s.parts[place] = pick(ARRAY_SIZE(parts));
    while (is_deny(s.parts[place]) != deny);
    return s;
}

static void check_change(bool deny, enum change change)
{
    size_t n = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct sketch s = random_sketch();
        int place = pick(PARTS);
        s.parts[place] = -1;
        struct sketch more = with_part(s, place, deny);
        n += compare(rights_of(&s, false), rights_of(&more, false), change);
    }
    assert_true(n > 1000); /* or nothing was compared */
}

static void an_added_deny_never_allows(void **state)
{
    (void)state;
    seed = 1;
    check_change(true, NO_MORE);
}

static void an_added_allow_or_rule_never_refuses(void **state)
{
    (void)state;
    seed = 2;
    check_change(false, NO_LESS);
}

static void the_order_of_sections_does_not_matter(void **state)
{
    (void)state;
    seed = 3;
    size_t n = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct sketch s = random_sketch();
        n += compare(rights_of(&s, false), rights_of(&s, true), SAME);
    }
    assert_true(n > 1000);
}

static void two_halves_are_no_whole(void **state)
{
    (void)state;
    /* of what two policies refuse, both together allow nothing but what one of their rules covers
     * alone: so a policy with all parts of both allows exactly what one of them does, if no plain
     * allow helps */
    seed = 4;
    for (int round = 0; round < ROUNDS; round++) {
        struct sketch a = random_sketch(), b = random_sketch(), both = a;
        for (int i = 0; i < PARTS; i++) {
            bool rule_a = a.parts[i] >= 0 && strncmp(parts[a.parts[i]], "rule", 4) == 0;
            bool rule_b = b.parts[i] >= 0 && strncmp(parts[b.parts[i]], "rule", 4) == 0;
            a.parts[i] = rule_a && i % 2 == 0 ? a.parts[i] : -1;
            b.parts[i] = rule_b && i % 2 == 1 ? b.parts[i] : -1;
            both.parts[i] = a.parts[i] >= 0 ? a.parts[i] : b.parts[i];
        }
        struct acl_rights *ra = rights_of(&a, false), *rb = rights_of(&b, false);
        struct acl_rights *rboth = rights_of(&both, false);
        for (size_t q = 0; q < ARRAY_SIZE(asked); q++)
            assert_int_equal(allows(rboth, q), allows(ra, q) || allows(rb, q));
        acl_rights_unref(ra);
        acl_rights_unref(rb);
        acl_rights_unref(rboth);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_added_deny_never_allows),
        cmocka_unit_test(an_added_allow_or_rule_never_refuses),
        cmocka_unit_test(the_order_of_sections_does_not_matter),
        cmocka_unit_test(two_halves_are_no_whole),
    };
    schema = cases_load_schema();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    qmp_schema_unref(schema);
    return failed;
}
