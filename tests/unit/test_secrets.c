/* The table of secrets, held to the schema that it was made for, and a canary in every place that
 * it does not show. */
#include "config.h"
#include "tests/unit/unit.h"

#include "audit/arguments.h"
#include "audit/secrets.h"
#include "base/mem.h"
#include "qmp/scan.h"
#include "qmp/types.h"
#include "tests/qmp/schema_file.h"

#define CANARY "Hunter2Hunter2"
#define DIGITS "867530986753098"

static struct qmp_schema *real; /* of a QEMU 7.2, machine none */
static gnutls_hash_hd_t hasher;

static struct span span_of(const char *text)
{
    return (struct span){ text, strlen(text) };
}

/* --- what is recorded ------------------------------------------------------------------------- */

/* As the log has it; freed with free(). */
static char *recorded(const char *command, const char *arguments)
{
    static const struct qmp_scan_limits limits = { .max_bytes = 1u << 20,
                                                   .max_depth = 200,
                                                   .max_tokens = 10000 };
    CLEANUP_BUF struct buf text = { 0 }, out = { 0 };
    buf_printf(&text, "[%s]", arguments);
    struct qmp_scanner *scanner = qmp_scanner_new(&limits);
    if (qmp_scanner_feed(scanner, buf_data(&text), buf_len(&text)) != QMP_SCAN_DONE)
        fail_msg("no JSON: %s", arguments);
    struct arguments_writer w = { .out = &out, .hasher = hasher };
    arguments_write(&w, span_of(command), qmp_scanner_tape(scanner), 1);
    qmp_scanner_free(scanner);
    buf_free(&w.scratch);
    buf_add_char(&out, '\0');
    return mem_strdup(buf_data(&out));
}

static unsigned n_canaries;

static void assert_unheard(const char *command, const char *arguments)
{
    CLEANUP_FREE char *text = recorded(command, arguments);
    n_canaries++;
    if (strstr(text, CANARY) || strstr(text, DIGITS))
        fail_msg("%s %s: %s", command, arguments, text);
}

/* The same JSON with each letter of its strings written as an escape. */
static char *escaped(const char *json)
{
    CLEANUP_BUF struct buf out = { 0 };
    bool inside = false;
    for (; *json; json++) {
        if (*json == '\\') {
            buf_add(&out, json++, 2);
            continue;
        }
        if (*json == '"')
            inside = !inside;
        if (inside && *json != '"')
            buf_printf(&out, "\\u%04x", (unsigned char)*json);
        else
            buf_add_char(&out, *json);
    }
    buf_add_char(&out, '\0');
    return mem_strdup(buf_data(&out));
}

/* Arguments with a canary in them: as they are, escaped, as an action, and asked about. */
static void assert_unheard_everywhere(const char *command, const char *arguments)
{
    CLEANUP_FREE char *other = escaped(arguments);
    CLEANUP_FREE char *action =
        mem_printf("{\"actions\":[{\"type\":\"%s\",\"data\":%s}]}", command, arguments);
    CLEANUP_FREE char *asked =
        mem_printf("{\"execute\":\"%s\",\"arguments\":%s}", command, arguments);
    assert_unheard(command, arguments);
    assert_unheard(command, other);
    assert_unheard("transaction", action);
    assert_unheard("gateway-explain", asked);
    assert_unheard("command-of-the-next-release", arguments);
}

/* --- every member of every command -------------------------------------------------------------
 */

/* A member, and what it is in. */
struct place {
    const struct place *outer;
    struct span name;
    bool in_array;
};

typedef void visit_fn(const char *command, const struct secret_command *c, const struct place *p,
                      uint32_t type);

struct visit {
    const char *command;
    const struct secret_command *c;
    visit_fn *visit;
    uint8_t *seen; /* types */
};

static void visit_type(const struct visit *v, uint32_t type, const struct place *outer,
                       bool in_array);

