/* Runs every NAME.policy with its NAME.cases, and bad.table. README.md has their forms. */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "qmp/scan.h"
#include "qmp/validate.h"
#include "tests/acl/cases.h"

#define VMS_MAX    64
#define LABELS_MAX 8
#define WHOS_MAX   64
#define ATTRS_MAX  8

static unsigned n_run, n_failed;

PRINTF(3, 4) static void fail(const char *file, unsigned line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("%s:%u: ", file, line);
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    n_failed++;
}

/* --- words ------------------------------------------------------------------------------------ */

/* The next word of a line, or one in double quotes; NULL at its end. Writes into the line. */
static char *next_word(char **at)
{
    char *s = *at + strspn(*at, " \t");
    if (!*s)
        return NULL;
    bool quoted = *s == '"';
    s += quoted;
    char *end = s + strcspn(s, quoted ? "\"" : " \t");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return s;
}

static char *next_line(char **at)
{
    char *line = *at;
    if (!*line)
        return NULL;
    char *end = line + strcspn(line, "\n");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return line;
}

/* --- cases ------------------------------------------------------------------------------------ */

struct table {
    const char *file;
    unsigned line;
    struct acl_policy *policy;
    struct acl_program *program;
    struct qmp_schema *schema; /* the program's */
    struct acl_vm vms[VMS_MAX];
    const char *labels[VMS_MAX][LABELS_MAX];
    size_t n_vms;
    const char *shorts[WHOS_MAX];
    struct acl_subject whos[WHOS_MAX];
    const char *attributes[WHOS_MAX][ATTRS_MAX];
    size_t n_whos;
};

static void declare_vm(struct table *t, char *rest)
{
    if (t->n_vms == VMS_MAX) {
        fail(t->file, t->line, "too many VMs");
        return;
    }
    struct acl_vm *vm = &t->vms[t->n_vms];
    const char **labels = t->labels[t->n_vms++];
    *vm = (struct acl_vm){ .name = next_word(&rest), .labels = labels };
    for (char *word; (word = next_word(&rest)) != NULL;) {
        if (strncmp(word, "uuid=", 5) == 0)
            vm->uuid = word + 5;
        else if (vm->n_labels < LABELS_MAX)
            labels[vm->n_labels++] = word;
    }
}

static void declare_who(struct table *t, char *rest)
{
    if (t->n_whos == WHOS_MAX) {
        fail(t->file, t->line, "too many of who");
        return;
    }
    struct acl_subject *who = &t->whos[t->n_whos];
    const char **attributes = t->attributes[t->n_whos];
    t->shorts[t->n_whos++] = next_word(&rest);
    *who = (struct acl_subject){ .name = next_word(&rest), .attributes = attributes };
    for (char *word; (word = next_word(&rest)) != NULL && who->n_attributes < ATTRS_MAX;)
        attributes[who->n_attributes++] = word;
}

static struct acl_subject find_who(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->n_whos; i++) {
        if (strcmp(t->shorts[i], name) == 0)
            return t->whos[i];
    }
    return acl_subject_named(name);
}

static struct acl_vm find_vm(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->n_vms; i++) {
        if (strcmp(t->vms[i].name, name) == 0)
            return t->vms[i];
    }
    return (struct acl_vm){ .name = name };
}

static const char *admin_names(unsigned admin, char out[128])
{
    static const char *const names[] = { "sessions", "session-close", "reload",
                                         "stats",    "audit-tail",    "login-release" };
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (admin & 1u << i)
            snprintf(out + strlen(out), 128 - strlen(out), "%s%s", *out ? "," : "", names[i]);
    }
    return *out ? out : "none";
}

static struct span span_of(const char *s)
{
    return (struct span){ s, strlen(s) };
}

static const char *const words[] = {
    [ACL_ALLOWED] = "allow",
    [ACL_CONDITIONAL] = "depends",
    [ACL_DENIED] = "deny",
    [ACL_UNKNOWN_COMMAND] = "unknown",
};

static const struct qmp_scan_limits limits = { .max_bytes = 1 << 20,
                                               .max_depth = 64,
                                               .max_tokens = 65536 };

