/* What the words of a policy mean: text -> struct acl_policy. */
#include "config.h"
#include "acl/parse_internal.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include "acl/principal.h"
#include "acl/vmsel.h"
#include "base/log.h"

#define TITLE_MAX   64 /* bytes; it stands in refusals and audit records */
#define TITLE_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static const char group_prefix[] = "group:";

static const struct {
    const char *verb;
    enum acl_admin bit;
} admin_verbs[] = {
    { "sessions", ACL_ADMIN_SESSIONS },     { "session-close", ACL_ADMIN_SESSION_CLOSE },
    { "reload", ACL_ADMIN_RELOAD },         { "stats", ACL_ADMIN_STATS },
    { "audit-tail", ACL_ADMIN_AUDIT_TAIL }, { "login-release", ACL_ADMIN_LOGIN_RELEASE },
    { "audit-all", ACL_ADMIN_AUDIT_ALL },   { "audit-rotate", ACL_ADMIN_AUDIT_ROTATE },
};

/* --- reports ---------------------------------------------------------------------------------- */

unsigned acl_parse_line(const struct acl_parser *p, cfg_t *section)
{
    const struct cfgtext_item *item =
        cfgtext_find(p->outline, NULL, cfg_name(section), cfg_title(section));
    return item ? item->line : 0;
}

/* About a whole section. */
void acl_parse_refuse_section(struct acl_parser *p, cfg_t *section, const char *sentence)
{
    char shown[LOG_ESCAPE_MAX];
    const char *title = cfg_title(section);
    acl_reports_add(&p->reports, acl_parse_line(p, section), "%s \"%s\" %s", cfg_name(section),
                    log_escape(title, strlen(title), shown), sentence);
}

void acl_parse_refuse(struct acl_parser *p, const struct acl_word *w, const char *sentence)
{
    char shown[LOG_ESCAPE_MAX];
    acl_reports_add(&p->reports, w->line, "\"%s\": %s", log_escape(w->text, strlen(w->text), shown),
                    sentence);
}

/* --- titles ----------------------------------------------------------------------------------- */

struct acl_title *acl_parse_find_title(struct acl_title *titles, const char *name)
{
    struct acl_title *t = NULL;
    HASH_FIND_STR(titles, name, t);
    return t;
}

void acl_parse_check_title(struct acl_parser *p, const char *kind, const char *title, unsigned line)
{
    size_t len = strlen(title);
    if (len == 0 || len > TITLE_MAX || strspn(title, TITLE_CHARS) != len)
        acl_reports_add(&p->reports, line,
                        "the name of a %s is made of letters, digits, '.', '_' and '-', at most %d",
                        kind, TITLE_MAX);
}

/* Checks the titles of all sections of a kind and remembers those of roles and groups. */
static size_t read_titles(struct acl_parser *p, const char *kind, struct acl_title **titles)
{
    unsigned n = cfg_size(p->tree, kind);
    for (unsigned i = 0; i < n; i++) {
        cfg_t *section = cfg_getnsec(p->tree, kind, i);
        acl_parse_check_title(p, kind, cfg_title(section), acl_parse_line(p, section));
        if (!titles)
            continue;
        struct acl_title *t = MEM_NEW(struct acl_title);
        t->name = cfg_title(section);
        t->number = i;
        HASH_ADD_KEYPTR(hh, *titles, t->name, strlen(t->name), t);
    }
    return n;
}

static void free_titles(struct acl_title **titles)
{
    struct acl_title *t, *next;
    HASH_ITER (hh, *titles, t, next) {
        HASH_DEL(*titles, t);
        free(t);
    }
}

/* --- who -------------------------------------------------------------------------------------- */

static void add_caller(struct acl_parser *p, const struct acl_word *w, uint32_t target)
{
    struct error err;
    CLEANUP_PRINCIPAL struct acl_principal *pattern = NULL;
    if (acl_principal_parse_pattern(w->text, &pattern, &err) < 0) {
        acl_parse_refuse(p, w, err.text);
        return;
    }
    const char *key = acl_principal_key(pattern);
    if (key)
        acl_index_add(&p->policy->callers, key, NULL, target);
    else
        acl_index_add(&p->policy->callers, w->text, TAKE_PTR(pattern), target);
}

static bool is_group(const char *text)
{
    return strncmp(text, group_prefix, strlen(group_prefix)) == 0;
}

static void read_groups(struct acl_parser *p)
{
    struct acl_policy *policy = p->policy;
    for (unsigned g = 0; g < policy->n_groups; g++) {
        cfg_t *section = cfg_getnsec(p->tree, "group", g);
        policy->groups[g].name = mem_strdup(cfg_title(section));
        size_t n = acl_text_n_words(section, "members");
        for (size_t i = 0; i < n; i++) {
            const struct acl_word *w = acl_text_word(section, "members", i);
            if (is_group(w->text))
                acl_parse_refuse(p, w, "groups do not nest: name the members themselves");
            else
                add_caller(p, w, acl_target_of_group(policy, g));
        }
        if (!cfgtext_find(p->outline, cfgtext_find(p->outline, NULL, "group", cfg_title(section)),
                          "members", NULL))
            acl_parse_refuse_section(p, section, "has no members = {...}");
    }
}

