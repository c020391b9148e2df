/* The judge by itself: what tables of policy do not show. Arguments come without validation here,
 * so that what a schema would refuse is seen to be refused as well. */
#include "config.h"
#include "tests/unit/unit.h"

#include "acl/acl.h"
#include "acl/hmp.h"
#include "acl/rights_internal.h"
#include "base/mem.h"
#include "qmp/scan.h"
#include "tests/acl/cases.h"

static struct qmp_schema *schema;

#define GRANT      "grant \"g\" { to = {\"unix:a\"} role = {\"r\"} vms = {\"*\"} }"
#define ROLE(text) "role \"r\" { " text " }" GRANT

static struct acl_policy *parse(const char *text)
{
    struct acl_policy *policy = NULL;
    assert_int_equal(acl_policy_parse("p", text, strlen(text), NULL, NULL, &policy), 0);
    return policy;
}

static struct acl_program *compile(const char *text)
{
    struct acl_policy *policy = parse(text);
    struct acl_program *program = acl_program_new(policy, schema);
    acl_policy_unref(policy);
    return program;
}

static struct acl_rights *rights_of(const char *text, const char *who)
{
    static const struct acl_vm vm = { .name = "v" };
    struct acl_program *program = compile(text);
    struct acl_rights *r = acl_rights_new(program, acl_subject_named(who), &vm);
    acl_program_unref(program);
    return r;
}

static struct span span_of(const char *s)
{
    return (struct span){ s, strlen(s) };
}

static struct qmp_scanner *scan(const char *json)
{
    static const struct qmp_scan_limits limits = { .max_bytes = 65536,
                                                   .max_depth = 64,
                                                   .max_tokens = 4096 };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, span_of(json));
    assert_non_null(scanner);
    return scanner;
}

struct answer {
    enum acl_decision decision;
    char *text;   /* the rule of what is allowed, the reason of what is refused; owned */
    char *detail; /* owned */
};

/* Arguments NULL: none. */
static struct answer ask(const struct acl_rights *r, const char *command, const char *arguments)
{
    struct acl_workspace work = { 0 };
    struct qmp_scanner *scanner = scan(arguments ? arguments : "{}");
    struct acl_verdict v =
        acl_check(r, &work, span_of(command), qmp_scanner_tape(scanner), arguments ? 0 : QMP_NONE);
    CLEANUP_BUF struct buf detail = { 0 };
    acl_check_detail(r, &work, span_of(command), &detail);
    struct answer a = {
        .decision = v.decision,
        .text = mem_strdup(v.decision == ACL_ALLOWED ? v.rule : v.reason),
        .detail = mem_strndup(buf_data(&detail), buf_len(&detail)),
    };
    acl_workspace_fini(&work);
    qmp_scanner_free(scanner);
    return a;
}

static void expect(const char *policy, const char *command, const char *arguments,
                   enum acl_decision decision, const char *text, const char *detail)
{
    struct acl_rights *r = rights_of(policy, "unix:a");
    struct answer a = ask(r, command, arguments);
    if (a.decision != decision || (text && strcmp(a.text, text) != 0) ||
        (detail && !strstr(a.detail, detail)))
        fail_msg("%s %s: %d, \"%s\", \"%s\"", command, arguments ? arguments : "", a.decision,
                 a.text, a.detail);
    free(a.text);
    free(a.detail);
    acl_rights_unref(r);
}

static void refused(const char *policy, const char *command, const char *arguments, const char *why)
{
    expect(policy, command, arguments, ACL_DENIED, why, NULL);
}

static void allowed(const char *policy, const char *command, const char *arguments)
{
    expect(policy, command, arguments, ACL_ALLOWED, NULL, NULL);
}

/* --- what the schema would have refused ------------------------------------------------------- */

#define TRANSACTION ROLE("allow = {\"transaction\"}")