static const char *judge_command(const struct table *t, const struct acl_rights *rights,
                                 const char *command, const struct qmp_tape *tape, char rule[1024])
{
    struct acl_workspace work = { 0 };
    struct qmp_argument_fault fault;
    struct span name = span_of(command);
    int number = qmp_schema_find_command(t->schema, name);
    if (tape && number >= 0 && !qmp_validate(t->schema, (unsigned)number, tape, 0, &fault))
        return "invalid";
    struct acl_verdict v =
        tape ? acl_check(rights, &work, name, tape, 0) : acl_check_name(rights, name);
    bool refused = v.decision == ACL_DENIED || v.decision == ACL_UNKNOWN_COMMAND;
    if (refused && !v.reason)
        fail(t->file, t->line, "refused without a reason");
    snprintf(rule, 1024, "%s", refused && tape && v.decision == ACL_DENIED ? v.reason : v.rule);
    acl_workspace_fini(&work);
    return words[v.decision];
}

/* The verdict, and the rule or (of arguments that are refused) the reason. */
static const char *judge(const struct table *t, struct acl_subject who, const struct acl_vm *vm,
                         const char *command, const char *json, char rule[1024])
{
    struct acl_rights *rights = acl_rights_new(t->program, who, vm);
    struct qmp_scanner *scanner = json ? qmp_scan_object(&limits, span_of(json)) : NULL;
    const struct qmp_tape *tape = scanner ? qmp_scanner_tape(scanner) : NULL;
    const char *answer;
    if (json && !tape)
        fail(t->file, t->line, "these arguments are no JSON object");
    if (strncmp(command, "event:", 6) == 0)
        answer = words[acl_check_event(rights, span_of(command + 6), tape, tape ? 0 : QMP_NONE)];
    else
        answer = judge_command(t, rights, command, tape, rule);
    qmp_scanner_free(scanner);
    acl_rights_unref(rights);
    return answer;
}

/* Arguments as JSON in front of the arrow; NULL if there are none. */
static const char *next_arguments(char **at)
{
    char *s = *at + strspn(*at, " \t");
    char *arrow = strstr(s, " -> ");
    if (*s != '{' || !arrow)
        return NULL;
    *arrow = '\0';
    *at = arrow + 1;
    return s;
}

/* By itself, and as one of many. */
static const char *sees(const struct table *t, struct acl_subject who, const struct acl_vm *vm)
{
    CLEANUP_VIEW struct acl_view *view = acl_view_new(t->policy, who);
    bool one = acl_policy_sees(t->policy, who, vm);
    if (acl_view_sees(view, vm) != one || acl_view_sees(view, vm) != one)
        fail(t->file, t->line, "%s: seen by itself or as one of many, but not both", vm->name);
    return one ? "yes" : "no";
}

static void run_case(const struct table *t, char *rest)
{
    const char *identity = next_word(&rest), *vm_name = next_word(&rest);
    const char *command = next_word(&rest), *json = next_arguments(&rest);
    const char *arrow = next_word(&rest);
    const char *expected = next_word(&rest);
    if (!expected || strcmp(arrow, "->") != 0) {
        fail(t->file, t->line, "not of the form IDENTITY VM COMMAND -> VERDICT [RULE]");
        return;
    }
    struct acl_vm vm = find_vm(t, vm_name);
    char names[128], rule[1024] = "";
    struct acl_subject who = find_who(t, identity);
    const char *answer;
    if (strcmp(command, "sees") == 0)
        answer = sees(t, who, &vm);
    else if (strcmp(command, "admits") == 0)
        answer = acl_policy_admits(t->policy, who) ? "yes" : "no";
    else if (strcmp(command, "admin") == 0)
        answer = admin_names(acl_policy_admin(t->policy, who), names);
    else if (strcmp(command, "delegate") == 0)
        answer = acl_policy_delegates(t->policy, who, vm_name);
    else
        answer = judge(t, who, &vm, command, json, rule);
    answer = answer ? answer : "none";
    n_run++;
    rest += strspn(rest, " \t");
    if (strcmp(answer, expected) != 0)
        fail(t->file, t->line, "%s %s %s: %s (%s), not %s", identity, vm_name, command, answer,
             rule, expected);
    else if (*rest && strcmp(rest, rule) != 0)
        fail(t->file, t->line, "%s %s %s: by %s, not %s", identity, vm_name, command, rule, rest);
}

static void run_cases(struct table *t, char *text)
{
    for (char *line; (line = next_line(&text)) != NULL;) {
        t->line++;
        line += strspn(line, " \t");
        if (strncmp(line, "vm ", 3) == 0)
            declare_vm(t, line + 3);
        else if (strncmp(line, "who ", 4) == 0)
            declare_who(t, line + 4);
        else if (*line && *line != '#')
            run_case(t, line);
    }
}