static void visit_parts(const struct visit *v, uint32_t type, const struct place *outer,
                        bool in_array)
{
    for (uint32_t i = 0; i < qmp_type_n_parts(real, type); i++) {
        struct qmp_type_part part = qmp_type_part(real, type, i);
        struct place place = { outer, part.name, in_array };
        v->visit(v->command, v->c, &place, part.type);
        enum secret_verdict verdict = secret_member(v->c, part.name);
        if (verdict != SECRET_HIDDEN && verdict != SECRET_COMMAND)
            visit_type(v, part.type, &place, false);
    }
    uint32_t tag = qmp_type_tag(real, type);
    if (tag == QMP_NONE)
        return;
    uint32_t values = qmp_type_part(real, type, tag).type;
    for (uint32_t i = 0; i < qmp_type_n_parts(real, values); i++) {
        uint32_t branch = qmp_type_branch(real, type, i);
        if (branch != QMP_TYPE_NONE)
            visit_type(v, branch, outer, in_array);
    }
}

static void visit_type(const struct visit *v, uint32_t type, const struct place *outer,
                       bool in_array)
{
    enum qmp_type_kind kind = qmp_type_kind(real, type);
    if (kind == QMP_TYPE_ARRAY) {
        visit_type(v, qmp_type_element(real, type), outer, true);
    } else if (kind == QMP_TYPE_ALTERNATE) {
        for (unsigned k = 0; k <= QMP_KIND_NULL; k++) {
            uint32_t choice = qmp_type_of_kind(real, type, (enum qmp_kind)k);
            if (choice != QMP_TYPE_NONE)
                visit_type(v, choice, outer, in_array);
        }
    } else if (kind == QMP_TYPE_OBJECT && !v->seen[type]) {
        v->seen[type] = 1;
        visit_parts(v, type, outer, in_array);
    }
}

static void visit_command(unsigned i, visit_fn *visit)
{
    const char *name = qmp_schema_command(real, i)->name;
    CLEANUP_FREE uint8_t *seen = MEM_NEW_N(uint8_t, qmp_schema_n_types(real));
    struct visit v = { name, secret_command_find(span_of(name)), visit, seen };
    visit_type(&v, qmp_command_arguments(real, i), NULL, false);
}

static void visit_all(visit_fn *visit)
{
    for (unsigned i = 0; i < qmp_schema_n_commands(real); i++)
        visit_command(i, visit);
}

/* Objects, and nothing but objects. */
static bool is_parts(uint32_t type)
{
    if (qmp_type_kind(real, type) == QMP_TYPE_ARRAY)
        type = qmp_type_element(real, type);
    return qmp_type_kind(real, type) == QMP_TYPE_OBJECT;
}

static unsigned n_wrong;

static void check_reviewed(const char *command, const struct secret_command *c,
                           const struct place *p, uint32_t type)
{
    const char *wrong = NULL;
    switch (secret_member(c, p->name)) {
    case SECRET_UNKNOWN:
        wrong = "nobody looked at it";
        break;
    case SECRET_PARTS:
        if (!is_parts(type) && qmp_type_kind(real, type) != QMP_TYPE_ANY)
            wrong = "has no parts";
        break;
    case SECRET_LINE:
        if (qmp_type_kind(real, type) != QMP_TYPE_STRING)
            wrong = "is no text";
        break;
    case SECRET_KNOWN:
        if (qmp_type_kind(real, type) == QMP_TYPE_ANY)
            wrong = "may be anything";
        break;
    case SECRET_HIDDEN:
    case SECRET_PROPERTY:
    case SECRET_COMMAND:
        break;
    }
    if (wrong) {
        print_error("%s: %s: %s\n", command, p->name.data, wrong);
        n_wrong++;
    }
}

