/* qmpgate policy learn: a policy that allows what audit logs say was done. */
#include "config.h"
#include "cli/policy_learned.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include "acl/principal.h"
#include "base/glob.h"
#include "base/mem.h"

#define LINE_MAX_BYTES (64u << 20) /* of a record */

/* Something that was done, once however often. */
struct deed {
    char *key;    /* "IDENTITY\nVM\nCOMMAND\nARGUMENTS"; owned */
    char *place;  /* of the first one: FILE:LINE; owned */
    bool skipped; /* and that was told */
    UT_hash_handle hh;
};

struct learner {
    struct policy_learned learned;
    struct policy_schemas schemas;
    struct deed *deeds; /* a hash in the order of the logs; owned */
    const char *schema;
    const char *file;
    unsigned line;
    unsigned n_skipped;
};

static const struct qmp_scan_limits limits = { .max_bytes = LINE_MAX_BYTES,
                                               .max_depth = 128,
                                               .max_tokens = 1u << 20 };

/* --- records ---------------------------------------------------------------------------------- */

/* A member's text; NULL if there is none, or it holds a NUL. The caller's. */
static char *take_text(const struct qmp_tape *t, const char *name)
{
    uint32_t token = qmp_tape_find(t, 0, policy_span(name));
    if (token == QMP_NONE || qmp_tape_kind(t, token) != QMP_KIND_STRING)
        return NULL;
    struct span s = qmp_tape_string(t, token);
    return memchr(s.data, '\0', s.len) ? NULL : mem_strndup(s.data, s.len);
}

static void skip(struct learner *l, const char *place, const char *what, const char *why)
{
    CLEANUP_BUF struct buf out = { 0 };
    output_add_text(&out, what);
    BUF_ADD_LIT(&out, ": ");
    output_add_text(&out, why);
    fprintf(stderr, "%s: not learned: %.*s\n", place, (int)buf_len(&out), buf_data(&out));
    l->n_skipped++;
}

static void skip_here(struct learner *l, const char *what, const char *why)
{
    CLEANUP_FREE char *place = mem_printf("%s:%u", l->file, l->line);
    skip(l, place, what, why);
}

/* A name that a grant can hold, so that it is this one and no other. */
static bool is_grantable(struct learner *l, const char *identity, const char *vm)
{
    CLEANUP_PRINCIPAL struct acl_principal *p = NULL;
    struct error err;
    if (acl_principal_parse_identity(identity, &p, &err) < 0 || acl_principal_is_attribute(p))
        skip_here(l, identity, "no name of anybody");
    else if (strncmp(identity, "x509:", 5) != 0 && glob_is_pattern(identity))
        skip_here(l, identity, "a name with wildcards in it");
    else if (vm && acl_agent_of(vm))
        skip_here(l, vm, "a guest agent: what may run inside guests is for you to say");
    else if (vm && (*vm == '\0' || glob_is_pattern(vm)))
        skip_here(l, vm, "a VM's name with wildcards in it");
    else
        return true;
    return false;
}

static void remember(struct learner *l, char *take_key)
{
    struct deed *d = NULL;
    HASH_FIND_STR(l->deeds, take_key, d);
    if (d) {
        free(take_key);
        return;
    }
    d = MEM_NEW(struct deed);
    d->key = take_key;
    d->place = mem_printf("%s:%u", l->file, l->line);
    HASH_ADD_KEYPTR(hh, l->deeds, d->key, strlen(d->key), d);
}

static const char gateway_prefix[] = "gateway-";

static void take_intent(struct learner *l, const struct qmp_tape *t, const char *identity,
                        const char *command)
{
    CLEANUP_FREE char *vm = take_text(t, "vm");
    uint32_t arguments = qmp_tape_find(t, 0, SPAN_LIT("arguments"));
    if (!vm || !is_grantable(l, identity, vm))
        return;
    if (strchr(identity, '\n') || strchr(vm, '\n') || strchr(command, '\n'))
        return; /* no such name is given to anybody */
    struct span raw = { "", 0 };
    if (arguments != QMP_NONE && qmp_tape_kind(t, arguments) == QMP_KIND_OBJECT)
        raw = qmp_tape_raw(t, arguments);
    remember(l, mem_printf("%s\n%s\n%s\n%.*s", identity, vm, command, (int)raw.len, raw.data));
}

/* Administration by its names: "gateway-stats" is stats. */
static void take_admin(struct learner *l, const char *identity, const char *command)
{
    static const char *const verbs[] = { "sessions",   "session-close", "reload",      "stats",
                                         "audit-tail", "login-release", "audit-rotate" };
    if (!is_grantable(l, identity, NULL))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        if (strcmp(command + strlen(gateway_prefix), verbs[i]) == 0)
            policy_learn_admin(&l->learned, identity, verbs[i]);
    }
}