static void print_error(void *opaque, const char *line)
{
    (void)opaque;
    printf("%s\n", line);
}

static void run_policy(const char *name, struct qmp_schema *schema)
{
    CLEANUP_BUF struct buf policy = { 0 }, cases = { 0 };
    /* the examples that are shipped are tested as they are: example-x is policy-x.conf */
    bool example = strncmp(name, "example", 7) == 0;
    CLEANUP_FREE char *policy_path = example ? mem_printf("conf/examples/policy%s.conf", name + 7)
                                             : mem_printf("tests/acl/%s.policy", name);
    CLEANUP_FREE char *cases_path = mem_printf("tests/acl/%s.cases", name);
    cases_load(policy_path, &policy);
    cases_load(cases_path, &cases);
    struct table t = { .file = cases_path };
    if (acl_policy_parse(policy_path, buf_data(&policy), buf_len(&policy) - 1, print_error, NULL,
                         &t.policy) < 0) {
        fail(policy_path, 0, "is refused");
        return;
    }
    t.schema = schema;
    t.program = acl_program_new(t.policy, schema);
    run_cases(&t, buf_data(&cases));
    acl_program_unref(t.program);
    acl_policy_unref(t.policy);
}

/* --- bad policies ----------------------------------------------------------------------------- */

static void collect(void *opaque, const char *line)
{
    buf_printf(opaque, "%s\n", line);
}

/* Each line of what was reported begins with the expected one. */
static void compare_reports(const char *title, unsigned line, char *reported, const char *expected)
{
    for (const char *e = expected; *e;) {
        size_t len = strcspn(e, "\n");
        const char *got = next_line(&reported);
        if (!got || strncmp(got, e, len) != 0)
            fail("bad.table", line, "%s: reported \"%s\", not \"%.*s\"", title,
                 got ? got : "nothing", (int)len, e);
        e += len + (e[len] == '\n');
    }
    for (const char *got; (got = next_line(&reported)) != NULL;)
        fail("bad.table", line, "%s: reported \"%s\", too", title, got);
}

static void run_bad(const char *title, unsigned line, const struct buf *text, struct buf *expected)
{
    CLEANUP_BUF struct buf reported = { 0 };
    struct acl_policy *policy = NULL;
    n_run++;
    int rc = acl_policy_parse("p", buf_data(text), buf_len(text), collect, &reported, &policy);
    if (rc == 0 || policy)
        fail("bad.table", line, "%s: is accepted", title);
    acl_policy_unref(policy);
    buf_add_char(&reported, '\0');
    buf_add_char(expected, '\0');
    if (!*buf_data(expected))
        fail("bad.table", line, "%s: expects nothing", title);
    compare_reports(title, line, buf_data(&reported), buf_data(expected));
}

static void run_bad_table(void)
{
    CLEANUP_BUF struct buf table = { 0 }, text = { 0 }, expected = { 0 };
    cases_load("tests/acl/bad.table", &table);
    char *at = buf_data(&table);
    const char *title = NULL;
    unsigned line_number = 0, began = 0;
    bool in_text = false;
    for (char *line; (line = next_line(&at)) != NULL;) {
        line_number++;
        if (strncmp(line, "--- ", 4) == 0) {
            if (title)
                run_bad(title, began, &text, &expected);
            buf_clear(&text);
            buf_clear(&expected);
            title = line + 4;
            began = line_number;
            in_text = true;
        } else if (strcmp(line, "===") == 0) {
            in_text = false;
        } else if (in_text) {
            buf_printf(&text, "%s\n", line);
        } else if (*line && title) {
            buf_printf(&expected, "p:%s\n", line);
        }
    }
    if (title)
        run_bad(title, began, &text, &expected);
}

int main(void)
{
    struct qmp_schema *schema = cases_load_schema();
    const char *top = getenv("abs_top_srcdir");
    CLEANUP_FREE char *path = mem_printf("%s/tests/acl", top ? top : ".");
    DIR *d = opendir(path);
    if (!d) {
        perror(path);
        return 99;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot && strcmp(dot, ".cases") == 0) {
            CLEANUP_FREE char *name = mem_strndup(e->d_name, (size_t)(dot - e->d_name));
            run_policy(name, schema);
        }
    }
    closedir(d);
    run_bad_table();
    qmp_schema_unref(schema);
    printf("%u cases, %u failures\n", n_run, n_failed);
    return n_run == 0 || n_failed > 0;
}
