/* Properties that hold for every policy: random ones are compared with the words of the manual, one
 * by one and slowly, and with changed versions of themselves. */
#include "config.h"
#include "tests/unit/unit.h"

#include "acl/acl.h"
#include "acl/classes.h"
#include "base/glob.h"
#include "base/mem.h"
#include "tests/acl/cases.h"

#define ROLES    5
#define PATTERNS 4
#define GRANTS   4
#define ROUNDS   150

static struct qmp_schema *schema;

static const char *const patterns[] = {
    "@query",       "@block",    "@power",    "@migration",  "@job",
    "@host-info",   "@unstable", "@net",      "*",           "query-*",
    "migrate*",     "block*",    "x-*",       "s?op",        "*-add",
    "stop",         "cont",      "migrate",   "transaction", "quit",
    "blockdev-add", "no-such-1", "no-such-2", "query-block", "getfd",
    "device_add",   "qom-set",   "eject",
};
/* Of those in deny only. */
static const char *const deny_patterns[] = { "@host-path", "@host-exec", "@nested", "@fd" };
static const char *const callers[] = { "unix:a", "unix:b", "unix:*", "x509:CN=a,*", "sasl:a@r" };
static const char *const identities[] = { "unix:a", "unix:b", "unix:c", "x509:CN=a,O=b",
                                          "sasl:x@r" };
static const char *const vms[] = { "*", "v1", "v*", "w?", "label:a=1" };

/* Numbers are indices into the tables above; -1 is nothing. */
struct sketch {
    int allow[ROLES][PATTERNS];
    int deny[ROLES][PATTERNS];
    int include[ROLES];
    int to[GRANTS], role[GRANTS], vm[GRANTS];
};

static uint32_t seed;

static int pick(int n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)n);
}

static const char *deny_text(int i)
{
    return i < (int)ARRAY_SIZE(patterns) ? patterns[i]
                                         : deny_patterns[i - (int)ARRAY_SIZE(patterns)];
}

static struct sketch random_sketch(void)
{
    struct sketch s;
    for (int r = 0; r < ROLES; r++) {
        s.include[r] = r > 0 && pick(2) ? pick(r) : -1;
        for (int i = 0; i < PATTERNS; i++) {
            s.allow[r][i] = pick(4) ? pick(ARRAY_SIZE(patterns)) : -1;
            s.deny[r][i] = pick(4) ? -1 : pick(ARRAY_SIZE(patterns) + ARRAY_SIZE(deny_patterns));
        }
    }
    for (int g = 0; g < GRANTS; g++) {
        s.to[g] = pick(ARRAY_SIZE(callers));
        s.role[g] = pick(ROLES);
        s.vm[g] = pick(ARRAY_SIZE(vms));
    }
    return s;
}

/* --- as text ---------------------------------------------------------------------------------- */

static void write_role(struct buf *out, const struct sketch *s, int r)
{
    buf_printf(out, "role \"r%d\" {\n", r);
    if (s->include[r] >= 0)
        buf_printf(out, "  include = {\"r%d\"}\n", s->include[r]);
    BUF_ADD_LIT(out, "  allow = {");
    const char *comma = "";
    for (int i = 0; i < PATTERNS; i++) {
        if (s->allow[r][i] >= 0) {
            buf_printf(out, "%s\"%s\"", comma, patterns[s->allow[r][i]]);
            comma = ", ";
        }
    }
    BUF_ADD_LIT(out, "}\n  deny = {");
    comma = "";
    for (int i = 0; i < PATTERNS; i++) {
        if (s->deny[r][i] >= 0) {
            buf_printf(out, "%s\"%s\"", comma, deny_text(s->deny[r][i]));
            comma = ", ";
        }
    }
    BUF_ADD_LIT(out, "}\n}\n");
}

static void write_grant(struct buf *out, const struct sketch *s, int g)
{
    buf_printf(out, "grant \"g%d\" { to = {\"%s\"} role = {\"r%d\"} vms = {\"%s\"} }\n", g,
               callers[s->to[g]], s->role[g], vms[s->vm[g]]);
}

