#include "config.h"
#include "cli/policy_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "acl/principal.h"
#include "acl/rights_internal.h"
#include "base/mem.h"
#include "qmp/agent.h"
#include "qmp/scan.h"
#include "qmp/validate.h"

#define RULE_MAX 1024u /* bytes of a rule's name or a reason, with NUL; more is cut */

/* Somebody or something that the table declares. */
struct declared_vm {
    struct acl_vm vm; /* its labels are owned */
    size_t cap;       /* of the labels */
};

struct declared_who {
    const char *name;       /* what the table calls him */
    struct acl_subject who; /* its attributes are owned */
    size_t cap;
};

struct table {
    struct policy_cases *cases;
    unsigned line;
    struct acl_program *program;
    struct acl_program *agents; /* the same for guest agents; NULL: not asked for yet */
    struct declared_vm *vms;    /* owned */
    size_t n_vms, cap_vms;
    struct declared_who *whos; /* owned */
    size_t n_whos, cap_whos;
};

PRINTF(2, 3) static void fail(const struct table *t, const char *fmt, ...)
{
    CLEANUP_BUF struct buf line = { 0 };
    char text[2 * RULE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    buf_printf(&line, "%s:%u: %s", t->cases->file, t->line, text);
    buf_add_char(&line, '\0');
    t->cases->report(t->cases->opaque, buf_data(&line));
    t->cases->n_failed++;
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

char *policy_cases_next_line(char **at)
{
    char *line = *at;
    if (!*line)
        return NULL;
    char *end = line + strcspn(line, "\n");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return line;
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

static struct span span_of(const char *s)
{
    return (struct span){ s, strlen(s) };
}

/* --- what is declared ------------------------------------------------------------------------- */

static void add_word(const char *const **list, size_t *n, size_t *cap, const char *word)
{
    void *array = (void *)*list;
    mem_grow(&array, cap, *n + 1, sizeof(**list));
    const char **words = array;
    words[(*n)++] = word;
    *list = words;
}

static void declare_vm(struct table *t, char *rest)
{
    const char *name = next_word(&rest);
    if (!name) {
        fail(t, "vm NAME [uuid=UUID] [LABEL=VALUE ...]");
        return;
    }
    mem_grow((void **)&t->vms, &t->cap_vms, t->n_vms + 1, sizeof(*t->vms));
    struct declared_vm *d = &t->vms[t->n_vms++];
    *d = (struct declared_vm){ .vm = { .name = name } };
    for (char *word; (word = next_word(&rest)) != NULL;) {
        if (strncmp(word, "uuid=", 5) == 0)
            d->vm.uuid = word + 5;
        else if (strchr(word, '='))
            add_word(&d->vm.labels, &d->vm.n_labels, &d->cap, word);
        else
            fail(t, "\"%s\" is no LABEL=VALUE", word);
    }
}

static void check_name(const struct table *t, const char *name)
{
    CLEANUP_PRINCIPAL struct acl_principal *p = NULL;
    struct error err;
    if (t->cases->proper_names && acl_principal_parse_identity(name, &p, &err) < 0)
        fail(t, "\"%s\" is nobody: %s", name, err.text);
}

static void declare_who(struct table *t, char *rest)
{
    const char *name = next_word(&rest), *identity = next_word(&rest);
    if (!identity) {
        fail(t, "who NAME \"IDENTITY\" [\"ATTRIBUTE\" ...]");
        return;
    }
    check_name(t, identity);
    mem_grow((void **)&t->whos, &t->cap_whos, t->n_whos + 1, sizeof(*t->whos));
    struct declared_who *d = &t->whos[t->n_whos++];
    *d = (struct declared_who){ .name = name, .who = { .name = identity } };
    for (char *word; (word = next_word(&rest)) != NULL;) {
        check_name(t, word);
        add_word(&d->who.attributes, &d->who.n_attributes, &d->cap, word);
    }
}

static struct acl_subject find_who(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->n_whos; i++) {
        if (strcmp(t->whos[i].name, name) == 0)
            return t->whos[i].who;
    }
    check_name(t, name);
    return acl_subject_named(name);
}

/* NAME, or NAME:agent, of which `own` becomes the NAME. */
static struct acl_vm find_vm(const struct table *t, const char *name, char **own)
{
    size_t agent_of = acl_agent_of(name);
    *own = mem_strndup(name, agent_of ? agent_of : strlen(name));
    struct acl_vm vm = { .name = *own };
    name = *own;
    for (size_t i = 0; i < t->n_vms; i++) {
        if (strcmp(t->vms[i].vm.name, name) == 0)
            vm = t->vms[i].vm;
    }
    vm.agent = agent_of > 0;
    return vm;
}

static struct acl_program *program_for(struct table *t, const struct acl_vm *vm)
{
    if (vm->agent && !t->agents) {
        struct qmp_schema *schema = qmp_agent_schema();
        t->agents = acl_program_new(t->cases->policy, schema);
        qmp_schema_unref(schema);
    }
    return vm->agent ? t->agents : t->program;
}

static void forget(struct table *t)
{
    for (size_t i = 0; i < t->n_vms; i++)
        free((void *)t->vms[i].vm.labels);
    for (size_t i = 0; i < t->n_whos; i++)
        free((void *)t->whos[i].who.attributes);
    free(t->vms);
    free(t->whos);
}

/* --- one case --------------------------------------------------------------------------------- */

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
                                 const char *command, const struct qmp_tape *tape,
                                 char rule[RULE_MAX])
{
    struct acl_workspace work = { 0 };
    struct qmp_argument_fault fault;
    const struct qmp_schema *schema = rights->program->schema;
    struct span name = span_of(command);
    int number = qmp_schema_find_command(schema, name);
    if (tape && number >= 0 && !qmp_validate(schema, (unsigned)number, tape, 0, &fault)) {
        qmp_argument_fault_text(&fault, tape, rule);
        return "invalid";
    }
    struct acl_verdict v =
        tape ? acl_check(rights, &work, name, tape, 0) : acl_check_name(rights, name);
    bool refused = v.decision == ACL_DENIED || v.decision == ACL_UNKNOWN_COMMAND;
    if (refused && !v.reason)
        fail(t, "refused without a reason");
    if (t->cases->proper_names && number < 0 && v.decision == ACL_DENIED)
        fail(t, "the schema has no command %s", command);
    snprintf(rule, RULE_MAX, "%s", refused && tape && v.decision == ACL_DENIED ? v.reason : v.rule);
    acl_workspace_fini(&work);
    return words[v.decision];
}

static const char *judge_event(const struct table *t, const struct acl_rights *rights,
                               const char *event, const struct qmp_tape *tape)
{
    if (t->cases->proper_names && qmp_schema_find_event(t->cases->schema, span_of(event)) < 0)
        fail(t, "the schema has no event %s", event);
    return words[acl_check_event(rights, span_of(event), tape, tape ? 0 : QMP_NONE)];
}

/* The verdict, and the rule or (of arguments that are refused) the reason. */
static const char *judge(struct table *t, struct acl_subject who, const struct acl_vm *vm,
                         const char *command, const char *json, char rule[RULE_MAX])
{
    struct acl_rights *rights = acl_rights_new(program_for(t, vm), who, vm);
    struct qmp_scanner *scanner = json ? qmp_scan_object(&limits, span_of(json)) : NULL;
    const struct qmp_tape *tape = scanner ? qmp_scanner_tape(scanner) : NULL;
    const char *answer;
    if (json && !tape)
        fail(t, "these arguments are no JSON object");
    if (strncmp(command, "event:", 6) == 0)
        answer = judge_event(t, rights, command + 6, tape);
    else
        answer = judge_command(t, rights, command, tape, rule);
    qmp_scanner_free(scanner);
    acl_rights_unref(rights);
    return answer;
}

/* By itself, and as one of many. */
static const char *sees(const struct table *t, struct acl_subject who, const struct acl_vm *vm)
{
    CLEANUP_VIEW struct acl_view *view = acl_view_new(t->cases->policy, who);
    bool one = acl_policy_sees(t->cases->policy, who, vm);
    if (acl_view_sees(view, vm) != one || acl_view_sees(view, vm) != one)
        fail(t, "%s: seen by itself or as one of many, but not both", vm->name);
    return one ? "yes" : "no";
}

static const char *admin_names(unsigned admin, char out[RULE_MAX])
{
    static const char *const names[] = {
        "sessions",   "session-close", "reload",    "stats",
        "audit-tail", "login-release", "audit-all", "audit-rotate"
    };
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (admin & 1u << i)
            at += (size_t)snprintf(out + at, RULE_MAX - at, "%s%s", at ? "," : "", names[i]);
    }
    return at ? out : NULL;
}

