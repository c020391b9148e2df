/* The table of facts against the schema that it was made from. */
#include "config.h"
#include "tests/unit/unit.h"

#include <json.h>
#include "acl/acl.h"
#include "acl/classes.h"
#include "tests/acl/cases.h"
#include "tests/qmp/schema_file.h"

static const char *const table_commands[] = {
#define COMMAND(name, classes) name,
#include "acl/commands.def"
#undef COMMAND
};

static const char *const table_events[] = {
#define EVENT(name) name,
#include "acl/events.def"
#undef EVENT
};

static struct qmp_schema *schema;

static bool has_class(const char *command, const char *class)
{
    const char *const *classes = acl_classes_of(command);
    assert_non_null(classes);
    for (; *classes; classes++) {
        if (strcmp(*classes, class) == 0)
            return true;
    }
    return false;
}

static struct span span_of(const char *s)
{
    return (struct span){ s, strlen(s) };
}

/* --- the schema ------------------------------------------------------------------------------- */

static void every_command_of_the_schema_is_in_the_table(void **state)
{
    (void)state;
    assert_int_equal(qmp_schema_n_commands(schema), 216 + 40);
    for (unsigned i = 0; i < qmp_schema_n_commands(schema); i++) {
        const char *name = qmp_schema_command(schema, i)->name;
        const char *const *classes = acl_classes_of(name);
        if (!classes || !*classes)
            fail_msg("%s has no class", name);
    }
}

static void every_command_of_the_table_is_in_the_schema_and_there_once(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_SIZE(table_commands), qmp_schema_n_commands(schema));
    bool seen[ARRAY_SIZE(table_commands)] = { false };
    for (size_t i = 0; i < ARRAY_SIZE(table_commands); i++) {
        int number = qmp_schema_find_command(schema, span_of(table_commands[i]));
        if (number < 0 || seen[number])
            fail_msg("%s is not in the schema, or twice in the table", table_commands[i]);
        seen[number] = true;
    }
}

static void the_table_has_exactly_the_events_of_the_schema(void **state)
{
    (void)state;
    assert_int_equal(qmp_schema_n_events(schema), 52);
    assert_int_equal(ARRAY_SIZE(table_events), 52);
    for (unsigned i = 0; i < qmp_schema_n_events(schema); i++) {
        const char *name = qmp_schema_event(schema, i);
        if (!acl_table_knows_event(span_of(name)))
            fail_msg("%s is not in the table", name);
    }
    assert_false(acl_table_knows_event(SPAN_LIT("NO_SUCH_EVENT")));
    assert_false(acl_table_knows_event(SPAN_LIT("STO")));
    assert_false(acl_table_knows_event(SPAN_LIT("STOPP")));
}

static void unstable_and_deprecated_are_as_the_schema_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < qmp_schema_n_commands(schema); i++) {
        const struct qmp_schema_command *c = qmp_schema_command(schema, i);
        if (has_class(c->name, "unstable") != c->unstable ||
            has_class(c->name, "deprecated") != c->deprecated)
            fail_msg("%s: the schema says otherwise", c->name);
    }
}

/* --- query ------------------------------------------------------------------------------------ */

static void what_is_read_only_is_in_no_other_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table_commands); i++) {
        const char *name = table_commands[i];
        const char *const *classes = acl_classes_of(name);
        if ((has_class(name, "query") || has_class(name, "host-info")) && classes[1])
            fail_msg("%s reads, and is in another class as well", name);
    }
}

static void query_holds_only_names_that_say_so(void **state)
{
    (void)state;
    static const char *const others[] = {
        "guest-fsfreeze-status",
        "guest-info",
        "guest-network-get-interfaces",
        "guest-ping",
        "qom-list",
        "qom-list-types",
        "trace-event-get-state",
    };
    for (size_t i = 0; i < ARRAY_SIZE(table_commands); i++) {
        const char *name = table_commands[i];
        if (!has_class(name, "query") || strncmp(name, "query-", 6) == 0 ||
            strncmp(name, "guest-get-", 10) == 0)
            continue;
        bool known = false;
        for (size_t k = 0; k < ARRAY_SIZE(others); k++)
            known = known || strcmp(name, others[k]) == 0;
        if (!known)
            fail_msg("%s is in query", name);
    }
}

static void query_leaks_nothing_that_is_known_to_leak(void **state)
{
    (void)state;
    static const char *const not_query[] = {
        "qom-get",
        "ringbuf-read",
        "query-block",
        "query-named-block-nodes",
        "query-chardev",
        "query-vnc",
        "query-migrate",
        "query-vnc-servers",
        "query-spice",
        "query-sev-capabilities",
        "query-fdsets",
        "query-sev-attestation-report",
        "query-tpm",
        "query-sev-launch-measure",
        "query-replay",
        "x-query-virtio-queue-element",
        "screendump",
        "memsave",
        "pmemsave",
        "dump-guest-memory",
        "x-query-ramblock",
        "query-display-options",
        "query-migrate-parameters",
        "query-cpu-model-expansion",
    };
    for (size_t i = 0; i < ARRAY_SIZE(not_query); i++)
        assert_false(has_class(not_query[i], "query"));
}