/* The sections in the order of their numbers, or backwards and grants first. */
static struct acl_program *compile(const struct sketch *s, bool backwards)
{
    CLEANUP_BUF struct buf text = { 0 };
    for (int g = GRANTS - 1; backwards && g >= 0; g--)
        write_grant(&text, s, g);
    for (int r = 0; r < ROLES; r++)
        write_role(&text, s, backwards ? ROLES - 1 - r : r);
    for (int g = 0; !backwards && g < GRANTS; g++)
        write_grant(&text, s, g);
    struct acl_policy *policy;
    assert_int_equal(acl_policy_parse("p", buf_data(&text), buf_len(&text), NULL, NULL, &policy),
                     0);
    struct acl_program *program = acl_program_new(policy, schema);
    acl_policy_unref(policy);
    return program;
}

static const struct acl_vm the_vms[] = {
    { .name = "v1" },
    { .name = "w2", .labels = (const char *const[]){ "b=1", "a=1" }, .n_labels = 2 },
    { .name = "other" },
};

/* --- as the manual says it -------------------------------------------------------------------- */

static bool in_class(const char *command, const char *class)
{
    const char *const *c = acl_classes_of(command);
    for (; c && *c; c++) {
        if (strcmp(*c, class) == 0)
            return true;
    }
    return false;
}

static bool covers(const char *pattern, const char *command)
{
    if (*pattern == '@')
        return in_class(command, pattern + 1);
    return glob_match(pattern, strlen(pattern), command, strlen(command));
}

/* By its name, or by a pattern that is not too wide for it. */
static bool opens(const char *pattern, const char *command)
{
    bool shaky = in_class(command, "unstable") || in_class(command, "deprecated");
    if (strcmp(pattern, command) == 0)
        return true;
    return covers(pattern, command) && !acl_reaches_host(command) &&
           (!shaky || strcmp(pattern, "@unstable") == 0 || strcmp(pattern, "@deprecated") == 0);
}

static bool role_allows(const struct sketch *s, int r, const char *command)
{
    for (; r >= 0; r = s->include[r]) {
        for (int i = 0; i < PATTERNS; i++) {
            const char *p = s->allow[r][i] >= 0 ? patterns[s->allow[r][i]] : "";
            if (opens(p, command))
                return true;
        }
    }
    return false;
}

static bool role_denies(const struct sketch *s, int r, const char *command)
{
    for (; r >= 0; r = s->include[r]) {
        for (int i = 0; i < PATTERNS; i++) {
            if (s->deny[r][i] >= 0 && covers(deny_text(s->deny[r][i]), command))
                return true;
        }
    }
    return false;
}

static bool caller_covers(const char *pattern, const char *identity)
{
    if (strcmp(pattern, "x509:CN=a,*") == 0)
        return strcmp(identity, "x509:CN=a,O=b") == 0;
    return glob_match(pattern, strlen(pattern), identity, strlen(identity));
}

static bool vm_covers(const char *pattern, const struct acl_vm *vm)
{
    if (strcmp(pattern, "label:a=1") == 0)
        return vm->n_labels > 0;
    return glob_match(pattern, strlen(pattern), vm->name, strlen(vm->name));
}

static bool allowed_by_the_manual(const struct sketch *s, const char *identity,
                                  const struct acl_vm *vm, const char *command)
{
    bool allowed = false;
    for (int g = 0; g < GRANTS; g++) {
        if (!caller_covers(callers[s->to[g]], identity) || !vm_covers(vms[s->vm[g]], vm))
            continue;
        if (role_denies(s, s->role[g], command))
            return false;
        allowed = allowed || role_allows(s, s->role[g], command);
    }
    return allowed;
}

/* --- properties ------------------------------------------------------------------------------- */