static const char *answer_case(struct table *t, const char *identity, const char *vm_name,
                               const char *question, const char *json, char rule[RULE_MAX],
                               char names[RULE_MAX])
{
    const struct acl_policy *policy = t->cases->policy;
    CLEANUP_FREE char *own = NULL;
    struct acl_vm vm = find_vm(t, vm_name, &own);
    struct acl_subject who = find_who(t, identity);
    const char *answer;
    if (strcmp(question, "sees") == 0)
        answer = sees(t, who, &vm);
    else if (strcmp(question, "admits") == 0)
        answer = acl_policy_admits(policy, who) ? "yes" : "no";
    else if (strcmp(question, "admin") == 0)
        answer = admin_names(acl_policy_admin(policy, who), names);
    else if (strcmp(question, "delegate") == 0)
        answer = acl_policy_delegates(policy, who, vm_name);
    else
        answer = judge(t, who, &vm, question, json, rule);
    return answer ? answer : "none";
}

static void run_case(struct table *t, char *rest)
{
    const char *identity = next_word(&rest), *vm_name = next_word(&rest);
    const char *question = next_word(&rest), *json = next_arguments(&rest);
    const char *arrow = next_word(&rest);
    const char *expected = next_word(&rest);
    char rule[RULE_MAX] = "", names[RULE_MAX] = "";
    if (!expected || strcmp(arrow, "->") != 0) {
        fail(t, "not of the form IDENTITY VM COMMAND [ARGUMENTS] -> VERDICT [RULE]");
        return;
    }
    const char *answer = answer_case(t, identity, vm_name, question, json, rule, names);
    t->cases->n_run++;
    rest += strspn(rest, " \t");
    if (strcmp(answer, expected) != 0)
        fail(t, "%s %s %s: %s%s%s%s, not %s", identity, vm_name, question, answer,
             *rule ? " (" : "", rule, *rule ? ")" : "", expected);
    else if (*rest && strcmp(rest, rule) != 0)
        fail(t, "%s %s %s: by %s, not %s", identity, vm_name, question, rule, rest);
}

void policy_cases_run(struct policy_cases *c, char *text)
{
    struct table t = { .cases = c, .program = acl_program_new(c->policy, c->schema) };
    for (char *line; (line = policy_cases_next_line(&text)) != NULL;) {
        t.line++;
        line += strspn(line, " \t");
        if (strncmp(line, "vm ", 3) == 0)
            declare_vm(&t, line + 3);
        else if (strncmp(line, "who ", 4) == 0)
            declare_who(&t, line + 4);
        else if (*line && *line != '#')
            run_case(&t, line);
    }
    forget(&t);
    acl_program_unref(t.agents);
    acl_program_unref(t.program);
}
