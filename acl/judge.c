/* Judging: a command by its name and its arguments, and the commands in it. */
#include "config.h"
#include "acl/rights_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "acl/arguments.h"
#include "acl/hmp.h"
#include "base/log.h"

static const char no_rule[] = "no rule allows it";
static const char by_name_only[] = "it can reach the host, acts inside the guest, is unstable or "
                                   "is not known, and is allowed by its "
                                   "own name only";
static const char no_such_command[] = "the VM has no such command";

void acl_workspace_fini(struct acl_workspace *w)
{
    acl_reached_list_clear(&w->reached);
    free(w->covered);
    *w = (struct acl_workspace){ 0 };
}

/* --- by name ---------------------------------------------------------------------------------- */

static bool is_hmp(struct span name)
{
    static const char hmp[] = "human-monitor-command";
    return name.len == sizeof(hmp) - 1 && memcmp(name.data, hmp, name.len) == 0;
}

static const char *reason_of(const struct acl_rights *r, const struct acl_entry *e)
{
    if (e->decision == ACL_UNKNOWN_COMMAND)
        return no_such_command;
    const struct acl_citation *c = &r->citations[e->citation];
    return c->reason ? c->reason : e->near_miss ? by_name_only : no_rule;
}

static struct acl_verdict verdict(const struct acl_rights *r, enum acl_decision decision,
                                  uint32_t citation, const char *reason)
{
    return (struct acl_verdict){ decision, r->citations[citation].rule, reason };
}

/* Is there a way to it that depends on its arguments? */
static bool is_open(const struct acl_rights *r, const struct acl_entry *e, struct span name)
{
    return e->n_options > 0 || (r->hmp.n > 0 && e->decision == ACL_DENIED &&
                                e->citation == CITE_DEFAULT && is_hmp(name));
}

struct acl_verdict acl_check_name(const struct acl_rights *r, struct span name)
{
    const struct acl_entry e = acl_rights_find(r, name, NULL);
    if (e.decision == ACL_ALLOWED)
        return verdict(r, ACL_ALLOWED, e.citation, NULL);
    if (is_open(r, &e, name))
        return verdict(r, ACL_CONDITIONAL,
                       e.n_options > 0 ? r->commands_when.at[e.first_option].citation
                                       : r->hmp.at[0].citation,
                       "it depends on the arguments");
    return verdict(r, e.decision, e.citation, reason_of(r, &e));
}

/* --- where an argument stands ----------------------------------------------------------------- */

/* Writes "actions[2].data.device", as much of it as there is room for. */
static void write_place(const struct qmp_tape *t, uint32_t root, uint32_t token, char *out,
                        size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    while (root != token && at < size) {
        bool object = qmp_tape_kind(t, root) == QMP_KIND_OBJECT;
        uint32_t part = root + 1, value = part + object, index = 0;
        while (qmp_tape_next(t, value) <= token) {
            part = qmp_tape_next(t, value);
            value = part + object;
            index++;
        }
        char shown[LOG_ESCAPE_MAX];
        int n;
        if (object) {
            struct span name = qmp_tape_string(t, part);
            n = snprintf(out + at, size - at, "%s%s", at ? "." : "",
                         log_escape(name.data, name.len, shown));
        } else {
            n = snprintf(out + at, size - at, "[%u]", index);
        }
        at += (size_t)n;
        root = value;
    }
}

#define PLACE_MAX 128u /* bytes of a place in a refusal */

/* --- one command ------------------------------------------------------------------------------ */

struct judging {
    const struct acl_rights *rights;
    struct acl_workspace *work;
    const struct qmp_tape *tape;
    unsigned depth;
};

static struct acl_verdict refuse(struct judging *j, uint32_t citation, const char *fmt, ...)
    PRINTF(3, 4);
static struct acl_verdict refuse(struct judging *j, uint32_t citation, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(j->work->reason, sizeof(j->work->reason), fmt, ap);
    va_end(ap);
    return verdict(j->rights, ACL_DENIED, citation, j->work->reason);
}

/* How far an option comes: the condition that does not hold, or what it leaves uncovered. */
struct attempt {
    size_t held; /* conditions */
    const struct acl_condition *failed;
    size_t uncovered; /* number of an argument that reaches the host; n for none */
};

