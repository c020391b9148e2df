/* What the words of a role mean. */
#include "config.h"
#include "acl/parse_internal.h"

#include <stdlib.h>
#include <string.h>
#include "acl/hmp.h"
#include "acl/order.h"
#include "acl/rule.h"
#include "base/log.h"
#include "base/mem.h"

/* --- names ------------------------------------------------------------------------------------ */

/* The roles that a list names, as numbers. */
uint32_t *acl_parse_role_names(struct acl_parser *p, cfg_t *section, const char *option,
                               size_t *n_out)
{
    size_t n = acl_text_n_words(section, option);
    uint32_t *numbers = MEM_NEW_N(uint32_t, n + 1);
    *n_out = 0;
    for (size_t i = 0; i < n; i++) {
        const struct acl_word *w = acl_text_word(section, option, i);
        const struct acl_title *t = acl_parse_find_title(p->roles, w->text);
        if (t)
            numbers[(*n_out)++] = t->number;
        else
            acl_parse_refuse(p, w, "there is no role of that name");
    }
    return numbers;
}

/* A rule of the role, or of a clause in it. */
static void add_rule(struct acl_parser *p, const struct acl_word *w, struct acl_rule rule)
{
    struct acl_policy *policy = p->policy;
    CLEANUP_FREE char *text = NULL;
    struct error err;
    rule.line = w->line;
    int rc = rule.effect == ACL_EFFECT_HMP ? acl_hmp_pattern_parse(w->text, &text, &err)
                                           : acl_rule_parse(w->text, &rule, &err);
    if (rc < 0) {
        acl_parse_refuse(p, w, err.text);
        return;
    }
    mem_grow((void **)&policy->words, &policy->cap_words, policy->n_words + 1,
             sizeof(*policy->words));
    rule.text = policy->words[policy->n_words++] = text ? TAKE_PTR(text) : mem_strdup(w->text);
    rule.span = (struct span){ rule.text, strlen(rule.text) };
    mem_grow((void **)&policy->rules, &policy->cap_rules, policy->n_rules + 1,
             sizeof(*policy->rules));
    policy->rules[policy->n_rules++] = rule;
}

static void read_rules(struct acl_parser *p, cfg_t *section, const char *option,
                       struct acl_rule rule)
{
    for (size_t i = 0; i < acl_text_n_words(section, option); i++)
        add_rule(p, acl_text_word(section, option, i), rule);
}

/* --- rules with conditions -------------------------------------------------------------------- */

static void read_conditions(struct acl_parser *p, cfg_t *section, struct acl_clause *clause)
{
    size_t n = acl_text_n_words(section, "when");
    clause->conditions = MEM_NEW_N(struct acl_condition, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct acl_word *w = acl_text_word(section, "when", i);
        struct acl_condition *c = &clause->conditions[clause->n_conditions];
        struct error err;
        if (acl_condition_parse(w->text, c, &err) < 0) {
            acl_parse_refuse(p, w, err.text);
            continue;
        }
        c->line = w->line;
        clause->variable |= c->variable;
        clause->n_conditions++;
    }
}

/* An empty list is half of a thought. */
static void check_clause(struct acl_parser *p, cfg_t *section, const struct acl_clause *clause)
{
    size_t commands = acl_text_n_words(section, "commands");
    size_t events = acl_text_n_words(section, "events");
    const char *missing = NULL;
    if ((commands == 0) == (events == 0))
        missing = "is for commands = {...} or for events = {...}, for one of them";
    else if (acl_text_n_words(section, "when") == 0)
        missing = "has no when = {...}: what needs no condition stands in allow or events";
    char shown[LOG_ESCAPE_MAX];
    if (missing)
        acl_reports_add(&p->reports, clause->line, "rule \"%s\" %s",
                        log_escape(clause->name, strlen(clause->name), shown), missing);
}

static void read_clause(struct acl_parser *p, const struct cfgtext_item *outer, cfg_t *section,
                        uint32_t role)
{
    struct acl_policy *policy = p->policy;
    const struct cfgtext_item *item =
        cfgtext_find(p->outline, outer, cfg_name(section), cfg_title(section));
    uint32_t number = (uint32_t)policy->n_clauses++;
    mem_grow((void **)&policy->clauses, &policy->cap_clauses, policy->n_clauses,
             sizeof(*policy->clauses));
    struct acl_clause *clause = &policy->clauses[number];
    *clause = (struct acl_clause){
        .name = mem_strdup(cfg_title(section)),
        .role = role,
        .line = item ? item->line : 0,
    };
    acl_parse_check_title(p, "rule", clause->name, clause->line);
    read_conditions(p, section, clause);
    check_clause(p, section, clause);
    struct acl_rule rule = { .effect = ACL_EFFECT_ALLOW, .role = role, .clause = number };
    read_rules(p, section, "commands", rule);
    rule.effect = ACL_EFFECT_EVENT;
    read_rules(p, section, "events", rule);
}

