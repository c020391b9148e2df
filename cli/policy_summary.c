#include "config.h"
#include "cli/policy_summary.h"

#include <stdlib.h>
#include <string.h>
#include "acl/hmp.h"
#include "acl/rights_internal.h"
#include "base/mem.h"

static const char *const admin_names[] = { "sessions",  "session-close", "reload",
                                           "stats",     "audit-tail",    "login-release",
                                           "audit-all", "audit-rotate" };

const char *policy_admin_name(unsigned bit)
{
    return bit < ARRAY_SIZE(admin_names) ? admin_names[bit] : NULL;
}

static struct policy_option option_of(const struct acl_rights *r, const struct acl_option *o)
{
    const struct acl_policy *p = r->program->policy;
    const struct acl_citation *c = &r->citations[o->citation];
    return (struct policy_option){
        .rule = c->rule,
        .conditions = o->conditions,
        .n_conditions = o->n_conditions,
        .line = p->rules[c->number].line,
        .never = o->never,
    };
}

static void add_options(struct policy_entry *e, const struct acl_rights *r,
                        const struct acl_options *from, size_t first, size_t n)
{
    e->options = MEM_NEW_N(struct policy_option, n + 1);
    for (size_t i = 0; i < n; i++)
        e->options[e->n_options++] = option_of(r, &from->at[first + i]);
}

static enum policy_standing standing_of(const struct acl_rights *r, const struct policy_entry *e,
                                        unsigned command)
{
    switch (acl_check_name(r, policy_span(e->name)).decision) {
    case ACL_ALLOWED:
        return acl_reach_is_possible(r->program->reach, command) ? POLICY_PLAIN : POLICY_ALLOWED;
    case ACL_CONDITIONAL:
        return POLICY_DEPENDS;
    case ACL_DENIED:
    case ACL_UNKNOWN_COMMAND:
        break;
    }
    return POLICY_REFUSED;
}

static void add_commands(struct policy_summary *s, const struct acl_rights *r)
{
    const struct qmp_schema *schema = r->program->schema;
    s->n_commands = qmp_schema_n_commands(schema);
    s->commands = MEM_NEW_N(struct policy_entry, s->n_commands + 1);
    for (unsigned i = 0; i < s->n_commands; i++) {
        struct policy_entry *e = &s->commands[i];
        e->name = qmp_schema_command(schema, i)->name;
        e->standing = standing_of(r, e, i);
        add_options(e, r, &r->commands_when, r->entries[i].first_option, r->entries[i].n_options);
    }
}

static void add_event_options(struct policy_entry *e, const struct acl_rights *r, uint32_t number)
{
    const struct acl_options *from = &r->events_when;
    size_t first = 0, n = 0;
    while (first < from->n && from->at[first].subject != number)
        first++;
    while (first + n < from->n && from->at[first + n].subject == number)
        n++;
    add_options(e, r, from, first, n);
}

static void add_events(struct policy_summary *s, const struct acl_rights *r)
{
    static const enum policy_standing standings[] = {
        [ACL_ALLOWED] = POLICY_ALLOWED,
        [ACL_CONDITIONAL] = POLICY_DEPENDS,
        [ACL_DENIED] = POLICY_REFUSED,
        [ACL_UNKNOWN_COMMAND] = POLICY_REFUSED,
    };
    const struct qmp_schema *schema = r->program->schema;
    s->n_events = qmp_schema_n_events(schema);
    s->events = MEM_NEW_N(struct policy_entry, s->n_events + 1);
    for (unsigned i = 0; i < s->n_events; i++) {
        struct policy_entry *e = &s->events[i];
        e->name = qmp_schema_event(schema, i);
        e->standing = standings[acl_check_event(r, policy_span(e->name), NULL, QMP_NONE)];
        add_event_options(e, r, i);
    }
}

static bool has_word(const struct policy_summary *s, const char *name)
{
    for (size_t i = 0; i < s->n_hmp; i++) {
        if (strcmp(s->hmp[i], name) == 0)
            return true;
    }
    return false;
}

/* Of the words that the table knows those that are open; of others those that are named. */
static void add_hmp(struct policy_summary *s, const struct acl_rights *r)
{
    struct acl_hmp_word word;
    s->hmp = MEM_NEW_N(char *, acl_hmp_table_size() + r->hmp.n + 1);
    for (size_t i = 0; r->hmp.n > 0 && i < acl_hmp_table_size(); i++) {
        acl_hmp_table_word(i, &word);
        if (acl_allows_word(r, &word))
            s->hmp[s->n_hmp++] = mem_strdup(word.name);
    }
    for (size_t i = 0; i < r->hmp.n; i++) {
        const struct acl_citation *c = &r->citations[r->hmp.at[i].citation];
        const char *text = r->program->policy->rules[c->number].text;
        acl_hmp_find(policy_span(text), &word);
        if (word.kind == ACL_HMP_UNKNOWN && acl_allows_word(r, &word) && !has_word(s, text))
            s->hmp[s->n_hmp++] = mem_strdup(text);
    }
}

struct policy_summary policy_summary_new(const struct acl_rights *rights, struct acl_subject who,
                                         const struct acl_vm *vm)
{
    struct policy_summary s = {
        .admin = acl_policy_admin(rights->program->policy, who),
        .sees = acl_policy_sees(rights->program->policy, who, vm),
    };
    add_commands(&s, rights);
    add_events(&s, rights);
    add_hmp(&s, rights);
    return s;
}

static void free_entries(struct policy_entry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(entries[i].options);
    free(entries);
}

void policy_summary_clear(struct policy_summary *s)
{
    free_entries(s->commands, s->n_commands);
    free_entries(s->events, s->n_events);
    for (size_t i = 0; i < s->n_hmp; i++)
        free(s->hmp[i]);
    free(s->hmp);
    *s = (struct policy_summary){ 0 };
}