static struct attempt attempt(struct judging *j, const struct acl_option *o,
                              struct acl_judged *judged)
{
    struct acl_workspace *w = j->work;
    struct attempt a = { .uncovered = 0 };
    memset(w->covered, 0, judged->n_reached);
    for (; a.held < o->n_conditions; a.held++) {
        if (!acl_condition_holds(&o->conditions[a.held], judged)) {
            a.failed = &o->conditions[a.held];
            return a;
        }
    }
    while (a.uncovered < judged->n_reached && w->covered[a.uncovered])
        a.uncovered++;
    return a;
}

/* --- the name that decides --------------------------------------------------------------------
 * Of a driver, a type and a scheme a refusal tells which: no other value of the arguments is told,
 * since refusals are recorded. */

#define NAME_MAX_SHOWN 64u /* bytes; no name of QEMU's is longer */

static bool is_name_sign(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-_.+", c) != NULL;
}

/* How many signs of a name the text begins with. */
static size_t name_len(struct span text)
{
    size_t n = 0;
    while (n < text.len && text.data[n] && is_name_sign(text.data[n]))
        n++;
    return n;
}

/* Is a value of this member a name that decides what the rest means? */
static bool is_tag(struct span member)
{
    static const struct span tags[] = { SPAN_LIT("driver"), SPAN_LIT("type"),
                                        SPAN_LIT("qom-type") };
    for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
        if (member.len == tags[i].len && memcmp(member.data, tags[i].data, member.len) == 0)
            return true;
    }
    return false;
}

static struct span last_member(const char *place)
{
    const char *dot = strrchr(place, '.');
    const char *name = dot ? dot + 1 : place;
    return (struct span){ name, strlen(name) };
}

/* " ('NAME')", or nothing. `place`: of the token, or the path that names it. */
static const char *write_name(const struct judging *j, uint32_t token, const char *place,
                              char out[NAME_MAX_SHOWN + 8])
{
    enum acl_reach reach = ACL_REACH_NOTHING;
    out[0] = '\0';
    if (token == QMP_NONE || qmp_tape_kind(j->tape, token) != QMP_KIND_STRING)
        return out;
    for (size_t i = 0; i < j->work->reached.n; i++) {
        if (j->work->reached.items[i].token == token)
            reach = (enum acl_reach)j->work->reached.items[i].reach;
    }
    struct span text = qmp_tape_string(j->tape, token);
    size_t n = name_len(text);
    bool scheme = reach == ACL_REACH_URI && n < text.len && text.data[n] == ':';
    if (n > 0 && n <= NAME_MAX_SHOWN && (scheme || (n == text.len && is_tag(last_member(place)))))
        snprintf(out, NAME_MAX_SHOWN + 8, " ('%.*s%s')", (int)n, text.data, scheme ? ":" : "");
    return out;
}

static struct acl_verdict refuse_uncovered(struct judging *j, uint32_t citation, const char *rule,
                                           uint32_t root, size_t number)
{
    char place[PLACE_MAX], name[NAME_MAX_SHOWN + 8];
    const struct acl_reached *a = &j->work->reached.items[number];
    write_place(j->tape, root, a->token, place, sizeof(place));
    write_name(j, a->token, place, name);
    if (rule)
        return refuse(j, citation, "%s says nothing of '%s'%s, which reaches the host (%s)", rule,
                      place, name, acl_reach_name(a->reach));
    return refuse(j, citation, "'%s'%s reaches the host (%s), and no rule says what it may be",
                  place, name, acl_reach_name(a->reach));
}

static struct acl_verdict refuse_nearest(struct judging *j, const struct acl_option *o,
                                         const struct attempt *a, const struct acl_judged *judged)
{
    const struct acl_citation *c = &j->rights->citations[o->citation];
    char name[NAME_MAX_SHOWN + 8];
    j->work->nearest = c;
    j->work->failed = a->failed;
    if (!a->failed)
        return refuse_uncovered(j, CITE_DEFAULT, c->rule, judged->root, a->uncovered);
    write_name(j, acl_condition_fault(a->failed, judged), a->failed->path.text, name);
    return refuse(j, CITE_DEFAULT, "%s does not hold: '%s'%s", c->rule, a->failed->path.text, name);
}

/* The words of human-monitor-command by the patterns of roles. */
static bool allows_word(const struct acl_rights *r, const struct acl_hmp_word *word,
                        uint32_t *citation)
{
    for (size_t i = 0; i < r->hmp.n; i++) {
        *citation = r->hmp.at[i].citation;
        const struct acl_rule *rule = &r->program->policy->rules[r->citations[*citation].number];
        if (acl_hmp_pattern_match(rule->text, word))
            return true;
    }
    return false;
}