static void add_group(struct acl_parser *p, const struct acl_word *w, uint32_t target)
{
    const struct acl_title *t = acl_parse_find_title(p->groups, w->text + strlen(group_prefix));
    if (!t) {
        acl_parse_refuse(p, w, "there is no group of that name");
        return;
    }
    struct acl_group *g = &p->policy->groups[t->number];
    mem_grow((void **)&g->targets, &g->cap_targets, g->n_targets + 1, sizeof(*g->targets));
    g->targets[g->n_targets++] = target;
}

/* A list of identities and groups. */
static void read_callers(struct acl_parser *p, cfg_t *section, const char *option, uint32_t target)
{
    for (size_t i = 0; i < acl_text_n_words(section, option); i++) {
        const struct acl_word *w = acl_text_word(section, option, i);
        if (is_group(w->text))
            add_group(p, w, target);
        else
            add_caller(p, w, target);
    }
}

/* --- grants ----------------------------------------------------------------------------------- */

static void read_vms(struct acl_parser *p, cfg_t *section, uint32_t grant)
{
    for (size_t i = 0; i < acl_text_n_words(section, "vms"); i++) {
        const struct acl_word *w = acl_text_word(section, "vms", i);
        struct error err;
        struct acl_vmsel *vms = NULL;
        if (acl_vmsel_parse(w->text, &vms, &err) < 0) {
            acl_parse_refuse(p, w, err.text);
            continue;
        }
        const char *key = acl_vmsel_key(vms);
        if (key) {
            acl_index_add(&p->policy->vms, key, NULL, grant);
            acl_vmsel_free(vms);
        } else {
            acl_index_add(&p->policy->vms, w->text, vms, grant);
        }
    }
}

static unsigned read_admin(struct acl_parser *p, cfg_t *section)
{
    unsigned admin = 0;
    for (size_t i = 0; i < acl_text_n_words(section, "admin"); i++) {
        const struct acl_word *w = acl_text_word(section, "admin", i);
        unsigned bit = 0;
        for (size_t k = 0; k < ARRAY_SIZE(admin_verbs); k++) {
            if (strcmp(w->text, admin_verbs[k].verb) == 0)
                bit = admin_verbs[k].bit;
        }
        if (!bit)
            acl_parse_refuse(
                p, w,
                "administration is sessions, session-close, reload, stats, audit-tail, "
                "audit-all, audit-rotate and login-release, by name");
        admin |= bit;
    }
    return admin;
}

/* Is the option in the text? Then it must hold something: an empty list is half of a thought. */
static bool is_given(struct acl_parser *p, cfg_t *section, const char *option)
{
    const struct cfgtext_item *parent =
        cfgtext_find(p->outline, NULL, cfg_name(section), cfg_title(section));
    const struct cfgtext_item *item = cfgtext_find(p->outline, parent, option, NULL);
    if (item && acl_text_n_words(section, option) == 0)
        acl_reports_add(&p->reports, item->line, "%s is empty", option);
    return item != NULL;
}

static void check_complete(struct acl_parser *p, cfg_t *section)
{
    bool role = is_given(p, section, "role");
    bool vms = is_given(p, section, "vms");
    bool admin = is_given(p, section, "admin");
    if (!is_given(p, section, "to"))
        acl_parse_refuse_section(p, section, "has no to = {...}: it says not to whom");
    if (role && !vms)
        acl_parse_refuse_section(p, section, "has no vms = {...}: its roles are good for none");
    if (vms && !role)
        acl_parse_refuse_section(p, section, "has no role = {...}: it gives nothing on its VMs");
    if (!role && !vms && !admin)
        acl_parse_refuse_section(p, section, "gives nothing: add role and vms, or admin");
}

/* The roles of such a grant are for guest agents, and no other grant's are. */
static bool read_agent(struct acl_parser *p, cfg_t *section)
{
    if (!is_given(p, section, "qemu_agent"))
        return false;
    size_t n = acl_text_n_words(section, "qemu_agent");
    const struct acl_word *w = n == 1 ? acl_text_word(section, "qemu_agent", 0) : NULL;
    bool yes = w && strcmp(w->text, "true") == 0;
    if (w && !yes && strcmp(w->text, "false") != 0)
        acl_parse_refuse(p, w, "qemu_agent is true or false");
    else if (n > 1)
        acl_parse_refuse(p, acl_text_word(section, "qemu_agent", 1), "qemu_agent is true or false");
    if (yes && !is_given(p, section, "role"))
        acl_parse_refuse_section(p, section,
                                 "has no role = {...}: it gives nothing at guest agents");
    return yes;
}

static void read_grants(struct acl_parser *p)
{
    for (uint32_t i = 0; i < p->policy->n_grants; i++) {
        cfg_t *section = cfg_getnsec(p->tree, "grant", i);
        struct acl_grant *grant = &p->policy->grants[i];
        grant->name = mem_strdup(cfg_title(section));
        grant->line = acl_parse_line(p, section);
        check_complete(p, section);
        read_callers(p, section, "to", i);
        grant->roles = acl_parse_role_names(p, section, "role", &grant->n_roles);
        read_vms(p, section, i);
        grant->admin = read_admin(p, section);
        grant->agent = read_agent(p, section);
    }
}