static void an_action_without_a_type_is_refused(void **state)
{
    (void)state;
    refused(TRANSACTION, "transaction", "{\"actions\":[{}]}",
            "actions[0], '?': an action without a type");
    refused(TRANSACTION, "transaction", "{\"actions\":[{\"type\":\"abort\"},{\"data\":{}}]}",
            "actions[1], '?': an action without a type");
}

static void an_action_whose_type_is_no_text_is_refused(void **state)
{
    (void)state;
    refused(TRANSACTION, "transaction", "{\"actions\":[{\"type\":7}]}",
            "actions[0], '?': an action without a type");
}

static void a_transaction_in_a_transaction_is_refused(void **state)
{
    (void)state;
    refused(
        TRANSACTION, "transaction",
        "{\"actions\":[{\"type\":\"transaction\",\"data\":{\"actions\":[{\"type\":\"abort\"}]}}]}",
        "actions[0], 'transaction': commands within a command within a command");
}

static void actions_that_are_no_list_are_refused(void **state)
{
    (void)state;
    refused(TRANSACTION, "transaction", "{\"actions\":{\"type\":\"abort\"}}",
            "'actions' reaches the host (unknown), and no rule says what it may be");
}

static void an_action_that_is_no_command_is_refused(void **state)
{
    (void)state;
    refused(TRANSACTION, "transaction", "{\"actions\":[{\"type\":\"no-such\",\"data\":{}}]}",
            "actions[0], 'no-such': no rule allows it");
    refused(TRANSACTION, "transaction", "{\"actions\":[{\"type\":\"aborT\",\"data\":{}}]}",
            "actions[0], 'aborT': no rule allows it");
}

static void a_line_that_is_no_text_is_refused(void **state)
{
    (void)state;
    refused(ROLE("hmp = {\"*\"}"), "human-monitor-command", "{\"command-line\":7}", NULL);
}

static void a_member_that_nobody_knows_must_be_covered(void **state)
{
    (void)state;
    refused(ROLE("allow = {\"blockdev-add\"}"), "blockdev-add",
            "{\"driver\":\"null-co\",\"new\":1}",
            "'new' reaches the host (unknown), and no rule says what it may be");
    allowed(ROLE("rule \"x\" { commands = {\"blockdev-add\"} when = {\"new any\"} }"),
            "blockdev-add", "{\"driver\":\"null-co\",\"new\":1}");
    refused(ROLE("rule \"x\" { commands = {\"blockdev-add\"} when = {\"new at-most 5\"} }"),
            "blockdev-add", "{\"driver\":\"null-co\",\"new\":1}", NULL);
}

static void without_arguments_there_is_nothing_to_cover(void **state)
{
    (void)state;
    allowed(ROLE("allow = {\"device_add\"}"), "device_add", NULL);
    refused(ROLE("rule \"x\" { commands = {\"device_add\"} when = {\"id present\"} }"),
            "device_add", NULL, NULL);
}

/* --- words of refusals ------------------------------------------------------------------------ */

static void a_refusal_says_where_in_a_list(void **state)
{
    (void)state;
    refused(ROLE("allow = {\"blockdev-reopen\"}"), "blockdev-reopen",
            "{\"options\":[{\"driver\":\"null-co\"},{\"driver\":\"file\",\"filename\":\"/a\"}]}",
            "'options[1].filename' reaches the host (path), and no rule says what it may be");
}

static void a_place_that_is_long_is_cut(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf text = { 0 };
    for (int i = 0; i < 40; i++)
        BUF_ADD_LIT(&text, "{\"driver\":\"raw\",\"file\":");
    BUF_ADD_LIT(&text, "{\"driver\":\"file\",\"filename\":\"/a\"}");
    for (int i = 0; i < 40; i++)
        buf_add_char(&text, '}');
    buf_add_char(&text, '\0');
    struct acl_rights *r = rights_of(ROLE("allow = {\"blockdev-add\"}"), "unix:a");
    struct answer a = ask(r, "blockdev-add", buf_data(&text));
    assert_int_equal(a.decision, ACL_DENIED);
    assert_true(strlen(a.text) < 200 && strncmp(a.text, "'file.file.file.", 16) == 0);
    free(a.text);
    free(a.detail);
    acl_rights_unref(r);
}