/* What of a command that does the same closes a word of the human monitor. */
struct closing {
    struct span command;
    uint32_t citation; /* of the deny; CITE_DEFAULT: a part of its reply is hidden */
};

/* Who may not run a command may not run it by a word either, and who is not shown all of its reply
 * would see all by the word. */
static bool closes_word(const struct acl_rights *r, const struct acl_hmp_word *word,
                        struct closing *out)
{
    const char *at = word->commands ? word->commands : "";
    while (*at) {
        uint32_t command = UINT32_MAX;
        out->command = (struct span){ at, strcspn(at, " ") };
        const struct acl_entry e = acl_rights_find(r, out->command, &command);
        bool denied = e.decision == ACL_DENIED && e.citation != CITE_DEFAULT;
        out->citation = denied ? e.citation : CITE_DEFAULT;
        if (denied || acl_redaction(r, command, 0))
            return true;
        at += out->command.len;
        at += *at == ' ';
    }
    return false;
}

static struct acl_verdict refuse_closed(struct judging *j, const struct acl_hmp_word *word,
                                        const struct closing *c)
{
    if (c->citation != CITE_DEFAULT)
        return refuse(j, c->citation, "'%s': %s", word->name,
                      j->rights->citations[c->citation].reason);
    return refuse(j, CITE_DEFAULT, "'%s' would show what redact hides of '%.*s'", word->name,
                  (int)c->command.len, c->command.data);
}

bool acl_allows_word(const struct acl_rights *r, const struct acl_hmp_word *word)
{
    const struct acl_entry e = acl_rights_find(r, SPAN_LIT("human-monitor-command"), NULL);
    struct closing closing;
    uint32_t citation;
    return (e.decision == ACL_ALLOWED || e.citation == CITE_DEFAULT) &&
           !closes_word(r, word, &closing) && allows_word(r, word, &citation);
}

/* `v`: what was found by the command and its rules. */
static struct acl_verdict judge_line(struct judging *j, const struct acl_entry *e, uint32_t line,
                                     struct acl_verdict v)
{
    struct acl_hmp_word word;
    struct closing closing;
    uint32_t citation;
    acl_hmp_find(qmp_tape_string(j->tape, line), &word);
    if (word.kind == ACL_HMP_MALFORMED)
        return refuse(j, e->citation, "the line of the human monitor is not plain: %s", word.fault);
    if (closes_word(j->rights, &word, &closing))
        return refuse_closed(j, &word, &closing);
    if (v.decision == ACL_ALLOWED)
        return v;
    if (allows_word(j->rights, &word, &citation))
        return verdict(j->rights, ACL_ALLOWED, citation, NULL);
    char shown[LOG_ESCAPE_MAX];
    return refuse(
        j, CITE_DEFAULT, "no hmp of a role allows '%s'%s",
        log_escape(word.name, strlen(word.name), shown),
        word.kind == ACL_HMP_PLAIN
            ? ""
            : ", which can reach the host or is not known and is allowed by its own name only");
}

static struct acl_verdict judge_options(struct judging *j, const struct acl_entry *e,
                                        struct acl_judged *judged)
{
    const struct acl_rights *r = j->rights;
    const struct acl_option *nearest = NULL;
    struct attempt best = { 0 };
    for (uint32_t i = 0; i < e->n_options; i++) {
        const struct acl_option *o = &r->commands_when.at[e->first_option + i];
        if (o->never)
            continue;
        struct attempt a = attempt(j, o, judged);
        if (!a.failed && a.uncovered == judged->n_reached)
            return verdict(r, ACL_ALLOWED, o->citation, NULL);
        if (!nearest || a.held > best.held) {
            nearest = o;
            best = a;
        }
    }
    if (nearest)
        return refuse_nearest(j, nearest, &best, judged);
    if (judged->n_reached > 0 && e->decision == ACL_ALLOWED)
        return refuse_uncovered(j, e->citation, NULL, judged->root, 0);
    return verdict(r, ACL_DENIED, e->citation, reason_of(r, e));
}

static void make_room(struct acl_workspace *w)
{
    mem_grow((void **)&w->covered, &w->cap_covered, w->reached.n + 1, sizeof(*w->covered));
}

