/* qmpgate policy diff: who gains what by a new policy, and who loses what. Verdicts are compared,
 * and not texts: of everybody and every VM that one of the policies names, or of a sample of them.
 */
#include "config.h"
#include "cli/policy_people.h"
#include "cli/policy_summary.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "acl/condition.h"
#include "base/mem.h"

/* One of the two. */
struct side {
    struct acl_policy *policy;
    struct acl_program *programs[2]; /* at monitors, and at guest agents */
    struct policy_text text;
};

struct diff {
    struct side old, new;
    struct policy_schemas schemas; /* of a VM, and of a guest agent */
    struct policy_people people;
    struct policy_machines machines;
    struct json_object *found; /* the list of differences */
};

static struct json_object *text_of(const char *text)
{
    return json_object_new_string(text);
}

/* --- rules with conditions -------------------------------------------------------------------- */

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Conditions as one text, in an order of their own. */
static char *write_option(const struct policy_option *o)
{
    CLEANUP_BUF struct buf out = { 0 };
    const char **texts = MEM_NEW_N(const char *, o->n_conditions + 1);
    size_t n = 0;
    for (size_t i = 0; i < o->n_conditions; i++)
        if (o->conditions[i].text)
            texts[n++] = o->conditions[i].text;
    if (n > 0)
        qsort(texts, n, sizeof(*texts), compare_texts);
    for (size_t i = 0; i < n; i++)
        buf_printf(&out, "%s%s", i ? ", " : "", texts[i]);
    free(texts);
    buf_add_char(&out, '\0');
    return mem_strdup(buf_data(&out));
}

/* What the rules of an entry say, as a sorted list without those that never hold. */
struct said {
    char **texts; /* owned */
    size_t n;
};

static struct said said_of(const struct policy_entry *e)
{
    struct said s = { .texts = MEM_NEW_N(char *, e->n_options + 1) };
    for (size_t i = 0; i < e->n_options; i++) {
        if (!e->options[i].never)
            s.texts[s.n++] = write_option(&e->options[i]);
    }
    if (s.n > 0)
        qsort(s.texts, s.n, sizeof(*s.texts), compare_texts);
    return s;
}

static bool has(const struct said *s, const char *text)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->texts[i], text) == 0)
            return true;
    }
    return false;
}

static struct json_object *missing_from(const struct said *s, const struct said *other)
{
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < s->n; i++) {
        if (!has(other, s->texts[i]))
            json_object_array_add(list, text_of(s->texts[i]));
    }
    return list;
}

static void said_free(struct said *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->texts[i]);
    free(s->texts);
}

/* NULL if the rules say the same. */
static struct json_object *changed_rules(const char *name, const struct policy_entry *old,
                                         const struct policy_entry *new)
{
    struct said a = said_of(old), b = said_of(new);
    struct json_object *gone = missing_from(&a, &b), *added = missing_from(&b, &a), *o = NULL;
    if (json_object_array_length(gone) + json_object_array_length(added) > 0) {
        o = json_object_new_object();
        json_object_object_add(o, "name", text_of(name));
        json_object_object_add(o, "rules-gone", json_object_get(gone));
        json_object_object_add(o, "rules-added", json_object_get(added));
    }
    json_object_put(gone);
    json_object_put(added);
    said_free(&a);
    said_free(&b);
    return o;
}

/* --- what is gained, lost, changed ------------------------------------------------------------ */

/* Into a list that is made when something goes into it. */
static void put(struct json_object *object, const char *list, struct json_object *what)
{
    struct json_object *l;
    if (!json_object_object_get_ex(object, list, &l)) {
        l = json_object_new_array();
        json_object_object_add(object, list, l);
    }
    json_object_array_add(l, what);
}

static const char *const standing_words[] = {
    [POLICY_REFUSED] = "refused",
    [POLICY_DEPENDS] = "depends",
    [POLICY_PLAIN] = "allowed unless it reaches the host",
    [POLICY_ALLOWED] = "allowed",
};

/* "stop", or "blockdev-add (depends)" */
static struct json_object *named(const char *name, enum policy_standing now)
{
    CLEANUP_FREE char *text =
        now == POLICY_ALLOWED ? mem_strdup(name) : mem_printf("%s (%s)", name, standing_words[now]);
    return text_of(text);
}