static void the_nearest_rule_is_named(void **state)
{
    (void)state;
    static const char two[] =
        ROLE("rule \"far\" { commands = {\"blockdev-add\"} when = {\"driver is qcow2\"} }"
             "rule \"near\" { commands = {\"blockdev-add\"} when = {\"driver is file\", \"filename "
             "under /srv\"} }");
    expect(two, "blockdev-add", "{\"driver\":\"file\",\"filename\":\"/a\"}", ACL_DENIED,
           "grant \"g\" role \"r\" rule \"near\" does not hold: 'filename'",
           "wants \"filename under /srv\" (line 1)");
    expect(
        two, "blockdev-add",
        "{\"driver\":\"file\",\"filename\":\"/srv/a\",\"pr-manager\":\"p\",\"locking\":\"auto\"}",
        ACL_ALLOWED, NULL, NULL);
    expect(ROLE("rule \"x\" { commands = {\"blockdev-add\"} when = {\"driver is file\"} }"),
           "blockdev-add", "{\"driver\":\"file\",\"filename\":\"/a\"}", ACL_DENIED,
           "grant \"g\" role \"r\" rule \"x\" says nothing of 'filename', which reaches the host "
           "(path)",
           "role \"r\"");
}

static void the_name_that_decides_is_told_and_no_other_value(void **state)
{
    (void)state;
    static const char rules[] =
        ROLE("rule \"d\" { commands = {\"device_add\"} when = {\"driver is e1000\"} }"
             "rule \"b\" { commands = {\"blockdev-add\"} when = {\"**.driver in raw file\"} }"
             "rule \"m\" { commands = {\"migrate\"} when = {\"uri scheme in tcp\"} }"
             "rule \"c\" { commands = {\"chardev-add\"} when = {\"id is c\"} }"
             "rule \"p\" { commands = {\"change-vnc-password\"} when = {\"password is a\"} }");
#define BY(rule) "grant \"g\" role \"r\" rule \"" rule "\" "
    refused(rules, "device_add", "{\"driver\":\"vfio-pci\"}",
            BY("d") "does not hold: 'driver' ('vfio-pci')");
    refused(rules, "blockdev-add",
            "{\"driver\":\"raw\",\"file\":{\"driver\":\"vvfat\",\"dir\":\"/\"}}",
            BY("b") "does not hold: '**.driver' ('vvfat')");
    refused(rules, "migrate", "{\"uri\":\"exec:secret\"}",
            BY("m") "does not hold: 'uri' ('exec:')");
    refused(rules, "migrate", "{\"uri\":\"secret\"}", BY("m") "does not hold: 'uri'");
    refused(rules, "migrate", "{\"uri\":\"a b:c\"}", BY("m") "does not hold: 'uri'");
    refused(rules, "chardev-add", "{\"id\":\"c\",\"backend\":{\"type\":\"pty\",\"data\":{}}}",
            BY("c") "says nothing of 'backend.type' ('pty'), which reaches the host (host)");
    refused(rules, "chardev-add", "{\"id\":\"d\",\"backend\":{\"type\":\"pty\",\"data\":{}}}",
            BY("c") "does not hold: 'id'");
    refused(rules, "change-vnc-password", "{\"password\":\"secret\"}",
            BY("p") "does not hold: 'password'");
    refused(rules, "device_add", "{\"driver\":\"a\\u0000b\"}", BY("d") "does not hold: 'driver'");
    refused(rules, "device_add", "{\"driver\":\"\"}", BY("d") "does not hold: 'driver'");
    refused(rules, "device_add", "{\"driver\":\"VGA_2\"}",
            BY("d") "does not hold: 'driver' ('VGA_2')");
    refused(rules, "device_add", "{\"driver\":\"a~\"}", BY("d") "does not hold: 'driver'");
    refused(rules, "device_add", "{\"driver\":\"\xc3\xa9\"}", BY("d") "does not hold: 'driver'");
    refused(rules, "device_add", "{\"driver\":7}", BY("d") "does not hold: 'driver'");
    refused(rules, "device_add", "{\"id\":\"x\"}", BY("d") "does not hold: 'driver'");
    refused(rules, "device_add",
            "{\"driver\":\"a123456789b123456789c123456789d123456789e123456789f1234567891234\"}",
            BY("d") "does not hold: 'driver' "
                    "('a123456789b123456789c123456789d123456789e123456789f1234567891234')");
    refused(rules, "device_add",
            "{\"driver\":\"a123456789b123456789c123456789d123456789e123456789f12345678912345\"}",
            BY("d") "does not hold: 'driver'");
#undef BY
}

