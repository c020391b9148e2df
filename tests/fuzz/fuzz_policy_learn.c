/* A command that an audit log says was sent: a name, a line feed, arguments as JSON. Whatever is
 * learned of it, what is written is a policy without errors, and it allows this very command. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "base/mem.h"
#include "cli/policy_learned.h"
#include "qmp/validate.h"
#include "tests/acl/cases.h"

static const char identity[] = "unix:alice";
static const char vm_name[] = "web1";

static struct acl_program *compile(const char *text, size_t len)
{
    static struct qmp_schema *schema;
    struct acl_policy *policy;
    if (!schema)
        schema = cases_load_schema();
    FUZZ_ASSERT(acl_policy_parse("p", text, len, NULL, NULL, &policy) == 0);
    struct acl_program *program = acl_program_new(policy, schema);
    acl_policy_unref(policy);
    return program;
}

/* A string that looks hidden, or holds what no condition can, may be anything; so it is allowed. */
static void check(const struct buf *text, struct span command, const struct qmp_tape *t)
{
    struct acl_program *program = compile(buf_data(text), buf_len(text));
    const struct acl_vm vm = { .name = vm_name };
    struct acl_rights *rights = acl_rights_new(program, acl_subject_named(identity), &vm);
    struct acl_workspace work = { 0 };
    FUZZ_ASSERT(acl_check(rights, &work, command, t, 0).decision == ACL_ALLOWED);
    acl_workspace_fini(&work);
    acl_rights_unref(rights);
    acl_program_unref(program);
}

static void learn(struct policy_learned *l, struct span command, const struct qmp_tape *t)
{
    CLEANUP_BUF struct buf text = { 0 };
    struct qmp_argument_fault fault;
    struct error err;
    int number = qmp_schema_find_command(l->program->schema, command);
    bool fits = number >= 0 && qmp_validate(l->program->schema, (unsigned)number, t, 0, &fault);
    bool learned = policy_learn_command(l, identity, vm_name, command, t, 0, &err);
    policy_learned_write(l, &text);
    if (learned && fits)
        check(&text, command, t);
    else
        acl_program_unref(compile(buf_data(&text), buf_len(&text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char nothing[] = "role \"nothing\" { deny = {\"*\"} }";
    static const struct qmp_scan_limits limits = { .max_bytes = 1 << 20,
                                                   .max_depth = 64,
                                                   .max_tokens = 65536 };
    const char *end = memchr(data, '\n', size);
    if (!end)
        return 0;
    struct span command = { (const char *)data, (size_t)(end - (const char *)data) };
    CLEANUP_FREE char *json = mem_strndup(end + 1, size - command.len - 1);
    struct qmp_scanner *scanner = qmp_scan_object(&limits, (struct span){ json, strlen(json) });
    if (!scanner)
        return 0;
    struct policy_learned l = { .program = compile(nothing, strlen(nothing)) };
    learn(&l, command, qmp_scanner_tape(scanner));
    policy_learned_clear(&l);
    qmp_scanner_free(scanner);
    return 0;
}