static void compare_entries(struct json_object *out, const char *prefix,
                            const struct policy_entry *old, const struct policy_entry *new)
{
    CLEANUP_FREE char *name = mem_printf("%s%s", prefix, new->name);
    if (new->standing > old->standing)
        put(out, "gained", named(name, new->standing));
    else if (new->standing < old->standing)
        put(out, "lost",
            named(name, new->standing == POLICY_REFUSED ? POLICY_ALLOWED : new->standing));
    if (new->standing == POLICY_REFUSED || old->standing == POLICY_REFUSED)
        return;
    struct json_object *changed = changed_rules(name, old, new);
    if (changed)
        put(out, "changed", changed);
}

static bool has_word(const struct policy_summary *s, const char *word)
{
    for (size_t i = 0; i < s->n_hmp; i++) {
        if (strcmp(s->hmp[i], word) == 0)
            return true;
    }
    return false;
}

static void put_printf(struct json_object *out, const char *list, const char *prefix,
                       const char *text)
{
    CLEANUP_FREE char *whole = mem_printf("%s%s", prefix, text);
    put(out, list, text_of(whole));
}

static void compare_words(struct json_object *out, const struct policy_summary *old,
                          const struct policy_summary *new)
{
    for (size_t i = 0; i < new->n_hmp; i++) {
        if (!has_word(old, new->hmp[i]))
            put_printf(out, "gained", "hmp:", new->hmp[i]);
    }
    for (size_t i = 0; i < old->n_hmp; i++) {
        if (!has_word(new, old->hmp[i]))
            put_printf(out, "lost", "hmp:", old->hmp[i]);
    }
}

/* Is it among a command's redactions? */
static bool redacts(const struct acl_rights *r, unsigned command, const char *text)
{
    const struct acl_path *path;
    for (size_t i = 0; (path = acl_redaction(r, command, i)) != NULL; i++) {
        if (strcmp(path->text, text) == 0)
            return true;
    }
    return false;
}

/* What is shown of replies: a redaction that is gone is a gain. */
static void compare_redactions(struct json_object *out, const struct qmp_schema *s,
                               const struct acl_rights *a, const struct acl_rights *b,
                               const char *list)
{
    const struct acl_path *path;
    for (unsigned c = 0; c < qmp_schema_n_commands(s); c++) {
        for (size_t i = 0; (path = acl_redaction(a, c, i)) != NULL; i++) {
            CLEANUP_FREE char *what =
                mem_printf("reply:%s: %s", qmp_schema_command(s, c)->name, path->text);
            if (!redacts(b, c, path->text))
                put(out, list, text_of(what));
        }
    }
}

/* --- one person on one VM --------------------------------------------------------------------- */

static void add_who(struct json_object *o, const struct policy_person *p)
{
    json_object_object_add(o, "identity", text_of(p->word));
    if (!p->exact)
        json_object_object_add(o, "as", text_of(p->attribute ? p->attribute : p->name));
}

static void keep(struct diff *d, const struct policy_person *p, const char *vm,
                 struct json_object *take_changes)
{
    static const char *const lists[] = { "gained", "lost", "changed" };
    if (json_object_object_length(take_changes) == 0) {
        json_object_put(take_changes);
        return;
    }
    struct json_object *o = json_object_new_object();
    add_who(o, p);
    if (vm)
        json_object_object_add(o, "vm", text_of(vm));
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        struct json_object *list;
        if (json_object_object_get_ex(take_changes, lists[i], &list))
            json_object_object_add(o, lists[i], json_object_get(list));
    }
    json_object_put(take_changes);
    json_object_array_add(d->found, o);
}