static size_t compare_with_the_manual(const struct sketch *s, struct acl_program *program,
                                      const char *identity, const struct acl_vm *vm)
{
    size_t n_allowed = 0;
    struct acl_rights *r = acl_rights_new(program, acl_subject_named(identity), vm);
    for (unsigned c = 0; c < qmp_schema_n_commands(schema); c++) {
        const char *name = qmp_schema_command(schema, c)->name;
        bool expected = allowed_by_the_manual(s, identity, vm, name);
        struct acl_verdict v = acl_check_name(r, (struct span){ name, strlen(name) });
        if ((v.decision == ACL_ALLOWED) != expected)
            fail_msg("%s %s %s: %s", identity, vm->name, name, v.rule);
        assert_int_equal(acl_allows_command(r, c), expected);
        n_allowed += expected;
    }
    acl_rights_unref(r);
    return n_allowed;
}

static void verdicts_are_those_of_the_manual(void **state)
{
    (void)state;
    size_t n_allowed = 0;
    seed = 1;
    for (int round = 0; round < ROUNDS; round++) {
        struct sketch s = random_sketch();
        struct acl_program *program = compile(&s, false);
        for (size_t i = 0; i < ARRAY_SIZE(identities) * ARRAY_SIZE(the_vms); i++)
            n_allowed +=
                compare_with_the_manual(&s, program, identities[i % ARRAY_SIZE(identities)],
                                        &the_vms[i / ARRAY_SIZE(identities)]);
        acl_program_unref(program);
    }
    assert_true(n_allowed > 1000); /* or nothing was compared */
}

/* Every command, and two that do not exist. */
static void compare(struct acl_program *pa, struct acl_program *pb, bool only_less)
{
    for (size_t i = 0; i < ARRAY_SIZE(identities) * ARRAY_SIZE(the_vms); i++) {
        const char *identity = identities[i % ARRAY_SIZE(identities)];
        const struct acl_vm *vm = &the_vms[i / ARRAY_SIZE(identities)];
        struct acl_rights *ra = acl_rights_new(pa, acl_subject_named(identity), vm);
        struct acl_rights *rb = acl_rights_new(pb, acl_subject_named(identity), vm);
        for (unsigned c = 0; c < qmp_schema_n_commands(schema) + 2; c++) {
            const char *name = c < qmp_schema_n_commands(schema)
                                   ? qmp_schema_command(schema, c)->name
                               : c == qmp_schema_n_commands(schema) ? "no-such-1"
                                                                    : "no-such-3";
            struct span span = { name, strlen(name) };
            enum acl_decision da = acl_check_name(ra, span).decision;
            enum acl_decision db = acl_check_name(rb, span).decision;
            if (only_less ? db != ACL_DENIED && da != db : da != db)
                fail_msg("%s %s %s: %d, then %d", identity, vm->name, name, da, db);
        }
        acl_rights_unref(ra);
        acl_rights_unref(rb);
    }
}

static void an_added_deny_never_allows(void **state)
{
    (void)state;
    seed = 2;
    for (int round = 0; round < ROUNDS; round++) {
        struct sketch s = random_sketch();
        int role = pick(ROLES), place = pick(PATTERNS);
        s.deny[role][place] = -1;
        struct acl_program *before = compile(&s, false);
        s.deny[role][place] = pick(ARRAY_SIZE(patterns) + ARRAY_SIZE(deny_patterns));
        struct acl_program *after = compile(&s, false);
        compare(before, after, true);
        acl_program_unref(before);
        acl_program_unref(after);
    }
}

static void the_order_of_sections_does_not_matter(void **state)
{
    (void)state;
    seed = 3;
    for (int round = 0; round < ROUNDS; round++) {
        struct sketch s = random_sketch();
        struct acl_program *forwards = compile(&s, false);
        struct acl_program *backwards = compile(&s, true);
        compare(forwards, backwards, false);
        acl_program_unref(forwards);
        acl_program_unref(backwards);
    }
}

/* --- details ---------------------------------------------------------------------------------- */

static struct acl_policy *parse(const char *text)
{
    struct acl_policy *policy = NULL;
    assert_int_equal(acl_policy_parse("p", text, strlen(text), NULL, NULL, &policy), 0);
    return policy;
}

static struct acl_rights *rights_of(const char *text, const char *identity)
{
    struct acl_policy *policy = parse(text);
    struct acl_program *program = acl_program_new(policy, schema);
    acl_policy_unref(policy);
    static const struct acl_vm vm = { .name = "v" };
    struct acl_rights *r = acl_rights_new(program, acl_subject_named(identity), &vm);
    acl_program_unref(program);
    return r;
}