static void every_member_of_7_2_is_reviewed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < qmp_schema_n_commands(real); i++) {
        const char *name = qmp_schema_command(real, i)->name;
        if (!secret_command_find(span_of(name)))
            fail_msg("nobody looked at %s", name);
    }
    n_wrong = 0;
    visit_all(check_reviewed);
    assert_int_equal(n_wrong, 0);
}

/* --- the table has no more than that -------------------------------------------------------------
 */

static struct span looked_for;
static bool was_found;

static void look(const char *command, const struct secret_command *c, const struct place *p,
                 uint32_t type)
{
    (void)command, (void)c, (void)type;
    was_found |=
        p->name.len == looked_for.len && memcmp(p->name.data, looked_for.data, looked_for.len) == 0;
}

static bool is_ours(struct span command)
{
    static const struct span others[] = { SPAN_LIT("device_add"), SPAN_LIT("drive_add") };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        if (others[i].len == command.len && memcmp(command.data, others[i].data, command.len) == 0)
            return true;
    }
    return command.len > 8 && memcmp(command.data, "gateway-", 8) == 0;
}

static void check_is_there(void *opaque, const char *commands, bool monitor, struct span word,
                           enum secret_verdict verdict)
{
    (void)opaque, (void)verdict;
    if (monitor || (!commands && is_ours(word)))
        return;
    looked_for = word;
    was_found = !commands && qmp_schema_find_command(real, word) >= 0;
    while (commands && *(commands += strspn(commands, " "))) {
        struct span name = { commands, strcspn(commands, " ") };
        int i = qmp_schema_find_command(real, name);
        if (is_ours(name))
            was_found = true;
        else if (i >= 0)
            visit_command((unsigned)i, look);
        commands += name.len;
    }
    if (!commands && !was_found) /* of a shape */
        visit_all(look);
    if (!was_found) {
        print_error("not in 7.2: %.*s\n", (int)word.len, word.data);
        n_wrong++;
    }
}

static void all_of_the_table_is_in_7_2(void **state)
{
    (void)state;
    n_wrong = 0;
    secret_visit(check_is_there, NULL);
    assert_int_equal(n_wrong, 0);
}

/* --- device_add and the human monitor ------------------------------------------------------------
 */

static void every_property_of_a_known_driver_is_reviewed(void **state)
{
    (void)state;
    static const char *const properties[] = {
#define PROPERTIES(group, reach, ...) __VA_ARGS__,
#include "acl/device.def"
    };
    const struct secret_command *c = secret_command_find(SPAN_LIT("device_add"));
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
        if (!strchr(properties[i], '[') &&
            secret_member(c, span_of(properties[i])) == SECRET_UNKNOWN)
            fail_msg("nobody looked at %s", properties[i]);
    }
}

static const char *const monitor_words[][2] = {
#define WORD(name, aliases, sort, commands) { name, aliases },
#include "acl/hmp.def"
#undef WORD
};

/* Each word of the human monitor, with "info" for all of its. */
static void each_word(void (*use)(struct span word))
{
    for (size_t i = 0; i < ARRAY_SIZE(monitor_words); i++) {
        const char *name = monitor_words[i][0];
        use((struct span){ name, strcspn(name, " ") });
        for (const char *a = monitor_words[i][1]; *a; a += strspn(a, "|")) {
            use((struct span){ a, strcspn(a, "|") });
            a += strcspn(a, "|");
        }
    }
}

static void check_word(struct span word)
{
    const struct secret_command *options;
    if (secret_word(word, &options) == SECRET_UNKNOWN)
        fail_msg("nobody looked at the word %.*s", (int)word.len, word.data);
    was_found |= word.len == looked_for.len && memcmp(word.data, looked_for.data, word.len) == 0;
}

static void check_is_a_word(void *opaque, const char *commands, bool monitor, struct span word,
                            enum secret_verdict verdict)
{
    (void)opaque, (void)commands, (void)verdict;
    if (!monitor)
        return;
    looked_for = word;
    was_found = false;
    each_word(check_word);
    if (!was_found)
        fail_msg("no word of the human monitor: %.*s", (int)word.len, word.data);
}