static void compare_on_vm(struct diff *d, const struct policy_person *p,
                          const struct policy_machine *m, bool agent)
{
    const struct qmp_schema *schema = d->schemas.at[agent].schema;
    struct acl_subject who = policy_person_subject(p);
    struct acl_vm vm = policy_machine_vm(m);
    vm.agent = agent;
    bool before = acl_policy_sees(d->old.policy, who, &vm);
    bool after = acl_policy_sees(d->new.policy, who, &vm);
    if (!before && !after)
        return;
    struct acl_rights *a = acl_rights_new(d->old.programs[agent], who, &vm);
    struct acl_rights *b = acl_rights_new(d->new.programs[agent], who, &vm);
    struct json_object *out = json_object_new_object();
    CLEANUP_SUMMARY struct policy_summary old = policy_summary_new(a, who, &vm);
    CLEANUP_SUMMARY struct policy_summary new = policy_summary_new(b, who, &vm);
    if (before != after)
        put(out, after ? "gained" : "lost", text_of(agent ? "sees the agent" : "sees the VM"));
    for (size_t i = 0; i < new.n_commands; i++)
        compare_entries(out, "", &old.commands[i], &new.commands[i]);
    for (size_t i = 0; i < new.n_events; i++)
        compare_entries(out, "event:", &old.events[i], &new.events[i]);
    compare_words(out, &old, &new);
    if (before && after) {
        compare_redactions(out, schema, a, b, "gained");
        compare_redactions(out, schema, b, a, "lost");
    }
    CLEANUP_FREE char *target = mem_printf("%s%s", m->word, agent ? ACL_AGENT_SUFFIX : "");
    keep(d, p, target, out);
    acl_rights_unref(a);
    acl_rights_unref(b);
}

/* --- one person anywhere ---------------------------------------------------------------------- */

static void compare_admin(struct json_object *out, unsigned old, unsigned new)
{
    for (unsigned i = 0; policy_admin_name(i); i++) {
        if ((new & ~old) >> i & 1)
            put_printf(out, "gained", "admin:", policy_admin_name(i));
        if ((old & ~new) >> i & 1)
            put_printf(out, "lost", "admin:", policy_admin_name(i));
    }
}

static void compare_delegation(const struct diff *d, struct json_object *out,
                               struct acl_subject who)
{
    for (size_t i = 0; i < d->people.n; i++) {
        const struct policy_person *p = &d->people.at[i];
        if (p->attribute)
            continue;
        bool before = acl_policy_delegates(d->old.policy, who, p->name) != NULL;
        bool after = acl_policy_delegates(d->new.policy, who, p->name) != NULL;
        if (before != after)
            put_printf(out, after ? "gained" : "lost", "acts for ", p->word);
    }
}

static void compare_person(struct diff *d, const struct policy_person *p)
{
    struct json_object *out = json_object_new_object();
    struct acl_subject who = policy_person_subject(p);
    compare_admin(out, acl_policy_admin(d->old.policy, who), acl_policy_admin(d->new.policy, who));
    compare_delegation(d, out, who);
    keep(d, p, NULL, out);
    for (size_t i = 0; i < d->machines.n; i++) {
        compare_on_vm(d, p, &d->machines.at[i], false);
        compare_on_vm(d, p, &d->machines.at[i], true);
    }
}

/* --- the tool --------------------------------------------------------------------------------- */

static void gather(struct diff *d, const struct side *s)
{
    policy_people_add(&d->people, &s->text, "grant", "to");
    policy_people_add(&d->people, &s->text, "group", "members");
    policy_people_add(&d->people, &s->text, "delegate", "from");
    policy_people_add(&d->people, &s->text, "delegate", "to");
    policy_machines_add(&d->machines, &s->text);
}

static enum cli_exit load_side(struct side *s, const char *path,
                               const struct policy_schemas *schemas)
{
    CLEANUP_BUF struct buf bytes = { 0 };
    enum cli_exit code = cli_read_file(path, &bytes);
    if (code == CLI_EXIT_OK)
        code = policy_parse(path, &bytes, &s->policy);
    if (code != CLI_EXIT_OK)
        return code;
    policy_text_read(buf_data(&bytes), buf_len(&bytes), &s->text);
    for (size_t i = 0; i < ARRAY_SIZE(s->programs); i++)
        s->programs[i] = acl_program_new(s->policy, schemas->at[i].schema);
    return CLI_EXIT_OK;
}