#define GRANT "grant \"g\" { to = {\"unix:a\"} role = {\"r\"} vms = {\"*\"} }"

static void an_empty_policy_allows_nothing(void **state)
{
    (void)state;
    struct acl_rights *r = rights_of("", "unix:a");
    for (unsigned c = 0; c < qmp_schema_n_commands(schema); c++)
        assert_false(acl_allows_command(r, c));
    for (unsigned e = 0; e < qmp_schema_n_events(schema); e++)
        assert_false(acl_allows_event(r, e));
    acl_rights_unref(r);
}

static const char *detail_of(const struct acl_rights *r, const char *command)
{
    static char text[1000];
    CLEANUP_BUF struct buf out = { 0 };
    acl_check_detail(r, NULL, (struct span){ command, strlen(command) }, &out);
    snprintf(text, sizeof(text), "%.*s", (int)buf_len(&out), buf_len(&out) ? buf_data(&out) : "");
    return text;
}

static const char detailed[] = "role \"base\" {\n"
                               "  allow = {\n"
                               "    \"@block\",\n"
                               "    \"stop\", \"no-such\" }\n"
                               "}\n"
                               "role \"r\" { include = {\"base\"}\n"
                               "  deny = {\"quit\"} }\n"
                               "role \"none\" { allow = {\"cont\"} }\n";

static void a_detail_says_where_the_rule_and_the_grant_stand(void **state)
{
    CLEANUP_BUF struct buf text = { 0 };
    (void)state;
    buf_printf(&text, "%s\n%s%c", detailed, GRANT, '\0');
    struct acl_rights *r = rights_of(buf_data(&text), "unix:a");
    assert_string_equal(detail_of(r, "quit"),
                        "deny \"quit\" of role \"r\" (p:7), by grant \"g\" (p:10)");
    assert_string_equal(detail_of(r, "stop"),
                        "allow \"stop\" of role \"base\" (p:4), by grant \"g\" (p:10)");
    assert_string_equal(detail_of(r, "blockdev-add"),
                        "allow \"@block\" of role \"base\" (p:3), by grant \"g\" (p:10) matches "
                        "it, but opens no such command");
    assert_string_equal(detail_of(r, "cont"), "no pattern matches of grant \"g\" (p:10)");
    assert_string_equal(detail_of(r, "nobody-has-it"), detail_of(r, "cont"));
    assert_string_equal(detail_of(r, "no-such"), "");
    acl_rights_unref(r);
}

static void a_detail_names_a_few_grants_and_counts_the_others(void **state)
{
    CLEANUP_BUF struct buf text = { 0 };
    (void)state;
    buf_add_str(&text, detailed);
    for (int i = 0; i < 7; i++)
        buf_printf(&text, "grant \"g%d\" { to = {\"unix:a\"} role = {\"none\"} vms = {\"%s\"} }\n",
                   i, i == 1 ? "other" : "*");
    buf_add_char(&text, '\0');
    struct acl_rights *r = rights_of(buf_data(&text), "unix:a");
    assert_string_equal(detail_of(r, "quit"),
                        "no pattern matches of grant \"g0\" (p:9), grant \"g2\" (p:11), "
                        "grant \"g3\" (p:12), grant \"g4\" (p:13) and 2 more");
    acl_rights_unref(r);
    r = rights_of(buf_data(&text), "unix:b");
    assert_string_equal(detail_of(r, "quit"), "no grant applies here");
    acl_rights_unref(r);
}

static void numbers_beyond_the_schema_are_refused(void **state)
{
    (void)state;
    struct acl_rights *r =
        rights_of("role \"r\" { allow = {\"*\", \"no-such\"} events = {\"*\"} }" GRANT, "unix:a");
    assert_false(acl_allows_command(r, qmp_schema_n_commands(schema)));
    assert_false(acl_allows_command(r, UINT32_MAX));
    assert_false(acl_allows_event(r, qmp_schema_n_events(schema)));
    acl_rights_unref(r);
}

