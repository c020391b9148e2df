/* Any request, judged by the tenant's policy as it is shipped, with QEMU 7.2's own schema. What is
 * allowed was named, fits the schema, and reaches no file but the tenant's: that is found out anew,
 * from the tables, without a condition. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "acl/acl.h"
#include "acl/device.h"
#include "acl/match.h"
#include "acl/shape.h"
#include "base/buf.h"
#include "base/mem.h"
#include "qmp/message.h"
#include "qmp/scan.h"
#include "qmp/validate.h"

static const struct qmp_scan_limits limits = { .max_bytes = 1u << 20,
                                               .max_depth = 64,
                                               .max_tokens = 65536 };

/* Made once. */
static struct qmp_schema *schema;
static struct acl_reach_map *map;
static struct acl_rights *tenant;

static void read_file(const char *name, struct buf *out)
{
    const char *top = getenv("abs_top_srcdir");
    CLEANUP_FREE char *path = mem_printf("%s/%s", top ? top : ".", name);
    FILE *f = fopen(path, "rb");
    size_t n = 0;
    FUZZ_ASSERT(f);
    do {
        buf_commit(out, n);
        n = fread(buf_reserve(out, 65536), 1, 65536, f);
    } while (n > 0);
    fclose(f);
}

static void start(void)
{
    static const char *const labels[] = { "tenant=acme" };
    static const struct acl_vm vm = { .name = "web1", .labels = labels, .n_labels = 1 };
    CLEANUP_BUF struct buf json = { 0 }, text = { 0 };
    struct acl_policy *policy;
    read_file("tests/data/schema-7.2.json", &json);
    read_file("conf/examples/policy-tenant.conf", &text);
    FUZZ_ASSERT(qmp_schema_parse(buf_data(&json), buf_len(&json), &schema, NULL) == 0);
    FUZZ_ASSERT(acl_policy_parse("p", buf_data(&text), buf_len(&text), NULL, NULL, &policy) == 0);
    struct acl_program *program = acl_program_new(policy, schema);
    tenant = acl_rights_new(program, acl_subject_named("sasl:a@acme.example.com"), &vm);
    map = acl_reach_map_new(schema);
    acl_program_unref(program);
    acl_policy_unref(policy);
}

static bool is(struct span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

/* What the rules of this policy can cover, each in the one way that they do. */
static void check_reached(const struct qmp_tape *t, const struct acl_reached *r)
{
    FUZZ_ASSERT(r->reach == ACL_REACH_PATH || r->reach == ACL_REACH_URI);
    FUZZ_ASSERT(qmp_tape_kind(t, r->token) == QMP_KIND_STRING);
    FUZZ_ASSERT(acl_match_under(SPAN_LIT("/srv/acme"), qmp_tape_string(t, r->token)));
}

static void check_allowed(const struct qmp_tape *t, struct span name, uint32_t arguments)
{
    struct acl_reached_list list = { 0 };
    int command = qmp_schema_find_command(schema, name);
    FUZZ_ASSERT(command >= 0);
    acl_reach_find(map, (unsigned)command, t, arguments, &list);
    for (size_t i = 0; i < list.n; i++) {
        if (list.items[i].owner == ACL_OWNER_NONE)
            check_reached(t, &list.items[i]);
    }
    if (is(name, "transaction")) {
        uint32_t actions = qmp_tape_find(t, arguments, SPAN_LIT("actions"));
        QMP_TAPE_ELEMENTS (t, actions, action) {
            struct span type = qmp_tape_string(t, qmp_tape_find(t, action, SPAN_LIT("type")));
            if (!is(type, "abort"))
                check_allowed(t, type, qmp_tape_find(t, action, SPAN_LIT("data")));
        }
    } else if (is(name, "device_add")) {
        list.n = 0;
        acl_device_find(t, arguments, acl_device_usual_virtio(schema), &list);
        FUZZ_ASSERT(list.n == 0);
    } else if (is(name, "human-monitor-command")) {
        struct span line =
            qmp_tape_string(t, qmp_tape_find(t, arguments, SPAN_LIT("command-line")));
        FUZZ_ASSERT(!memchr(line.data, '\n', line.len) && !memchr(line.data, '\0', line.len));
    }
    acl_reached_list_clear(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct acl_workspace work = { 0 };
    struct qmp_argument_fault fault;
    struct qmp_request r;
    if (!schema)
        start();
    struct qmp_scanner *scanner =
        qmp_scan_object(&limits, (struct span){ (const char *)data, size });
    const struct qmp_tape *t = scanner ? qmp_scanner_tape(scanner) : NULL;
    if (t && qmp_request_parse(t, &r, NULL) == 0) {
        struct span name = qmp_tape_string(t, r.command);
        int command = qmp_schema_find_command(schema, name);
        bool fits = command < 0 || qmp_validate(schema, (unsigned)command, t, r.arguments, &fault);
        /* also of what does not fit: it must not crash, and be told */
        struct acl_verdict v = acl_check(tenant, &work, name, t, r.arguments);
        FUZZ_ASSERT(v.rule && (v.decision == ACL_ALLOWED || v.reason));
        FUZZ_ASSERT(v.decision == ACL_ALLOWED || v.decision == ACL_DENIED ||
                    v.decision == ACL_UNKNOWN_COMMAND);
        if (v.decision == ACL_ALLOWED && fits)
            check_allowed(t, name, r.arguments);
    }
    acl_workspace_fini(&work);
    qmp_scanner_free(scanner);
    return 0;
}