/* Who is acted for has the rights. */
static void take_record(struct learner *l, const struct qmp_tape *t)
{
    CLEANUP_FREE char *type = take_text(t, "type"), *result = take_text(t, "result");
    CLEANUP_FREE char *own = take_text(t, "identity"), *other = take_text(t, "acting-for");
    CLEANUP_FREE char *command = take_text(t, "command");
    const char *identity = other ? other : own;
    if (!type || !identity || !command || (result && strcmp(result, "denied") == 0))
        return;
    if (strcmp(type, "intent") != 0)
        return;
    if (strncmp(command, gateway_prefix, strlen(gateway_prefix)) == 0)
        take_admin(l, identity, command);
    else
        take_intent(l, t, identity, command);
}

static enum cli_exit take_line(struct learner *l, struct span line)
{
    struct error err;
    struct qmp_scanner *scanner = qmp_scan_object(&limits, line);
    const struct qmp_tape *t = scanner ? qmp_scanner_tape(scanner) : NULL;
    bool record = t && qmp_tape_find(t, 0, SPAN_LIT("type")) != QMP_NONE;
    if (record)
        take_record(l, t);
    qmp_scanner_free(scanner);
    if (record)
        return CLI_EXIT_OK;
    error_set(&err, ERROR_STATE, "%s:%u: this is no record of an audit log", l->file, l->line);
    return cli_fail_local(&err);
}

/* A last line without its end is what a daemon is writing now. */
static enum cli_exit read_log(struct learner *l, FILE *f)
{
    CLEANUP_FREE char *line = NULL;
    size_t cap = 0;
    enum cli_exit code = CLI_EXIT_OK;
    for (ssize_t n; code == CLI_EXIT_OK && (n = getline(&line, &cap, f)) > 0;) {
        l->line++;
        if (line[n - 1] != '\n')
            break;
        code = take_line(l, (struct span){ line, (size_t)n - 1 });
    }
    return code;
}

static enum cli_exit read_file(struct learner *l, const char *path)
{
    struct error err;
    FILE *f = fopen(path, "rbe");
    l->file = path;
    l->line = 0;
    errno = 0;
    enum cli_exit code = f ? read_log(l, f) : CLI_EXIT_OK;
    if (!f || ferror(f)) {
        error_set_errno(&err, "%s", path);
        code = cli_fail_local(&err);
    }
    if (f)
        fclose(f);
    return code;
}

/* --- deeds ------------------------------------------------------------------------------------ */

/* A deed taken apart again. */
struct parts {
    char *copy; /* owned */
    const char *identity, *vm, *command;
    struct qmp_scanner *scanner; /* owned */
    const struct qmp_tape *tape;
    uint32_t arguments;
};

static struct parts take_apart(const struct deed *d)
{
    struct parts p = { .copy = mem_strdup(d->key), .arguments = QMP_NONE };
    char *at = p.copy;
    p.identity = strsep(&at, "\n");
    p.vm = strsep(&at, "\n");
    p.command = strsep(&at, "\n");
    const char *json = at && *at ? at : "{}";
    p.scanner = qmp_scan_object(&limits, policy_span(json));
    p.tape = p.scanner ? qmp_scanner_tape(p.scanner) : NULL;
    p.arguments = p.tape && at && *at ? 0 : QMP_NONE;
    return p;
}

static void clear_parts(struct parts *p)
{
    qmp_scanner_free(p->scanner);
    free(p->copy);
}

static void learn_deed(struct learner *l, struct deed *d)
{
    struct error err = { .text = "it cannot be taken apart" };
    struct parts p = take_apart(d);
    if (!p.tape || !policy_learn_command(&l->learned, p.identity, p.vm, policy_span(p.command),
                                         p.tape, p.arguments, &err)) {
        skip(l, d->place, p.command, err.text);
        d->skipped = true;
    }
    clear_parts(&p);
}

/* What came out is asked about every deed: nothing is promised that was not seen. */
static void prove_deed(struct learner *l, struct acl_program *program, const struct deed *d)
{
    struct parts p = take_apart(d);
    struct acl_workspace work = { 0 };
    const struct acl_vm vm = { .name = p.vm };
    struct acl_rights *r = acl_rights_new(program, acl_subject_named(p.identity), &vm);
    if (p.tape) {
        struct acl_verdict v = acl_check(r, &work, policy_span(p.command), p.tape, p.arguments);
        if (v.decision != ACL_ALLOWED)
            skip(l, d->place, p.command, v.reason ? v.reason : "it depends");
    }
    acl_workspace_fini(&work);
    acl_rights_unref(r);
    clear_parts(&p);
}