/* --- what is not shown ------------------------------------------------------------------------ */

static int parse_redaction(const char *text, struct acl_redaction *out, struct error *err)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    struct acl_rule command = { .effect = ACL_EFFECT_ALLOW };
    if (!colon || colon[1] != ' ')
        return error_set(err, ERROR_INVALID, "what is not shown is written \"COMMAND: PATH\"");
    CLEANUP_FREE char *name = mem_strndup(text, len);
    int rc = acl_rule_parse(name, &command, err);
    if (rc < 0)
        return rc;
    if (command.kind != ACL_RULE_NAME)
        return error_set(err, ERROR_INVALID, "a command is named: replies differ");
    const char *path = colon + 1 + strspn(colon + 1, " ");
    rc = acl_path_parse(path, strlen(path), &out->path, err);
    if (rc == 0)
        out->command = TAKE_PTR(name);
    return rc;
}

static void read_redactions(struct acl_parser *p, cfg_t *section, uint32_t role)
{
    struct acl_policy *policy = p->policy;
    for (size_t i = 0; i < acl_text_n_words(section, "redact"); i++) {
        const struct acl_word *w = acl_text_word(section, "redact", i);
        struct acl_redaction r = { .role = role, .line = w->line };
        struct error err;
        if (parse_redaction(w->text, &r, &err) < 0) {
            acl_parse_refuse(p, w, err.text);
            continue;
        }
        mem_grow((void **)&policy->redactions, &policy->cap_redactions, policy->n_redactions + 1,
                 sizeof(*policy->redactions));
        policy->redactions[policy->n_redactions++] = r;
    }
}

/* --- roles ------------------------------------------------------------------------------------ */

static void read_role(struct acl_parser *p, uint32_t number)
{
    struct acl_policy *policy = p->policy;
    cfg_t *section = cfg_getnsec(p->tree, "role", number);
    const struct cfgtext_item *item =
        cfgtext_find(p->outline, NULL, cfg_name(section), cfg_title(section));
    struct acl_role *role = &policy->roles[number];
    struct acl_rule rule = { .role = number, .clause = ACL_NO_CLAUSE };
    static const struct {
        const char *option;
        enum acl_effect effect;
    } lists[] = {
        { "allow", ACL_EFFECT_ALLOW },
        { "deny", ACL_EFFECT_DENY },
        { "events", ACL_EFFECT_EVENT },
        { "hmp", ACL_EFFECT_HMP },
    };
    role->name = mem_strdup(cfg_title(section));
    role->includes = acl_parse_role_names(p, section, "include", &role->n_includes);
    role->first_rule = (uint32_t)policy->n_rules;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        rule.effect = lists[i].effect;
        read_rules(p, section, lists[i].option, rule);
    }
    for (unsigned i = 0; i < cfg_size(section, "rule"); i++)
        read_clause(p, item, cfg_getnsec(section, "rule", i), number);
    role->n_rules = (uint32_t)policy->n_rules - role->first_rule;
    role->first_redaction = (uint32_t)policy->n_redactions;
    read_redactions(p, section, number);
    role->n_redactions = (uint32_t)policy->n_redactions - role->first_redaction;
}

/* Where a role includes another. */
static unsigned line_of_include(const struct acl_parser *p, uint32_t role, const char *included)
{
    cfg_t *section = cfg_getnsec(p->tree, "role", role);
    for (size_t i = 0; i < acl_text_n_words(section, "include"); i++) {
        const struct acl_word *w = acl_text_word(section, "include", i);
        if (strcmp(w->text, included) == 0)
            return w->line;
    }
    return acl_parse_line(p, section);
}

static void refuse_cycle(void *opaque, const uint32_t *path, size_t n)
{
    struct acl_parser *p = opaque;
    const struct acl_role *roles = p->policy->roles;
    CLEANUP_BUF struct buf names = { 0 };
    for (size_t i = 0; i <= n; i++) {
        char shown[LOG_ESCAPE_MAX];
        const char *name = roles[path[i % n]].name;
        buf_printf(&names, "%s\"%s\"", i ? " includes " : "",
                   log_escape(name, strlen(name), shown));
    }
    acl_reports_add(&p->reports, line_of_include(p, path[n - 1], roles[path[0]].name),
                    "roles that include each other: %.*s", (int)buf_len(&names), buf_data(&names));
}

void acl_parse_roles(struct acl_parser *p)
{
    struct acl_policy *policy = p->policy;
    for (uint32_t i = 0; i < policy->n_roles; i++)
        read_role(p, i);
    policy->order = MEM_NEW_N(uint32_t, policy->n_roles + 1);
    acl_order_roles(policy->roles, policy->n_roles, policy->order, refuse_cycle, p);
}