static void clear_side(struct side *s)
{
    for (size_t i = 0; i < ARRAY_SIZE(s->programs); i++)
        acl_program_unref(s->programs[i]);
    acl_policy_unref(s->policy);
    policy_text_clear(&s->text);
}

static void show_names(struct json_object *o, const char *list, const char *sign)
{
    struct json_object *names;
    if (!json_object_object_get_ex(o, list, &names))
        return;
    for (size_t i = 0; i < json_object_array_length(names); i++) {
        CLEANUP_BUF struct buf line = { 0 };
        struct json_object *each = json_object_array_get_idx(names, i);
        bool plain = json_object_is_type(each, json_type_string);
        output_add_text(&line,
                        plain ? json_object_get_string(each) : document_string(each, "name"));
        printf("  %s %.*s\n", sign, (int)buf_len(&line), buf_data(&line));
        if (!plain) {
            show_names(each, "rules-gone", "   - when");
            show_names(each, "rules-added", "   + when");
        }
    }
}

static void show_difference(struct json_object *o)
{
    CLEANUP_BUF struct buf line = { 0 };
    output_add_text(&line, document_string(o, "identity"));
    if (document_string(o, "as")) {
        buf_add_str(&line, " (as ");
        output_add_text(&line, document_string(o, "as"));
        buf_add_char(&line, ')');
    }
    if (document_string(o, "vm")) {
        buf_add_str(&line, " on ");
        output_add_text(&line, document_string(o, "vm"));
    }
    printf("%.*s\n", (int)buf_len(&line), buf_data(&line));
    show_names(o, "gained", "+");
    show_names(o, "lost", "-");
    show_names(o, "changed", "~");
}

static enum cli_exit compare(const struct cli *cli, struct diff *d)
{
    gather(d, &d->old);
    gather(d, &d->new);
    d->found = json_object_new_array();
    for (size_t i = 0; i < d->people.n; i++)
        compare_person(d, &d->people.at[i]);
    size_t n = json_object_array_length(d->found);
    for (size_t i = 0; i < n; i++) {
        struct json_object *each = json_object_array_get_idx(d->found, i);
        if (cli->output.pretty)
            show_difference(each);
        else
            output_document(&cli->output, stdout, each);
    }
    json_object_put(d->found);
    return n > 0 ? CLI_EXIT_FOUND : CLI_EXIT_OK;
}

static const struct option options[] = {
    { "schema", required_argument, NULL, 's' },
    { 0 },
};

static bool take_option(void *opaque, int option, const char *value)
{
    (void)option;
    *(const char **)opaque = value;
    return true;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    struct diff d = { 0 };
    const char *schema = NULL;
    int first = cli_options_anywhere(&policy_diff, argc, argv, options, take_option, &schema);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (argc - first != 2)
        return cli_usage(&policy_diff, "policy diff: which two policies?");
    enum cli_exit code =
        schema ? policy_schemas_load(&d.schemas, schema) : policy_schemas_default(&d.schemas);
    if (code == CLI_EXIT_OK)
        policy_schemas_add_agent(&d.schemas);
    if (code == CLI_EXIT_OK)
        code = load_side(&d.old, argv[first], &d.schemas);
    if (code == CLI_EXIT_OK)
        code = load_side(&d.new, argv[first + 1], &d.schemas);
    if (code == CLI_EXIT_OK)
        code = compare(cli, &d);
    clear_side(&d.old);
    clear_side(&d.new);
    policy_people_clear(&d.people);
    policy_machines_clear(&d.machines);
    policy_schemas_clear(&d.schemas);
    return code;
}

const struct verb policy_diff = {
    .name = "policy diff",
    .synopsis = "[--schema FILE] OLD NEW",
    .summary = "Tell who gains and who loses what by a new policy",
    .help = "Both are asked about everybody that one of them names, on every VM that one of them\n"
            "names. A pattern is asked about by one name that it matches (shown as \"as\"), which\n"
            "other patterns and grants may match as well.\n"
            "\n"
            "The exit code is 0 if there is no difference and 1 if there is one.\n"
            "\n"
            "Example:\n"
            "  qmpgate --pretty policy diff /etc/qmpgate/policy.conf new.conf\n",
    .run = run,
};