static struct acl_verdict judge(struct judging *j, struct span name, uint32_t arguments);

/* --- commands within commands ----------------------------------------------------------------- */

/* An action of a transaction is the command of its name with the same arguments; `abort` is none,
 * and does nothing but let the transaction fail. */
/* The name of an action's command; false if it has none. */
static bool take_type(const struct judging *j, uint32_t action, struct span *name)
{
    uint32_t type = qmp_tape_find(j->tape, action, SPAN_LIT("type"));
    if (type == QMP_NONE || qmp_tape_kind(j->tape, type) != QMP_KIND_STRING)
        return false;
    *name = qmp_tape_string(j->tape, type);
    return true;
}

static struct acl_verdict judge_action(struct judging *j, uint32_t action)
{
    static const char abort_name[] = "abort";
    struct span name;
    if (!take_type(j, action, &name))
        return refuse(j, CITE_DEFAULT, "an action without a type");
    if (name.len == sizeof(abort_name) - 1 && memcmp(name.data, abort_name, name.len) == 0)
        return verdict(j->rights, ACL_ALLOWED, CITE_DEFAULT, NULL);
    return judge(j, name, qmp_tape_find(j->tape, action, SPAN_LIT("data")));
}

#define INNER_MAX 256u /* bytes of an action's reason in the transaction's */

static struct acl_verdict refuse_action(struct judging *j, uint32_t action, unsigned number,
                                        struct acl_verdict v)
{
    char inner[INNER_MAX], shown[LOG_ESCAPE_MAX];
    struct span name = SPAN_LIT("?");
    (void)take_type(j, action, &name);
    int n = snprintf(inner, sizeof(inner), "%s", v.reason);
    (void)n; /* cut, if it is longer */
    v.decision = ACL_DENIED;
    v.reason = j->work->reason;
    snprintf(j->work->reason, sizeof(j->work->reason), "actions[%u], '%s': %s", number,
             log_escape(name.data, name.len, shown), inner);
    return v;
}

static struct acl_verdict judge_actions(struct judging *j, uint32_t actions,
                                        struct acl_verdict outer)
{
    unsigned number = 0;
    if (j->depth > 0)
        return refuse(j, CITE_DEFAULT, "commands within a command within a command");
    j->depth++;
    QMP_TAPE_ELEMENTS (j->tape, actions, action) {
        struct acl_verdict v = judge_action(j, action);
        if (v.decision != ACL_ALLOWED)
            return refuse_action(j, action, number, v);
        number++;
    }
    j->depth--;
    return outer;
}

/* --- the whole -------------------------------------------------------------------------------- */

static struct acl_verdict judge(struct judging *j, struct span name, uint32_t arguments)
{
    const struct acl_rights *r = j->rights;
    struct acl_workspace *w = j->work;
    uint32_t command;
    const struct acl_entry e = acl_rights_find(r, name, &command);
    if (e.decision != ACL_ALLOWED && !is_open(r, &e, name))
        return verdict(r, e.decision, e.citation, reason_of(r, &e));
    const struct acl_arguments found =
        acl_arguments_find(r->program, command, j->tape, arguments, &w->reached);
    struct acl_verdict v = verdict(r, ACL_ALLOWED, e.citation, NULL);
    if (e.decision != ACL_ALLOWED || w->reached.n > 0) {
        make_room(w);
        struct acl_judged judged = {
            .tape = j->tape,
            .root = arguments,
            .untyped = found.untyped,
            .reached = w->reached.items,
            .n_reached = w->reached.n,
            .covered = w->covered,
        };
        v = judge_options(j, &e, &judged);
    }
    if (found.line != QMP_NONE)
        return judge_line(j, &e, found.line, v);
    if (found.actions != QMP_NONE && v.decision == ACL_ALLOWED)
        return judge_actions(j, found.actions, v);
    return v;
}

struct acl_verdict acl_check(const struct acl_rights *r, struct acl_workspace *w, struct span name,
                             const struct qmp_tape *t, uint32_t arguments)
{
    struct judging j = { r, w, t, 0 };
    w->nearest = NULL;
    w->failed = NULL;
    return judge(&j, name, arguments);
}

/* --- for those who trust their clients -------------------------------------------------------- */

#define GRANTS_TOLD_MAX 4 /* of those that say nothing of a command */

static void add_grant_place(struct buf *out, const struct acl_policy *p, size_t grant)
{
    buf_printf(out, "grant \"%s\" (%s:%u)", p->grants[grant].name, p->name, p->grants[grant].line);
}