static void a_rule_whose_variable_has_no_value_is_none(void **state)
{
    (void)state;
    static const char never[] = ROLE("rule \"x\" { commands = {\"blockdev-add\"} when = "
                                     "{\"filename under /srv/%{label.tenant}\"} }");
    refused(never, "blockdev-add", "{\"driver\":\"null-co\"}", "no rule allows it");
    refused(never, "blockdev-add", "{\"driver\":\"file\",\"filename\":\"/srv/a/b\"}",
            "no rule allows it");
    refused(ROLE("allow = {\"blockdev-add\"} rule \"x\" { commands = {\"blockdev-add\"} when = "
                 "{\"filename under "
                 "/srv/%{label.tenant}\"} }"),
            "blockdev-add", "{\"driver\":\"file\",\"filename\":\"/srv/a/b\"}",
            "'filename' reaches the host (path), and no rule says what it may be");
}

static void details_of_nobody_are_few(void **state)
{
    (void)state;
    struct acl_rights *r = rights_of(ROLE("allow = {\"stop\"}"), NULL);
    CLEANUP_BUF struct buf detail = { 0 };
    acl_check_detail(r, NULL, SPAN_LIT("stop"), &detail);
    buf_add_char(&detail, '\0');
    assert_string_equal(buf_data(&detail), "no grant applies here");
    acl_rights_unref(r);
}

/* --- the human monitor ------------------------------------------------------------------------ */

static void hmp_opens_one_command_only(void **state)
{
    (void)state;
    static const char hmp[] = ROLE("allow = {\"dump-skeys\"} hmp = {\"info *\"}");
    struct acl_rights *r = rights_of(hmp, "unix:a");
    assert_int_equal(acl_check_name(r, SPAN_LIT("human-monitor-command")).decision,
                     ACL_CONDITIONAL);
    for (unsigned i = 0; i <= qmp_schema_n_commands(schema); i++) {
        bool is_shown = i < qmp_schema_n_commands(schema) &&
                        strcmp(qmp_schema_command(schema, i)->name, "human-monitor-command") == 0;
        assert_int_equal(acl_allows_command(r, i), is_shown);
    }
    assert_int_equal(acl_check_name(r, SPAN_LIT("human-monitor-comman!")).decision, ACL_DENIED);
    assert_int_equal(acl_check_name(r, SPAN_LIT("stop")).decision, ACL_DENIED);
    assert_int_equal(acl_check_name(r, SPAN_LIT("dump-skeys")).decision, ACL_UNKNOWN_COMMAND);
    acl_rights_unref(r);
}

static bool opens_word(const char *policy, const char *line)
{
    struct acl_rights *r = rights_of(policy, "unix:a");
    struct acl_hmp_word word;
    acl_hmp_find(span_of(line), &word);
    bool opens = acl_allows_word(r, &word);
    acl_rights_unref(r);
    return opens;
}