static void the_words_of_the_human_monitor_are_those_of_7_2(void **state)
{
    (void)state;
    each_word(check_word);
    secret_visit(check_is_a_word, NULL);
}

/* --- canaries
 * -------------------------------------------------------------------------------------- */

/* {"a":{"b":[{"name":VALUE}]}} for where the member is. */
static char *put(const struct place *p, const char *value)
{
    char *text = mem_printf("{\"%s\":%s}", p->name.data, value);
    for (; p->outer; p = p->outer) {
        char *inner = text;
        text =
            mem_printf(p->in_array ? "{\"%s\":[%s]}" : "{\"%s\":%s}", p->outer->name.data, inner);
        free(inner);
    }
    return text;
}

static void assert_unheard_at(const char *command, const struct place *p, const char *value)
{
    CLEANUP_FREE char *arguments = put(p, value);
    CLEANUP_FREE char *deeper =
        mem_printf("{\"driver\":\"raw\",\"file\":{\"file\":{\"backing\":%s}}}", arguments);
    CLEANUP_FREE char *listed = mem_printf("{\"options\":[{\"children\":[%s]}]}", arguments);
    assert_unheard_everywhere(command, arguments);
    assert_unheard_everywhere(command, deeper);
    assert_unheard_everywhere(command, listed);
}

static unsigned n_secrets;

/* A secret, in whatever shape. */
static void hide_canary(const char *command, const struct secret_command *c, const struct place *p,
                        uint32_t type)
{
    static const char *const values[] = {
        "\"" CANARY "\"",
        DIGITS,
        "[\"" CANARY "\"," DIGITS "]",
        "{\"id\":\"" CANARY "\",\"type\":[" DIGITS "]}",
        "\"a long one " CANARY "  " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY
        " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY
        " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY
        " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY
        " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY " " CANARY "\"",
    };
    (void)type;
    if (secret_member(c, p->name) != SECRET_HIDDEN)
        return;
    n_secrets++;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        assert_unheard_at(command, p, values[i]);
}

static void no_secret_of_any_command_is_heard(void **state)
{
    (void)state;
    n_secrets = 0;
    visit_all(hide_canary);
    assert_in_range(n_secrets, 13, 100);
}

/* What is shown may hold a secret all the same. */
static void hide_in_text(const char *command, const struct secret_command *c, const struct place *p,
                         uint32_t type)
{
    static const char *const texts[] = {
        "\"https://user:" CANARY "@host/x\"",
        "\"iscsi://user%" CANARY "@host/x\"",
        "\"https://host/x?token=" CANARY "\"",
        "\"json:{\\\"file.password\\\":\\\"" CANARY "\\\"}\"",
        "\"rbd:pool/image:id=a:key=" CANARY "\"",
        "\"a,password=" CANARY ",b=c\"",
        "\"exec:curl -u user:" CANARY " host\"",
        "[\"https://user:" CANARY "@host/x\"]",
    };
    if (secret_member(c, p->name) == SECRET_HIDDEN || is_parts(type))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        CLEANUP_FREE char *arguments = put(p, texts[i]);
        CLEANUP_FREE char *other = escaped(arguments);
        assert_unheard(command, arguments);
        assert_unheard(command, other);
    }
}

static void no_secret_in_a_text_of_any_command_is_heard(void **state)
{
    (void)state;
    visit_all(hide_in_text);
}