/* --- the guest's agent -------------------------------------------------------------------------
 */

static void what_acts_in_the_guest_is_opened_by_its_own_name(void **state)
{
    (void)state;
    static const char *const acting[] = {
        "guest-exec",         "guest-exec-status",     "guest-file-open",
        "guest-file-read",    "guest-file-write",      "guest-set-user-password",
        "guest-shutdown",     "guest-fsfreeze-freeze", "guest-ssh-add-authorized-keys",
        "guest-suspend-disk", "guest-set-time",        "guest-ssh-get-authorized-keys",
    };
    for (size_t i = 0; i < ARRAY_SIZE(acting); i++) {
        assert_true(has_class(acting[i], "guest"));
        assert_true(acl_reaches_host(acting[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(table_commands); i++) {
        bool agents = strncmp(table_commands[i], "guest-", 6) == 0;
        bool acts = has_class(table_commands[i], "guest");
        if (agents && !acts && !has_class(table_commands[i], "query"))
            fail_msg("%s neither reads nor acts", table_commands[i]);
        if (acts && (!agents || has_class(table_commands[i], "query")))
            fail_msg("%s is in guest", table_commands[i]);
    }
}

/* --- the host --------------------------------------------------------------------------------- */

static void what_is_known_to_reach_the_host_is_marked(void **state)
{
    (void)state;
    static const char *const reaching[] = {
        "human-monitor-command",
        "transaction",
        "migrate",
        "migrate-incoming",
        "migrate-recover",
        "netdev_add",
        "dump-guest-memory",
        "memsave",
        "pmemsave",
        "screendump",
        "dumpdtb",
        "xen-save-devices-state",
        "xen-load-devices-state",
        "blockdev-snapshot-sync",
        "drive-mirror",
        "drive-backup",
        "chardev-add",
        "chardev-change",
        "object-add",
        "block-export-add",
        "blockdev-add",
        "blockdev-reopen",
        "blockdev-create",
        "blockdev-change-medium",
        "change-backing-file",
        "block-commit",
        "block-stream",
        "nbd-server-start",
        "display-update",
        "device_add",
        "qom-set",
        "query-cpu-model-expansion",
        "qom-get",
        "getfd",
        "add-fd",
        "closefd",
        "remove-fd",
        "add_client",
        "set_password",
        "expire_password",
        "change-vnc-password",
        "sev-inject-launch-secret",
        "client_migrate_info",
        "block_resize",
        "block_set_io_throttle",
        "migrate-set-parameters",
        "blockdev-mirror",
        "trace-event-set-state",
    };
    for (size_t i = 0; i < ARRAY_SIZE(reaching); i++) {
        if (!acl_reaches_host(reaching[i]))
            fail_msg("%s is not marked", reaching[i]);
    }
    assert_false(acl_reaches_host("stop"));
    assert_false(acl_reaches_host("query-status"));
}

static void what_the_table_does_not_know_could_reach_the_host(void **state)
{
    (void)state;
    assert_true(acl_reaches_host("no-such-command"));
    assert_true(acl_reaches_host(""));
    assert_null(acl_classes_of("no-such-command"));
    assert_null(acl_classes_of("stop "));
    assert_null(acl_classes_of("STOP"));
}

static void commands_for_descriptors_are_marked(void **state)
{
    (void)state;
    static const char *const fd[] = { "getfd", "closefd", "add-fd", "remove-fd", "add_client" };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(table_commands); i++)
        n += acl_is_fd_command(table_commands[i]);
    assert_int_equal(n, ARRAY_SIZE(fd));
    for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
        assert_true(acl_is_fd_command(fd[i]));
    assert_false(acl_is_fd_command("query-fdsets"));
    assert_false(acl_is_fd_command("no-such-command"));
}

static void every_class_has_a_command(void **state)
{
    (void)state;
    static const char *const classes[] = {
#define CLASS(id, name) name,
#include "acl/classes.def"
#undef CLASS
    };
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        assert_true(acl_class_by_name(classes[i]) != 0);
        size_t n = 0;
        for (size_t k = 0; k < ARRAY_SIZE(table_commands); k++)
            n += has_class(table_commands[k], classes[i]);
        if (n == 0)
            fail_msg("%s is empty", classes[i]);
    }
}

/* --- arguments -------------------------------------------------------------------------------- */

/* Names of members that by their look are a file, an address, a program, a size or a secret. */
static const char *const suspicious[] = {
    "file",         "filename",      "path",
    "dir",          "uri",           "url",
    "target",       "addr",          "host",
    "hostname",     "port",          "server",
    "socket",       "script",        "helper",
    "fd",           "fds",           "fdname",
    "protocol",     "size",          "password",
    "secret",       "protocol",      "backing-file",
    "base",         "top",           "mountpoint",
    "dev",          "logfile",       "config",
    "data",         "snapshot-file", "buf-size",
    "command-line", "mem-path",      "device-path",
    "smb",          "tftp",          "xbzrle-cache-size",
};

/* Commands that have such a member and are not marked, each looked at. */
static const struct {
    const char *command, *member, *why;
} harmless[] = {
    { "block-dirty-bitmap-merge", "target", "a bitmap's name" },
    { "blockdev-backup", "target", "an open node" },
    { "query-stats", "target", "an enumeration" },
    { "ringbuf-write", "data", "the text itself" },
    { "ringbuf-read", "size", "bounded by the buffer" },
    { "set-numa-node", "target", "the number of a node" },
    { "set-numa-node", "size", "of a described cache, before the guest starts" },
    { "input-send-event", "data", "the key itself" },
    { "send-key", "data", "the key itself" },
    { "x-query-virtio-status", "path", "in the object tree; as the next" },
    { "x-query-virtio-queue-status", "path", "" },
    { "x-query-virtio-vhost-queue-status", "path", "" },
    { "x-query-virtio-queue-element", "path", "" },
    { "qom-list", "path", "in the object tree, and names only" },
};

static json_object *types; /* by name */

static bool is_harmless(const char *command, const char *member)
{
    for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
        if (strcmp(harmless[i].command, command) == 0 && strcmp(harmless[i].member, member) == 0)
            return true;
    }
    return false;
}