/* --- delegates -------------------------------------------------------------------------------- */

/* Whom nobody can act for, though he is named exactly: somebody thought otherwise. */
static void check_person(struct acl_parser *p, const struct acl_word *w)
{
    CLEANUP_PRINCIPAL struct acl_principal *pattern = NULL;
    if (is_group(w->text) || acl_principal_parse_pattern(w->text, &pattern, NULL) < 0)
        return; /* reported, if it is a mistake */
    if (acl_principal_is_attribute(pattern))
        acl_parse_refuse(p, w,
                         "of a person who is acted for only the name is known: to = {...} takes "
                         "x509:, unix: and sasl:");
    else if (acl_principal_key(pattern) &&
             acl_policy_is_delegate(p->policy, acl_subject_named(w->text)))
        acl_parse_refuse(p, w, "is a delegate as well: nobody acts for a delegate");
}

static void read_delegates(struct acl_parser *p)
{
    struct acl_policy *policy = p->policy;
    for (uint32_t i = 0; i < policy->n_delegates; i++) {
        cfg_t *section = cfg_getnsec(p->tree, "delegate", i);
        policy->delegates[i].name = mem_strdup(cfg_title(section));
        if (!is_given(p, section, "from"))
            acl_parse_refuse_section(p, section, "has no from = {...}: it says not who acts");
        if (!is_given(p, section, "to"))
            acl_parse_refuse_section(p, section, "has no to = {...}: it says not for whom");
        read_callers(p, section, "from", acl_target_of_from(policy, i));
        read_callers(p, section, "to", acl_target_of_to(policy, i));
    }
    for (unsigned i = 0; i < policy->n_delegates; i++) {
        cfg_t *section = cfg_getnsec(p->tree, "delegate", i);
        for (size_t k = 0; k < acl_text_n_words(section, "to"); k++)
            check_person(p, acl_text_word(section, "to", k));
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static bool match_caller(const void *pattern, const void *identity)
{
    return acl_principal_match(pattern, identity);
}

static void free_caller(void *pattern)
{
    acl_principal_free(pattern);
}

static bool match_vm(const void *pattern, const void *vm)
{
    return acl_vmsel_match(pattern, vm);
}

static void free_vm(void *pattern)
{
    acl_vmsel_free(pattern);
}

static struct acl_policy *new_policy(void)
{
    struct acl_policy *policy = MEM_NEW(struct acl_policy);
    atomic_init(&policy->refs, 1);
    policy->callers = (struct acl_index){ .match = match_caller, .free_pattern = free_caller };
    policy->vms = (struct acl_index){ .match = match_vm, .free_pattern = free_vm };
    return policy;
}

static void read_policy(struct acl_parser *p)
{
    struct acl_policy *policy = p->policy;
    policy->n_roles = read_titles(p, "role", &p->roles);
    policy->roles = MEM_NEW_N(struct acl_role, policy->n_roles + 1);
    policy->n_groups = read_titles(p, "group", &p->groups);
    policy->groups = MEM_NEW_N(struct acl_group, policy->n_groups + 1);
    policy->n_grants = read_titles(p, "grant", NULL);
    policy->grants = MEM_NEW_N(struct acl_grant, policy->n_grants + 1);
    policy->n_delegates = read_titles(p, "delegate", NULL);
    policy->delegates = MEM_NEW_N(struct acl_delegate, policy->n_delegates + 1);
    read_groups(p);
    acl_parse_roles(p);
    read_grants(p);
    read_delegates(p);
}

static int hash_text(const char *text, size_t len, char out[65])
{
    unsigned char digest[32];
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text, len, digest) < 0)
        return ERROR_SYSTEM;
    for (size_t i = 0; i < sizeof(digest); i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    return 0;
}

static void finish_parser(struct acl_parser *p)
{
    free_titles(&p->roles);
    free_titles(&p->groups);
    cfgtext_free(p->outline);
    if (p->tree)
        cfg_free(p->tree);
    acl_policy_unref(p->policy);
}

int acl_policy_parse(const char *name, const char *text, size_t len, acl_report_fn *report,
                     void *opaque, struct acl_policy **out)
{
    struct acl_parser p = { .reports = { .name = name }, .policy = new_policy() };
    *out = NULL;
    p.policy->name = mem_strdup(name);
    if (acl_text_read(&p.reports, text, len, &p.outline, &p.tree) == 0) {
        read_policy(&p);
        if (hash_text(text, len, p.policy->hash) < 0)
            acl_reports_add(&p.reports, 1, "SHA-256 is not to be had");
    }
    int rc = p.reports.n > 0 ? ERROR_INVALID : 0;
    if (rc == 0)
        *out = TAKE_PTR(p.policy);
    acl_reports_flush(&p.reports, report, opaque);
    finish_parser(&p);
    return rc;
}