static void tell_line(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "%s\n", line);
}

static enum cli_exit prove(struct learner *l, const struct buf *text)
{
    struct acl_policy *policy;
    if (acl_policy_parse("learned", buf_data(text), buf_len(text), tell_line, NULL, &policy) < 0)
        return CLI_EXIT_POLICY;
    struct acl_program *program = acl_program_new(policy, l->schemas.at[0].schema);
    for (const struct deed *d = l->deeds; d; d = d->hh.next) {
        if (!d->skipped)
            prove_deed(l, program, d);
    }
    acl_program_unref(program);
    acl_policy_unref(policy);
    return CLI_EXIT_OK;
}

static enum cli_exit write_policy(struct learner *l)
{
    CLEANUP_BUF struct buf text = { 0 };
    unsigned n = HASH_COUNT(l->deeds);
    buf_printf(
        &text,
        "# Learned by qmpgate policy learn from %u different commands. Events are not in the "
        "audit: none\n# is shown to anybody here. Read it before you use it.\n",
        n);
    for (struct deed *d = l->deeds; d; d = d->hh.next)
        learn_deed(l, d);
    policy_learned_write(&l->learned, &text);
    enum cli_exit code = prove(l, &text);
    fwrite(buf_data(&text), 1, buf_len(&text), stdout);
    return code == CLI_EXIT_OK && l->n_skipped > 0 ? CLI_EXIT_FOUND : code;
}

/* --- the tool --------------------------------------------------------------------------------- */

enum { OPTION_SCHEMA = 256, OPTION_GENERALISE };

static const struct option options[] = {
    { "schema", required_argument, NULL, OPTION_SCHEMA },
    { "generalise", no_argument, NULL, OPTION_GENERALISE },
    { 0 },
};

static bool take_option(void *opaque, int option, const char *value)
{
    struct learner *l = opaque;
    if (option == OPTION_SCHEMA)
        l->schema = value;
    else
        l->learned.together = true;
    return true;
}

static struct acl_program *without_rights(struct qmp_schema *schema)
{
    static const char text[] = "role \"nothing\" { deny = {\"*\"} }";
    struct acl_policy *policy;
    if (acl_policy_parse("nothing", text, strlen(text), NULL, NULL, &policy) < 0)
        abort();
    struct acl_program *program = acl_program_new(policy, schema);
    acl_policy_unref(policy);
    return program;
}

static enum cli_exit learn(struct learner *l, int n_files, char **files)
{
    enum cli_exit code = l->schema ? policy_schemas_load(&l->schemas, l->schema)
                                   : policy_schemas_default(&l->schemas);
    if (code != CLI_EXIT_OK)
        return code;
    l->learned.program = without_rights(l->schemas.at[0].schema);
    for (int i = 0; code == CLI_EXIT_OK && i < n_files; i++)
        code = read_file(l, files[i]);
    return code == CLI_EXIT_OK ? write_policy(l) : code;
}

static void clear(struct learner *l)
{
    struct deed *d, *next;
    HASH_ITER (hh, l->deeds, d, next) {
        HASH_DEL(l->deeds, d);
        free(d->key);
        free(d->place);
        free(d);
    }
    policy_learned_clear(&l->learned);
    policy_schemas_clear(&l->schemas);
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    struct learner l = { 0 };
    (void)cli;
    int first = cli_options_anywhere(&policy_learn, argc, argv, options, take_option, &l);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first >= argc)
        return cli_usage(&policy_learn, "policy learn: which audit logs?");
    enum cli_exit code = learn(&l, argc - first, argv + first);
    clear(&l);
    return code;
}

const struct verb policy_learn = {
    .name = "policy learn",
    .synopsis = "[--schema FILE] [--generalise] AUDIT...",
    .summary = "Write a policy for what audit logs say was done",
    .help =
        "  --generalise    a person's VMs are taken together, by what their names begin with\n"
        "  --schema FILE   what query-qmp-schema returns at the VMs\n"
        "\n"
        "Each person gets the commands that were sent for him, on the VMs where they were. For\n"
        "arguments that reach the host there are rules: files under the directory that all of\n"
        "them are in, sizes up to the largest one, rounded up to a power of two; hosts, ports and\n"
        "other words as they were. What the audit hides or cuts may be anything (any). Events\n"
        "are not in an audit, and refused commands are not learned.\n"
        "\n"
        "The policy is proved: what it would not allow of the logs is told on standard error, and\n"
        "the exit code is 1 then.\n"
        "\n"
        "Example:\n"
        "  qmpgate policy learn /var/log/qmpgate/audit.log > policy.conf\n",
    .run = run,
};