/* In the place of parts, and beside every member. */
static void hide_where_nobody_looked(const char *command, const struct secret_command *c,
                                     const struct place *p, uint32_t type)
{
    struct place beside = *p;
    beside.name = SPAN_LIT("member-of-the-next-release");
    CLEANUP_FREE char *new = put(&beside, "\"" CANARY "\"");
    CLEANUP_FREE char *nested = put(&beside, "[{\"id\":\"" CANARY "\",\"driver\":" DIGITS "}]");
    assert_unheard(command, new);
    assert_unheard(command, nested);
    if (secret_member(c, p->name) != SECRET_PARTS)
        return;
    (void)type;
    CLEANUP_FREE char *text = put(p, "\"" CANARY "\"");
    CLEANUP_FREE char *list = put(p, "[[" DIGITS "],\"" CANARY "\"]");
    assert_unheard(command, text);
    assert_unheard(command, list);
}

static void what_nobody_looked_at_is_not_heard(void **state)
{
    (void)state;
    visit_all(hide_where_nobody_looked);
    for (unsigned i = 0; i < qmp_schema_n_commands(real); i++) {
        const char *name = qmp_schema_command(real, i)->name;
        assert_unheard(name, "\"" CANARY "\"");
        assert_unheard(name, "[" DIGITS ",[\"" CANARY "\"]]");
    }
}

static void say_line(const char *line)
{
    CLEANUP_FREE char *arguments = mem_printf("{\"command-line\":\"%s\",\"cpu-index\":0}", line);
    CLEANUP_FREE char *text = recorded("human-monitor-command", arguments);
    n_canaries++;
    if (strstr(text, CANARY))
        fail_msg("%s: %s", line, text);
}

static void hide_in_line(struct span word)
{
    static const char *const lines[] = {
        "%.*s secret,id=s0,data=" CANARY,          "%.*s x,password=" CANARY ",id=s0",
        "%.*s 0 file.password=" CANARY ",if=none", "%.*s 0 file=https://user:" CANARY "@host/x",
        "%.*s 0 file=json:{'a':'" CANARY "'}",     "%.*s {'qom-type':'secret','data':'" CANARY "'}",
        "%.*s -d \\\"exec:curl -u " CANARY "\\\"", "\\t %.*s x,key=" CANARY,
    };
    const struct secret_command *options;
    enum secret_verdict verdict = secret_word(word, &options);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        CLEANUP_BUF struct buf line = { 0 };
        _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
            buf_printf(&line, lines[i], (int)word.len, word.data);
        _Pragma("GCC diagnostic pop") buf_add_char(&line, '\0');
        say_line(buf_data(&line));
    }
    CLEANUP_FREE char *option =
        mem_printf("%.*s x,option-of-the-next-release=" CANARY, (int)word.len, word.data);
    CLEANUP_FREE char *bare = mem_printf("%.*s vnc " CANARY, (int)word.len, word.data);
    if (options)
        say_line(option);
    if (verdict == SECRET_HIDDEN)
        say_line(bare);
}

static void no_secret_of_the_human_monitor_is_heard(void **state)
{
    (void)state;
    each_word(hide_in_line);
    say_line("word-of-the-next-release " CANARY);
    say_line("\\u0073et_password vnc " CANARY);
    say_line("change vnc password " CANARY);
}

/* ---
 * ---------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    struct error err;
    (void)state;
    real = schema_file_pinned_all();
    return audit_hasher_new(&hasher, &err);
}

static int tear_down(void **state)
{
    (void)state;
    print_message("%u canaries\n", n_canaries);
    audit_hasher_free(&hasher);
    qmp_schema_unref(real);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_of_7_2_is_reviewed),
        cmocka_unit_test(all_of_the_table_is_in_7_2),
        cmocka_unit_test(every_property_of_a_known_driver_is_reviewed),
        cmocka_unit_test(the_words_of_the_human_monitor_are_those_of_7_2),
        cmocka_unit_test(no_secret_of_any_command_is_heard),
        cmocka_unit_test(no_secret_in_a_text_of_any_command_is_heard),
        cmocka_unit_test(what_nobody_looked_at_is_not_heard),
        cmocka_unit_test(no_secret_of_the_human_monitor_is_heard),
    };
    return cmocka_run_group_tests_name("secrets", tests, set_up, tear_down);
}