static void a_name_is_compared_by_all_its_bytes(void **state)
{
    (void)state;
    struct acl_rights *r = rights_of("role \"r\" { allow = {\"stop\", \"new\"} }" GRANT, "unix:a");
    assert_int_equal(acl_check_name(r, SPAN_LIT("stop")).decision, ACL_ALLOWED);
    assert_int_equal(acl_check_name(r, SPAN_LIT("stop\0")).decision, ACL_DENIED);
    assert_int_equal(acl_check_name(r, SPAN_LIT("new")).decision, ACL_UNKNOWN_COMMAND);
    assert_int_equal(acl_check_name(r, SPAN_LIT("new\0")).decision, ACL_DENIED);
    assert_int_equal(acl_check_name(r, SPAN_LIT("")).decision, ACL_DENIED);
    acl_rights_unref(r);
}

static void a_refusal_says_what_would_help(void **state)
{
    (void)state;
    struct acl_rights *r = rights_of(
        "role \"r\" { allow = {\"@block\", \"new\"} deny = {\"eject\"} }" GRANT, "unix:a");
    assert_string_equal(acl_check_name(r, SPAN_LIT("stop")).reason, "no rule allows it");
    assert_string_equal(acl_check_name(r, SPAN_LIT("eject")).reason,
                        "denied by grant \"g\" role \"r\" deny \"eject\"");
    assert_string_equal(acl_check_name(r, SPAN_LIT("blockdev-add")).reason,
                        "it can reach the host, acts inside the guest, is unstable or is not "
                        "known, and is allowed by its own name only");
    assert_string_equal(acl_check_name(r, SPAN_LIT("new")).reason, "the VM has no such command");
    assert_null(acl_check_name(r, SPAN_LIT("block-job-cancel")).reason);
    acl_rights_unref(r);
}

/* A schema of a newer QEMU, and of a hostile one. */
static void a_vm_s_new_commands_are_opened_by_their_names_only(void **state)
{
    (void)state;
    static const char json[] =
        "[{\"name\":\"0\",\"meta-type\":\"object\",\"members\":[]},"
        "{\"name\":\"query-new\",\"meta-type\":\"command\",\"arg-type\":\"0\",\"ret-type\":\"0\"},"
        "{\"name\":\"other-new\",\"meta-type\":\"command\",\"arg-type\":\"0\",\"ret-type\":\"0\"},"
        "{\"name\":\"gateway-reload\",\"meta-type\":\"command\",\"arg-type\":\"0\",\"ret-type\":"
        "\"0\"},"
        "{\"name\":\"stop\",\"meta-type\":\"command\",\"arg-type\":\"0\",\"ret-type\":\"0\","
        "\"features\":[\"unstable\"]},"
        "{\"name\":\"NEW_EVENT\",\"meta-type\":\"event\",\"arg-type\":\"0\"},"
        "{\"name\":\"STOP\",\"meta-type\":\"event\",\"arg-type\":\"0\"}]";
    struct qmp_schema *newer;
    struct error err = { 0 };
    if (qmp_schema_parse(json, strlen(json), &newer, &err) < 0)
        fail_msg("%s", err.text);
    struct acl_policy *policy =
        parse("role \"r\" { allow = {\"*\", \"@query\", \"@unstable\", \"other-new\"} events = "
              "{\"*\"} }" GRANT "role \"d\" { deny = {\"@unstable\", \"other-*\"} }"
              "role \"u\" { allow = {\"@unstable\"} }"
              "grant \"u\" { to = {\"unix:c\"} role = {\"u\"} vms = {\"*\"} }"
              "grant \"d\" { to = {\"unix:b\"} role = {\"r\", \"d\"} vms = {\"*\"} }");
    struct acl_program *program = acl_program_new(policy, newer);
    static const struct acl_vm vm = { .name = "v" };
    struct acl_rights *r = acl_rights_new(program, acl_subject_named("unix:a"), &vm);
    assert_int_equal(acl_check_name(r, SPAN_LIT("stop")).decision, ACL_DENIED); /* unstable here */
    assert_int_equal(acl_check_name(r, SPAN_LIT("other-new")).decision, ACL_ALLOWED);
    assert_int_equal(acl_check_name(r, SPAN_LIT("query-new")).decision, ACL_DENIED);
    assert_int_equal(acl_check_name(r, SPAN_LIT("gateway-reload")).decision, ACL_DENIED);
    assert_int_equal(acl_check_name(r, SPAN_LIT("cont")).decision, ACL_UNKNOWN_COMMAND);
    assert_int_equal(acl_check_name(r, SPAN_LIT("migrate")).decision, ACL_DENIED);
    assert_int_equal(acl_check_event(r, SPAN_LIT("STOP"), NULL, QMP_NONE), ACL_ALLOWED);
    assert_int_equal(acl_check_event(r, SPAN_LIT("NEW_EVENT"), NULL, QMP_NONE), ACL_DENIED);
    assert_int_equal(acl_check_event(r, SPAN_LIT("RESET"), NULL, QMP_NONE), ACL_DENIED);
    acl_rights_unref(r);
    /* what only the VM's schema calls unstable is not allowed as such */
    r = acl_rights_new(program, acl_subject_named("unix:c"), &vm);
    assert_int_equal(acl_check_name(r, SPAN_LIT("stop")).decision, ACL_DENIED);
    acl_rights_unref(r);
    /* but it is denied as such, and so are new commands by globs
     */
    r = acl_rights_new(program, acl_subject_named("unix:b"), &vm);
    assert_int_equal(acl_check_name(r, SPAN_LIT("stop")).decision, ACL_DENIED);
    assert_int_equal(acl_check_name(r, SPAN_LIT("other-new")).decision, ACL_DENIED);
    acl_rights_unref(r);
    acl_program_unref(program);
    acl_policy_unref(policy);
    qmp_schema_unref(newer);
}