static void words_are_those_of_hmp_that_nothing_denies(void **state)
{
    (void)state;
    static const char words[] =
        ROLE("hmp = {\"info *\", \"stop\", \"new-word\"} deny = {\"stop\"}");
    assert_true(opens_word(words, "info status"));
    assert_true(opens_word(words, "new-word"));
    assert_false(opens_word(words, "stop"));
    assert_false(opens_word(words, "quit"));
    assert_false(opens_word(ROLE("deny = {\"human-monitor-command\"} hmp = {\"*\"}"), "quit"));
    assert_true(opens_word(ROLE("allow = {\"human-monitor-command\"} hmp = {\"*\"}"), "quit"));
    assert_false(opens_word(ROLE("allow = {\"human-monitor-command\"}"), "quit"));
    static const char hidden[] = ROLE("hmp = {\"*\"} redact = {\"query-status: running\"}");
    assert_false(opens_word(hidden, "info status"));
    assert_true(opens_word(hidden, "info version"));
}

static void a_deny_closes_the_human_monitor(void **state)
{
    (void)state;
    static const char denied[] = ROLE("hmp = {\"info *\"} deny = {\"human-monitor-command\"}");
    refused(denied, "human-monitor-command", "{\"command-line\":\"info status\"}",
            "denied by grant \"g\" role \"r\" deny \"human-monitor-command\"");
}

static void a_rule_may_name_a_whole_line(void **state)
{
    (void)state;
    static const char line[] = ROLE("rule \"x\" { commands = {\"human-monitor-command\"} when = "
                                    "{\"command-line is 'savevm a'\"} }");
    allowed(line, "human-monitor-command", "{\"command-line\":\"savevm a\"}");
    refused(line, "human-monitor-command", "{\"command-line\":\"savevm b\"}", NULL);
    refused(line, "human-monitor-command", "{\"command-line\":\"savevm\\n a\"}", NULL);
}

static void a_rule_of_a_transaction_must_hold_as_well(void **state)
{
    (void)state;
    static const char atomic[] =
        ROLE("rule \"x\" { commands = {\"transaction\"} when = {\"actions at-most 1\"} }");
    allowed(atomic, "transaction", "{\"actions\":[{\"type\":\"abort\"}]}");
    refused(atomic, "transaction", "{\"actions\":[{\"type\":\"abort\"},{\"type\":\"abort\"}]}",
            "grant \"g\" role \"r\" rule \"x\" does not hold: 'actions'");
}

/* --- several grants --------------------------------------------------------------------------- */

static void the_same_rule_by_two_grants_counts_once(void **state)
{
    (void)state;
    expect(
        "role \"r\" { rule \"x\" { commands = {\"blockdev-add\"} when = {\"driver is null-co\"} } }"
        "role \"s\" { include = {\"r\"} rule \"y\" { commands = {\"blockdev-add\"} when = "
        "{\"driver is file\"} } }" GRANT
        "grant \"h\" { to = {\"unix:a\"} role = {\"s\", \"r\"} vms = {\"*\"} }",
        "blockdev-add", "{\"driver\":\"null-co\"}", ACL_ALLOWED,
        "grant \"g\" role \"r\" rule \"x\"", NULL);
}

/* --- events ----------------------------------------------------------------------------------- */

static enum acl_decision hears(const char *policy, const char *event, const char *data)
{
    struct acl_rights *r = rights_of(policy, "unix:a");
    struct qmp_scanner *scanner = data ? scan(data) : NULL;
    enum acl_decision d = acl_check_event(
        r, span_of(event), data ? qmp_scanner_tape(scanner) : NULL, data ? 0 : QMP_NONE);
    int number = qmp_schema_find_event(schema, span_of(event));
    if (number >= 0 && !data)
        assert_int_equal(acl_allows_event(r, (unsigned)number), d != ACL_DENIED);
    assert_false(acl_allows_event(r, qmp_schema_n_events(schema)));
    qmp_scanner_free(scanner);
    acl_rights_unref(r);
    return d;
}

