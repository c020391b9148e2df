/* Any text as a policy: it is refused with a reason, or what it makes holds together. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "acl/acl.h"

/* A small schema: what reads, what acts, what reaches the host, and what no table knows. */
static const char schema_json[] =
    "[{\"name\":\"0\",\"meta-type\":\"object\",\"members\":[]},"
    "{\"name\":\"query-status\",\"meta-type\":\"command\",\"arg-type\":\"0\",\"ret-type\":\"0\"},"
    "{\"name\":\"stop\",\"meta-type\":\"command\",\"arg-type\":\"0\",\"ret-type\":\"0\"},"
    "{\"name\":\"migrate\",\"meta-type\":\"command\",\"arg-type\":\"0\",\"ret-type\":\"0\"},"
    "{\"name\":\"gateway-info\",\"meta-type\":\"command\",\"arg-type\":\"0\",\"ret-type\":\"0\"},"
    "{\"name\":\"STOP\",\"meta-type\":\"event\",\"arg-type\":\"0\"}]";

/* Nobody acts for a delegate, nor who is none; a part that is malformed ends it. */
static void check_delegation(const struct acl_policy *policy, struct acl_subject from)
{
    static const char *const people[] = { "unix:root", "sasl:a@r", "x509:CN=ops-1,O=Example" };
    for (size_t i = 0; i < ARRAY_SIZE(people); i++) {
        const char *section = acl_policy_delegates(policy, from, people[i]);
        if (!section)
            continue;
        FUZZ_ASSERT(*section && acl_policy_is_delegate(policy, from));
        FUZZ_ASSERT(acl_policy_admits(policy, from));
        FUZZ_ASSERT(!acl_policy_is_delegate(policy, acl_subject_named(people[i])));
    }
    FUZZ_ASSERT(!acl_policy_delegates(policy, from, "unix-group:root"));
    FUZZ_ASSERT(!acl_policy_delegates(policy, from, ""));
}

static void check_rights(struct acl_program *program, struct acl_subject who,
                         const struct acl_vm *vm, const struct acl_policy *policy)
{
    struct acl_rights *r = acl_rights_new(program, who, vm);
    bool any = acl_check_event(r, SPAN_LIT("STOP"), NULL, QMP_NONE) == ACL_ALLOWED;
    static const char *const names[] = { "query-status", "stop", "migrate", "nothing" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct acl_verdict v = acl_check_name(r, (struct span){ names[i], strlen(names[i]) });
        FUZZ_ASSERT(v.rule && (v.decision == ACL_ALLOWED || v.reason));
        any = any || v.decision == ACL_ALLOWED;
    }
    FUZZ_ASSERT(acl_check_name(r, SPAN_LIT("gateway-info")).decision == ACL_DENIED);
    /* who may do anything is seen, and who is seen is admitted */
    bool sees = acl_policy_sees(policy, who, vm);
    FUZZ_ASSERT(!any || sees);
    FUZZ_ASSERT(!sees || acl_policy_admits(policy, who));
    acl_rights_unref(r);
}

static void count(void *opaque, const char *line)
{
    FUZZ_ASSERT(strncmp(line, "p:", 2) == 0 && !strchr(line, '\n'));
    ++*(size_t *)opaque;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct acl_policy *policy = NULL;
    size_t errors = 0;
    int rc = acl_policy_parse("p", (const char *)data, size, count, &errors, &policy);
    FUZZ_ASSERT((rc == 0) == (errors == 0) && (rc == 0) == (policy != NULL));
    if (rc < 0)
        return 0;
    struct qmp_schema *schema;
    FUZZ_ASSERT(qmp_schema_parse(schema_json, strlen(schema_json), &schema, NULL) == 0);
    struct acl_program *program = acl_program_new(policy, schema);
    static const char *const labels[] = { "tenant=acme" };
    static const struct acl_vm vms[] = {
        { .name = "web1", .labels = labels, .n_labels = 1 },
        { .name = "", .uuid = "01234567-89ab-cdef-0123-456789abcdef" },
    };
    static const char *const groups[] = { "unix-group:adm", "unix-group:root" };
    static const char *const uris[] = { "x509-uri:spiffe://e/ns/a" };
    static const char *const bad[] = { "unix-group:root", "unix:root" };
    static const struct acl_subject whos[] = {
        { "unix:root", groups, ARRAY_SIZE(groups) },
        { "x509:CN=ops-1,O=Example", uris, ARRAY_SIZE(uris) },
        { "sasl:a@r", NULL, 0 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(whos); i++) {
        check_delegation(policy, whos[i]);
        for (size_t k = 0; k < ARRAY_SIZE(vms); k++)
            check_rights(program, whos[i], &vms[k], policy);
    }
    FUZZ_ASSERT(!acl_policy_admits(policy, (struct acl_subject){ "unix:root", bad, 2 }));
    acl_program_unref(program);
    acl_policy_unref(policy);
    qmp_schema_unref(schema);
    return 0;
}