/* Where the rule of a citation stands, and by which grant it is in force. */
static void add_rule_place(struct buf *out, const struct acl_policy *p,
                           const struct acl_citation *c)
{
    const struct acl_rule *rule = &p->rules[c->number];
    const struct acl_clause *clause =
        rule->clause == ACL_NO_CLAUSE ? NULL : &p->clauses[rule->clause];
    buf_printf(out, "%s \"%s\" of role \"%s\" (%s:%u), by ",
               clause ? "rule" : acl_effect_words[rule->effect], clause ? clause->name : rule->text,
               p->roles[rule->role].name, p->name, clause ? clause->line : rule->line);
    add_grant_place(out, p, c->grant);
}

static void add_silent_grants(struct buf *out, const struct acl_policy *p, const uint64_t *grants,
                              bool agent)
{
    size_t n = 0;
    if (grants) {
        BITS_EACH(grants, p->n_grants, g)
        {
            if (p->grants[g].agent != agent)
                continue;
            if (n < GRANTS_TOLD_MAX) {
                buf_add_str(out, n ? ", " : "no pattern matches of ");
                add_grant_place(out, p, g);
            }
            n++;
        }
    }
    if (n == 0)
        buf_add_str(out, "no grant applies here");
    else if (n > GRANTS_TOLD_MAX)
        buf_printf(out, " and %zu more", n - GRANTS_TOLD_MAX);
}

static void add_nearest(struct buf *out, const struct acl_policy *p, const struct acl_workspace *w)
{
    add_rule_place(out, p, w->nearest);
    if (w->failed)
        buf_printf(out, " wants \"%s\" (line %u)", w->failed->text, w->failed->line);
}

void acl_check_detail(const struct acl_rights *r, const struct acl_workspace *w, struct span name,
                      struct buf *out)
{
    const struct acl_policy *p = r->program->policy;
    const struct acl_entry e = acl_rights_find(r, name, NULL);
    if (w && w->nearest) {
        add_nearest(out, p, w);
    } else if (e.citation >= N_FIXED_CITATIONS) {
        add_rule_place(out, p, &r->citations[e.citation]);
    } else if (e.near_miss) {
        add_rule_place(out, p, &r->citations[e.near_miss]);
        buf_add_str(out, " matches it, but opens no such command");
    } else if (e.decision == ACL_DENIED) {
        add_silent_grants(out, p, r->grants, r->agent);
    }
}

/* --- by number -------------------------------------------------------------------------------- */

bool acl_allows_command(const struct acl_rights *r, unsigned command)
{
    if (command >= r->program->n_present)
        return false;
    const struct acl_entry *e = &r->entries[command];
    const char *name = qmp_schema_command(r->program->schema, command)->name;
    return e->decision == ACL_ALLOWED || is_open(r, e, (struct span){ name, strlen(name) });
}

static bool hears_sometimes(const struct acl_rights *r, unsigned event)
{
    for (size_t i = 0; i < r->events_when.n; i++) {
        if (r->events_when.at[i].subject == event)
            return true;
    }
    return false;
}

bool acl_allows_event(const struct acl_rights *r, unsigned event)
{
    return event < r->program->n_events &&
           (bits_test(r->events, event) || hears_sometimes(r, event));
}

static bool hears(const struct acl_option *o, const struct acl_judged *judged)
{
    for (size_t i = 0; i < o->n_conditions; i++) {
        if (!acl_condition_holds(&o->conditions[i], judged))
            return false;
    }
    return !o->never;
}

enum acl_decision acl_check_event(const struct acl_rights *r, struct span name,
                                  const struct qmp_tape *t, uint32_t data)
{
    int event = qmp_schema_find_event(r->program->schema, name);
    if (event < 0)
        return ACL_DENIED;
    if (bits_test(r->events, (size_t)event))
        return ACL_ALLOWED;
    if (!hears_sometimes(r, (unsigned)event))
        return ACL_DENIED;
    if (!t)
        return ACL_CONDITIONAL;
    const struct acl_judged judged = { .tape = t, .root = data };
    for (size_t i = 0; i < r->events_when.n; i++) {
        const struct acl_option *o = &r->events_when.at[i];
        if (o->subject == (uint32_t)event && hears(o, &judged))
            return ACL_ALLOWED;
    }
    return ACL_DENIED;
}