static void an_event_is_heard_by_its_data(void **state)
{
    (void)state;
    static const char own[] = ROLE(
        "events = {\"STOP\"} rule \"x\" { events = {\"DEVICE_DELETED\", \"BLOCK_JOB_*\"} when = "
        "{\"device glob hot-*\"} }"
        "rule \"y\" { events = {\"DEVICE_DELETED\"} when = {\"path glob /own/%{label.no}/*\"} }");
    assert_int_equal(hears(own, "STOP", NULL), ACL_ALLOWED);
    assert_int_equal(hears(own, "STOP", "{}"), ACL_ALLOWED);
    assert_int_equal(hears(own, "RESET", NULL), ACL_DENIED);
    assert_int_equal(hears(own, "NO_SUCH", NULL), ACL_DENIED);
    assert_int_equal(hears(own, "DEVICE_DELETED", NULL), ACL_CONDITIONAL);
    assert_int_equal(hears(own, "DEVICE_DELETED", "{\"device\":\"hot-1\"}"), ACL_ALLOWED);
    assert_int_equal(hears(own, "BLOCK_JOB_READY", "{\"device\":\"hot-1\"}"), ACL_ALLOWED);
    assert_int_equal(hears(own, "DEVICE_DELETED", "{\"device\":\"disk\"}"), ACL_DENIED);
    assert_int_equal(hears(own, "DEVICE_DELETED", "{\"path\":\"/own/x/y\"}"), ACL_DENIED);
}

/* --- what is not shown ------------------------------------------------------------------------ */

static char *shown(const char *policy, const char *reply)
{
    struct acl_rights *r = rights_of(policy, "unix:a");
    struct qmp_scanner *scanner = scan(reply);
    int command = qmp_schema_find_command(schema, SPAN_LIT("query-block"));
    CLEANUP_BUF struct buf out = { 0 };
    bool whole = acl_redact(r, (unsigned)command, qmp_scanner_tape(scanner), 0, &out);
    char *text = whole ? mem_strndup(buf_data(&out), buf_len(&out)) : NULL;
    qmp_scanner_free(scanner);
    acl_rights_unref(r);
    return text;
}

static void parts_are_hidden_by_what_keeps_their_kind(void **state)
{
    (void)state;
    CLEANUP_FREE char *text =
        shown(ROLE("redact = {\"query-block: a\", \"query-block: **.f\", \"query-status: b\"}"),
              "{\"a\":{\"f\":1},\"b\":[{\"f\":\"x\"},{\"f\":[1]},{\"f\":true},{\"f\":null},{\"g\":{"
              "\"f\":-1.5}}], \"c\" : \"f\"}");
    assert_string_equal(text, "{\"a\":{},\"b\":[{\"f\":\"\"},{\"f\":[]},{\"f\":false},{\"f\":null},"
                              "{\"g\":{\"f\":0}}], \"c\" : \"f\"}");
}

static void what_cannot_be_looked_through_is_not_shown(void **state)
{
    (void)state;
    static const struct qmp_scan_limits limits = {
        .max_bytes = 4096, .max_depth = 64, .max_tokens = 64, .top_level_only = true
    };
    struct acl_rights *r = rights_of(ROLE("redact = {\"query-block: **.f\"}"), "unix:a");
    struct qmp_scanner *scanner = qmp_scan_object(&limits, SPAN_LIT("{\"a\":{\"f\":1}}"));
    int command = qmp_schema_find_command(schema, SPAN_LIT("query-block"));
    CLEANUP_BUF struct buf out = { 0 };
    assert_false(acl_redact(r, (unsigned)command, qmp_scanner_tape(scanner), 0, &out));
    qmp_scanner_free(scanner);
    acl_rights_unref(r);
}

static void the_whole_may_be_hidden(void **state)
{
    (void)state;
    CLEANUP_FREE char *text = shown(ROLE("redact = {\"query-block: **\"}"), "{\"a\":1}");
    assert_string_equal(text, "{}");
}