static void rights_keep_what_they_stand_on(void **state)
{
    (void)state;
    struct acl_policy *policy = parse("role \"r\" { allow = {\"stop\"} }" GRANT);
    assert_int_equal(acl_policy_n_rules(policy), 1);
    assert_int_equal(acl_policy_n_grants(policy), 1);
    assert_int_equal(strlen(acl_policy_hash(policy)), 64);
    struct acl_program *program = acl_program_new(policy, schema);
    static const struct acl_vm vm = { .name = "v" };
    struct acl_rights *r = acl_rights_new(program, acl_subject_named("unix:a"), &vm);
    struct acl_rights *again = acl_rights_ref(r);
    acl_policy_unref(policy);
    acl_program_unref(program);
    acl_rights_unref(again);
    assert_string_equal(acl_check_name(r, SPAN_LIT("stop")).rule,
                        "grant \"g\" role \"r\" allow \"stop\"");
    acl_rights_unref(r);
    acl_rights_unref(NULL);
    acl_program_unref(NULL);
    acl_policy_unref(NULL);
}

static void the_hash_is_that_of_the_text(void **state)
{
    (void)state;
    struct acl_policy *policy = parse("");
    assert_string_equal(acl_policy_hash(policy),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    acl_policy_unref(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_are_those_of_the_manual),
        cmocka_unit_test(an_added_deny_never_allows),
        cmocka_unit_test(the_order_of_sections_does_not_matter),
        cmocka_unit_test(an_empty_policy_allows_nothing),
        cmocka_unit_test(a_detail_says_where_the_rule_and_the_grant_stand),
        cmocka_unit_test(a_detail_names_a_few_grants_and_counts_the_others),
        cmocka_unit_test(numbers_beyond_the_schema_are_refused),
        cmocka_unit_test(a_name_is_compared_by_all_its_bytes),
        cmocka_unit_test(a_refusal_says_what_would_help),
        cmocka_unit_test(a_vm_s_new_commands_are_opened_by_their_names_only),
        cmocka_unit_test(rights_keep_what_they_stand_on),
        cmocka_unit_test(the_hash_is_that_of_the_text),
    };
    schema = cases_load_schema();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    qmp_schema_unref(schema);
    return failed;
}
