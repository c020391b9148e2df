/* qmpgate policy drift: what another QEMU has that this one has not, and what policy makes of it.
 */
#include "config.h"
#include "cli/policy_drift_types.h"
#include "cli/policy_lint.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "acl/bits.h"
#include "acl/classes.h"
#include "acl/program.h"
#include "acl/shape.h"
#include "base/mem.h"

struct drift {
    const struct cli *cli;
    struct policy_schemas schemas; /* the old one, the new one */
    const char *path;              /* of the policy; NULL: none */
    struct acl_policy *policy;
    struct acl_program *program; /* of the policy and the new schema */
    size_t n;                    /* differences */
};

static struct qmp_schema *old_schema(const struct drift *d)
{
    return d->schemas.at[0].schema;
}

static struct qmp_schema *new_schema(const struct drift *d)
{
    return d->schemas.at[1].schema;
}

/* --- telling ---------------------------------------------------------------------------------- */

/* {KIND: NAME, path: PATH, change: CHANGE, ...} */
static struct json_object *difference(const char *kind, const char *name, const char *path,
                                      const char *change)
{
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, kind, json_object_new_string(name));
    if (path && *path)
        json_object_object_add(o, "path", json_object_new_string(path));
    json_object_object_add(o, "change", json_object_new_string(change));
    return o;
}

static void add_list(struct buf *line, struct json_object *o, const char *member)
{
    struct json_object *list;
    if (!json_object_object_get_ex(o, member, &list))
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        buf_add_str(line, i ? ", " : "; allowed by ");
        output_add_text(line, json_object_get_string(json_object_array_get_idx(list, i)));
    }
}

static void show(struct drift *d, const char *kind, struct json_object *take_o)
{
    CLEANUP_DOCUMENT struct json_object *o = take_o;
    CLEANUP_BUF struct buf line = { 0 };
    struct json_object *reviewed;
    d->n++;
    if (!d->cli->output.pretty) {
        output_document(&d->cli->output, stdout, o);
        return;
    }
    buf_printf(&line, "%s ", kind);
    output_add_text(&line, document_string(o, kind));
    if (document_string(o, "path")) {
        buf_add_str(&line, ": ");
        output_add_text(&line, document_string(o, "path"));
    }
    buf_add_str(&line, ": ");
    output_add_text(&line, document_string(o, "change"));
    if (json_object_object_get_ex(o, "reviewed", &reviewed))
        buf_add_str(&line, json_object_get_boolean(reviewed) ? ", reviewed" : ", not reviewed");
    add_list(&line, o, "allowed-by");
    printf("%.*s\n", (int)buf_len(&line), buf_data(&line));
}

/* --- commands and events ---------------------------------------------------------------------- */

static bool opens(const struct acl_choices *c, uint32_t subject)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->at[i].subject == subject)
            return true;
    }
    return false;
}

static bool role_opens(const struct acl_compiled_role *r, bool event, uint32_t number)
{
    if (event)
        return bits_test(r->events, number) || opens(&r->events_when, number);
    return !bits_test(r->deny.commands, number) &&
           (bits_test(r->allow.commands, number) || opens(&r->commands_when, number));
}

/* Which grants give it. */
static struct json_object *allowed_by(const struct drift *d, bool event, uint32_t number)
{
    struct json_object *list = json_object_new_array();
    for (size_t g = 0; g < d->policy->n_grants; g++) {
        const struct acl_grant *grant = &d->policy->grants[g];
        for (size_t i = 0; i < grant->n_roles; i++) {
            if (!role_opens(&d->program->roles[grant->roles[i]], event, number))
                continue;
            CLEANUP_FREE char *text = mem_printf("grant \"%s\" role \"%s\"", grant->name,
                                                 d->policy->roles[grant->roles[i]].name);
            json_object_array_add(list, json_object_new_string(text));
        }
    }
    return list;
}

static void show_new(struct drift *d, bool event, uint32_t number, const char *name)
{
    const char *kind = event ? "event" : "command";
    bool reviewed = event ? acl_table_knows_event(policy_span(name))
                          : acl_table_classes(policy_span(name)) != 0;
    struct json_object *o = difference(kind, name, NULL, "new");
    json_object_object_add(o, "reviewed", json_object_new_boolean(reviewed));
    if (d->policy)
        json_object_object_add(o, "allowed-by", allowed_by(d, event, number));
    show(d, kind, o);
}

struct of_command {
    struct drift *drift;
    const char *name;
};

static void show_change(void *opaque, const char *path, const char *change)
{
    struct of_command *c = opaque;
    show(c->drift, "command", difference("command", c->name, path, change));
}

static void compare_command(struct drift *d, unsigned old, unsigned new)
{
    const struct qmp_schema_command *a = qmp_schema_command(old_schema(d), old);
    const struct qmp_schema_command *b = qmp_schema_command(new_schema(d), new);
    struct of_command c = { d, b->name };
    if (a->deprecated != b->deprecated)
        show_change(&c, "", b->deprecated ? "deprecated now" : "not deprecated any more");
    if (a->unstable != b->unstable)
        show_change(&c, "", b->unstable ? "unstable now" : "not unstable any more");
    if (a->allow_oob != b->allow_oob)
        show_change(&c, "",
                    b->allow_oob ? "may run out of band now" : "may not run out of band any more");
    policy_drift_types(old_schema(d), qmp_command_arguments(old_schema(d), old), new_schema(d),
                       qmp_command_arguments(new_schema(d), new), show_change, &c);
}