static void what_any_role_hides_is_hidden(void **state)
{
    (void)state;
    CLEANUP_FREE char *text =
        shown("role \"r\" { allow = {\"*\"} } role \"s\" { redact = {\"query-block: a\"} }"
              "role \"t\" { include = {\"s\"} }" GRANT
              "grant \"h\" { to = {\"unix:a\"} role = {\"t\"} vms = {\"*\"} }",
              "{\"a\":1}");
    assert_string_equal(text, "{\"a\":0}");
}

static void who_hides_nothing_sees_all(void **state)
{
    (void)state;
    struct acl_rights *r = rights_of(ROLE("redact = {\"no-such: a\"}"), "unix:a");
    assert_false(acl_redacts(r));
    assert_null(acl_redaction(r, 0, 0));
    acl_rights_unref(r);
    r = rights_of(ROLE("redact = {\"query-block: a\"}"), "unix:a");
    assert_true(acl_redacts(r));
    assert_null(acl_redaction(r, 0, 0));
    acl_rights_unref(r);
}

/* --- the shadow ------------------------------------------------------------------------------- */

static void a_shadow_is_asked_beside(void **state)
{
    (void)state;
    static const struct acl_vm vm = { .name = "v" };
    struct acl_program *program = compile(ROLE("allow = {\"stop\"}"));
    acl_program_set_shadow(program, compile(ROLE("allow = {\"cont\"}")));
    struct acl_rights *r = acl_rights_new(program, acl_subject_named("unix:a"), &vm);
    acl_program_unref(program);
    const struct acl_rights *shadow = acl_rights_shadow(r);
    assert_int_equal(acl_check_name(r, SPAN_LIT("stop")).decision, ACL_ALLOWED);
    assert_int_equal(acl_check_name(shadow, SPAN_LIT("stop")).decision, ACL_DENIED);
    assert_int_equal(acl_check_name(shadow, SPAN_LIT("cont")).decision, ACL_ALLOWED);
    assert_null(acl_rights_shadow(shadow));
    acl_rights_unref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_action_without_a_type_is_refused),
        cmocka_unit_test(an_action_whose_type_is_no_text_is_refused),
        cmocka_unit_test(a_transaction_in_a_transaction_is_refused),
        cmocka_unit_test(actions_that_are_no_list_are_refused),
        cmocka_unit_test(an_action_that_is_no_command_is_refused),
        cmocka_unit_test(a_line_that_is_no_text_is_refused),
        cmocka_unit_test(a_member_that_nobody_knows_must_be_covered),
        cmocka_unit_test(without_arguments_there_is_nothing_to_cover),
        cmocka_unit_test(a_refusal_says_where_in_a_list),
        cmocka_unit_test(a_place_that_is_long_is_cut),
        cmocka_unit_test(the_nearest_rule_is_named),
        cmocka_unit_test(the_name_that_decides_is_told_and_no_other_value),
        cmocka_unit_test(words_are_those_of_hmp_that_nothing_denies),
        cmocka_unit_test(a_rule_whose_variable_has_no_value_is_none),
        cmocka_unit_test(details_of_nobody_are_few),
        cmocka_unit_test(hmp_opens_one_command_only),
        cmocka_unit_test(a_deny_closes_the_human_monitor),
        cmocka_unit_test(a_rule_may_name_a_whole_line),
        cmocka_unit_test(a_rule_of_a_transaction_must_hold_as_well),
        cmocka_unit_test(the_same_rule_by_two_grants_counts_once),
        cmocka_unit_test(an_event_is_heard_by_its_data),
        cmocka_unit_test(parts_are_hidden_by_what_keeps_their_kind),
        cmocka_unit_test(what_cannot_be_looked_through_is_not_shown),
        cmocka_unit_test(the_whole_may_be_hidden),
        cmocka_unit_test(what_any_role_hides_is_hidden),
        cmocka_unit_test(who_hides_nothing_sees_all),
        cmocka_unit_test(a_shadow_is_asked_beside),
    };
    schema = cases_load_schema();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    qmp_schema_unref(schema);
    return failed;
}