static void check_type(const char *command, const char *name, unsigned depth);

static void check_members(const char *command, json_object *members, unsigned depth)
{
    for (size_t i = 0; members && i < json_object_array_length(members); i++) {
        json_object *m = json_object_array_get_idx(members, i), *v;
        if (json_object_object_get_ex(m, "name", &v)) {
            const char *member = json_object_get_string(v);
            for (size_t k = 0; k < ARRAY_SIZE(suspicious); k++) {
                if (strcmp(member, suspicious[k]) == 0 && !acl_reaches_host(command) &&
                    !is_harmless(command, member))
                    fail_msg("%s has an argument %s and is not marked", command, member);
            }
        }
        if (json_object_object_get_ex(m, "type", &v))
            check_type(command, json_object_get_string(v), depth + 1);
    }
}

static void check_type(const char *command, const char *name, unsigned depth)
{
    json_object *type, *v;
    if (depth > 6 || !json_object_object_get_ex(types, name, &type))
        return;
    if (json_object_object_get_ex(type, "element-type", &v))
        check_type(command, json_object_get_string(v), depth + 1);
    if (json_object_object_get_ex(type, "meta-type", &v) &&
        strcmp(json_object_get_string(v), "enum") == 0)
        return;
    if (json_object_object_get_ex(type, "members", &v))
        check_members(command, v, depth);
    if (json_object_object_get_ex(type, "variants", &v))
        check_members(command, v, depth);
}

static void a_command_with_an_argument_that_looks_like_the_host_s_is_marked(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf text = { 0 };
    cases_load("tests/data/schema-7.2.json", &text);
    schema_file_add_agent(&text);
    buf_add_char(&text, '\0');
    json_object *all = json_tokener_parse(buf_data(&text));
    assert_non_null(all);
    types = json_object_new_object();
    for (size_t i = 0; i < json_object_array_length(all); i++) {
        json_object *entity = json_object_array_get_idx(all, i);
        json_object *name = json_object_object_get(entity, "name");
        json_object_object_add(types, json_object_get_string(name), json_object_get(entity));
    }
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(table_commands); i++) {
        json_object *entity, *arg;
        if (json_object_object_get_ex(types, table_commands[i], &entity) &&
            json_object_object_get_ex(entity, "arg-type", &arg)) {
            check_type(table_commands[i], json_object_get_string(arg), 0);
            n++;
        }
    }
    assert_int_equal(n, ARRAY_SIZE(table_commands));
    json_object_put(types);
    json_object_put(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_of_the_schema_is_in_the_table),
        cmocka_unit_test(every_command_of_the_table_is_in_the_schema_and_there_once),
        cmocka_unit_test(the_table_has_exactly_the_events_of_the_schema),
        cmocka_unit_test(unstable_and_deprecated_are_as_the_schema_says),
        cmocka_unit_test(what_is_read_only_is_in_no_other_class),
        cmocka_unit_test(query_holds_only_names_that_say_so),
        cmocka_unit_test(query_leaks_nothing_that_is_known_to_leak),
        cmocka_unit_test(what_acts_in_the_guest_is_opened_by_its_own_name),
        cmocka_unit_test(what_is_known_to_reach_the_host_is_marked),
        cmocka_unit_test(what_the_table_does_not_know_could_reach_the_host),
        cmocka_unit_test(commands_for_descriptors_are_marked),
        cmocka_unit_test(every_class_has_a_command),
        cmocka_unit_test(a_command_with_an_argument_that_looks_like_the_host_s_is_marked),
    };
    schema = schema_file_pinned_all();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    qmp_schema_unref(schema);
    return failed;
}