static void compare_commands(struct drift *d)
{
    for (unsigned i = 0; i < qmp_schema_n_commands(new_schema(d)); i++) {
        const char *name = qmp_schema_command(new_schema(d), i)->name;
        int old = qmp_schema_find_command(old_schema(d), policy_span(name));
        if (old < 0)
            show_new(d, false, i, name);
        else
            compare_command(d, (unsigned)old, i);
    }
    for (unsigned i = 0; i < qmp_schema_n_commands(old_schema(d)); i++) {
        const char *name = qmp_schema_command(old_schema(d), i)->name;
        if (qmp_schema_find_command(new_schema(d), policy_span(name)) < 0)
            show(d, "command", difference("command", name, NULL, "gone"));
    }
}

static void compare_events(struct drift *d)
{
    for (unsigned i = 0; i < qmp_schema_n_events(new_schema(d)); i++) {
        const char *name = qmp_schema_event(new_schema(d), i);
        if (qmp_schema_find_event(old_schema(d), policy_span(name)) < 0)
            show_new(d, true, i, name);
    }
    for (unsigned i = 0; i < qmp_schema_n_events(old_schema(d)); i++) {
        const char *name = qmp_schema_event(old_schema(d), i);
        if (qmp_schema_find_event(new_schema(d), policy_span(name)) < 0)
            show(d, "event", difference("event", name, NULL, "gone"));
    }
}

/* --- what nobody reviewed --------------------------------------------------------------------- */

struct lines {
    char **at; /* owned */
    size_t n, cap;
};

static void add_line(void *opaque, const char *line)
{
    struct lines *l = opaque;
    mem_grow((void **)&l->at, &l->cap, l->n + 1, sizeof(*l->at));
    l->at[l->n++] = mem_strdup(line);
}

static bool has_line(const struct lines *l, const char *line)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->at[i], line) == 0)
            return true;
    }
    return false;
}

static void free_lines(struct lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->at[i]);
    free(l->at);
}

static void review(const struct qmp_schema *s, struct lines *out)
{
    struct acl_reach_map *map = acl_reach_map_new(s);
    acl_reach_map_review(map, add_line, out);
    acl_reach_map_free(map);
}

/* Arguments that the tables do not have count as reaching the host, and a rule covers them by name
 * or not at all. */
static void compare_reviews(struct drift *d)
{
    struct lines old = { 0 }, new = { 0 };
    review(old_schema(d), &old);
    review(new_schema(d), &new);
    for (size_t i = 0; i < new.n; i++) {
        if (!has_line(&old, new.at[i]))
            show(d, "argument",
                 difference("argument", new.at[i], NULL,
                            "not reviewed: it counts as reaching the host"));
    }
    free_lines(&old);
    free_lines(&new);
}

/* --- the policy ------------------------------------------------------------------------------- */

static bool has_finding(const struct policy_findings *f, const struct policy_finding *of)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->at[i].line == of->line && strcmp(f->at[i].text, of->text) == 0)
            return true;
    }
    return false;
}

/* What `policy check` says by the new schema and not by the old one. */
static void compare_findings(struct drift *d)
{
    CLEANUP_FINDINGS struct policy_findings old = { 0 }, new = { 0 };
    struct policy_schemas one = { .at = &d->schemas.at[0], .n = 1 };
    policy_lint(d->policy, &one, &old);
    one.at = &d->schemas.at[1];
    policy_lint(d->policy, &one, &new);
    for (size_t i = 0; i < new.n; i++) {
        if (has_finding(&old, &new.at[i]))
            continue;
        CLEANUP_FREE char *place = mem_printf("%s:%u", d->path, new.at[i].line);
        show(d, "policy", difference("policy", place, NULL, new.at[i].text));
    }
}

static enum cli_exit compare(struct drift *d)
{
    if (d->policy)
        d->program = acl_program_new(d->policy, new_schema(d));
    compare_commands(d);
    compare_events(d);
    compare_reviews(d);
    if (d->policy)
        compare_findings(d);
    return d->n > 0 ? CLI_EXIT_FOUND : CLI_EXIT_OK;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    struct drift d = { .cli = cli };
    int first = cli_no_options(&policy_drift, argc, argv);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (argc - first < 2 || argc - first > 3)
        return cli_usage(&policy_drift, "policy drift: which two schemas, and which policy?");
    enum cli_exit code = policy_schemas_load(&d.schemas, argv[first]);
    if (code == CLI_EXIT_OK)
        code = policy_schemas_load(&d.schemas, argv[first + 1]);
    if (code == CLI_EXIT_OK && argc - first == 3) {
        d.path = argv[first + 2];
        code = policy_load(d.path, &d.policy);
    }
    if (code == CLI_EXIT_OK)
        code = compare(&d);
    acl_program_unref(d.program);
    acl_policy_unref(d.policy);
    policy_schemas_clear(&d.schemas);
    return code;
}

const struct verb policy_drift = {
    .name = "policy drift",
    .synopsis = "OLD-SCHEMA NEW-SCHEMA [POLICY]",
    .summary = "Tell what another QEMU has that this one has not",
    .help =
        "Commands, events, members and values that are new, gone or changed; which of them the\n"
        "gateway's tables do not know: those count as reaching the host, and no class and no\n"
        "wildcard opens them. With a policy, which grants open what is new, and what policy\n"
        "check says by the new schema and not by the old one.\n"
        "\n"
        "The exit code is 0 if there is no difference and 1 if there is one.\n"
        "\n"
        "Example:\n"
        "  qmpgate -c unix:/run/new.qmp exec query-qmp-schema > new.json\n"
        "  qmpgate policy drift /usr/share/qmpgate/schema-7.2.json new.json policy.conf\n",
    .run = run,
};
