#include "config.h"
#include "tests/unit/unit.h"

#include <json.h>
#include "acl/classes.h"
#include "acl/shape_internal.h"
#include "base/buf.h"
#include "base/mem.h"
#include "qmp/message.h"
#include "qmp/scan.h"
#include "qmp/validate.h"
#include "tests/qmp/schema_file.h"

static struct qmp_schema *real; /* of a QEMU 7.2, machine none, and of its guest agent */
static struct acl_reach_map *real_map;

static const struct qmp_scan_limits limits = { .max_bytes = 16u << 20,
                                               .max_depth = 1024,
                                               .max_tokens = 1u << 20 };

/* --- searches -------------------------------------------------------------------------------- */

/* A request on a tape. */
struct asked {
    struct buf text;
    struct qmp_scanner *scanner;
    const struct qmp_tape *tape;
    uint32_t arguments;
    unsigned command;
};

static void ask(struct asked *a, const struct qmp_schema *s, const char *command,
                const char *arguments)
{
    struct qmp_request r;
    *a = (struct asked){ 0 };
    buf_printf(&a->text, "{\"execute\":\"%s\"", command);
    if (arguments) {
        BUF_ADD_LIT(&a->text, ",\"arguments\":");
        buf_add_str(&a->text, arguments);
    }
    buf_add_char(&a->text, '}');
    a->scanner = qmp_scan_object(&limits, (struct span){ buf_data(&a->text), buf_len(&a->text) });
    if (!a->scanner)
        fail_msg("no JSON: %s", arguments);
    a->tape = qmp_scanner_tape(a->scanner);
    assert_int_equal(qmp_request_parse(a->tape, &r, NULL), 0);
    int i = qmp_schema_find_command(s, qmp_tape_string(a->tape, r.command));
    if (i < 0)
        fail_msg("no command %s", command);
    a->command = (unsigned)i;
    a->arguments = r.arguments;
}

static void asked_clear(struct asked *a)
{
    qmp_scanner_free(a->scanner);
    buf_free(&a->text);
}

static void assert_valid(const struct asked *a, const struct qmp_schema *s)
{
    struct qmp_argument_fault fault;
    char text[QMP_ARGUMENT_TEXT_MAX];
    if (!qmp_validate(s, a->command, a->tape, a->arguments, &fault))
        fail_msg("%.*s: %s", (int)buf_len(&a->text), buf_data(&a->text),
                 qmp_argument_fault_text(&fault, a->tape, text));
}

static void assert_orderly(const struct asked *a, const struct acl_reached_list *list)
{
    uint32_t last = a->arguments;
    for (size_t i = 0; i < list->n; i++) {
        uint32_t token = list->items[i].token;
        assert_true(i == 0 ? token >= last : token > last);
        assert_true(token < qmp_tape_next(a->tape, a->arguments));
        assert_true(list->items[i].reach != ACL_REACH_NOTHING);
        last = token;
    }
}

static void add_found(struct buf *b, struct span raw, enum acl_reach reach, enum acl_owner owner)
{
    static const char *const owners[] = { "", " of a transaction", " of the human monitor",
                                          " of a device" };
    if (buf_len(b))
        BUF_ADD_LIT(b, ", ");
    buf_add_span(b, raw);
    buf_printf(b, " %s%s", acl_reach_name(reach), owners[owner]);
}

static void add_all_found(struct buf *b, const struct asked *a, const struct acl_reached_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        add_found(b, qmp_tape_raw(a->tape, list->items[i].token),
                  (enum acl_reach)list->items[i].reach, (enum acl_owner)list->items[i].owner);
    buf_add_char(b, '\0');
}

/* "\"/a\" path, 5 cost": what was found, as it was written, in its order. */
static void find(const struct acl_reach_map *map, const struct qmp_schema *s, const char *command,
                 const char *arguments, bool valid, struct buf *out)
{
    struct asked a;
    struct acl_reached_list list = { 0 };
    ask(&a, s, command, arguments);
    if (valid)
        assert_valid(&a, s);
    bool any = acl_reach_find(map, a.command, a.tape, a.arguments, &list);
    assert_int_equal(any, list.n > 0);
    assert_orderly(&a, &list);
    add_all_found(out, &a, &list);
    acl_reached_list_clear(&list);
    asked_clear(&a);
}

struct found {
    const char *command, *arguments, *found;
};

static void assert_found_by(const struct acl_reach_map *map, const struct qmp_schema *s,
                            const struct found *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CLEANUP_BUF struct buf b = { 0 };
        find(map, s, cases[i].command, cases[i].arguments, true, &b);
        if (strcmp(buf_data(&b), cases[i].found) != 0)
            fail_msg("%s %s: %s", cases[i].command, cases[i].arguments, buf_data(&b));
    }
}

static void assert_found(const struct found *cases, size_t n)
{
    assert_found_by(real_map, real, cases, n);
}

/* --- the table and QEMU 7.2 ------------------------------------------------------------------ */

static void print_line(void *opaque, const char *line)
{
    (void)opaque;
    print_error("%s\n", line);
}

static void every_argument_of_7_2_is_reviewed(void **state)
{
    (void)state;
    assert_int_equal(acl_reach_map_review(real_map, print_line, NULL), 0);
}

static void all_of_the_table_is_in_7_2_and_there_once(void **state)
{
    (void)state;
    assert_int_equal(acl_reach_map_misfits(real_map, print_line, NULL), 0);
}

static void a_command_reaches_the_host_if_and_only_if_its_class_says_so(void **state)
{
    (void)state;
    for (unsigned i = 0; i < qmp_schema_n_commands(real); i++) {
        const char *name = qmp_schema_command(real, i)->name;
        uint64_t classes = acl_table_classes((struct span){ name, strlen(name) });
        if (classes & ACL_CLASS(GUEST)) /* never opened by a class, whatever it carries */
            continue;
        if (((classes & ACL_HOST_CLASSES) != 0) != acl_reach_is_possible(real_map, i))
            fail_msg("%s", name);
    }
}

#define KIND(k)  (1u << ACL_REACH_##k)
#define KIND_ALL (KIND(UNKNOWN) * 2 - 1)

/* All kinds that arguments of a command can be of; all there are if somebody else judges. */
static unsigned kinds_in(uint32_t place, uint8_t *is_seen)
{
    if (!place_is_node(place))
        return VERDICT_OWNER(place) ? KIND_ALL : 1u << VERDICT_REACH(place);
    const struct shape_node *node = &real_map->nodes[place - PLACE_NODE];
    unsigned kinds = 0;
    if (is_seen[place - PLACE_NODE])
        return 0;
    is_seen[place - PLACE_NODE] = 1;
    for (uint32_t i = 0; i < shape_n_places(real, node->type); i++)
        kinds |= kinds_in(real_map->places[node->first + i], is_seen);
    return kinds;
}

/* A secret may also be named, or answered. */
static void a_class_of_the_host_is_borne_out_by_an_argument(void **state)
{
    (void)state;
    static const struct {
        uint64_t class;
        unsigned kinds;
    } borne_out[] = {
        { ACL_CLASS(HOST_PATH), KIND(PATH) | KIND(URI) },
        { ACL_CLASS(HOST_EXEC), KIND(EXEC) | KIND(URI) },
        { ACL_CLASS(HOST_NET), KIND(HOST) | KIND(PORT) | KIND(URI) },
        { ACL_CLASS(HOST_COST), KIND(COST) },
        { ACL_CLASS(FD), KIND(FD) },
        { ACL_CLASS(UNTYPED), KIND(QOM) },
    };
    for (unsigned i = 0; i < qmp_schema_n_commands(real); i++) {
        const char *name = qmp_schema_command(real, i)->name;
        uint64_t classes = acl_table_classes((struct span){ name, strlen(name) });
        CLEANUP_FREE uint8_t *is_seen = MEM_NEW_N(uint8_t, real_map->n_nodes);
        unsigned kinds =
            qmp_command_is_open(real, i) ? KIND_ALL : kinds_in(real_map->commands[i], is_seen);
        for (size_t c = 0; c < ARRAY_SIZE(borne_out); c++) {
            if (classes & borne_out[c].class && !(kinds & borne_out[c].kinds))
                fail_msg("%s: class %zu", name, c);
        }
    }
}

/* --- what is found --------------------------------------------------------------------------- */

static void each_kind_is_found(void **state)
{
    (void)state;
    static const struct found cases[] = {
        { "screendump", "{\"filename\":\"/a\",\"head\":1}", "\"/a\" path" },
        { "migrate", "{\"uri\":\"exec:id\",\"detach\":true}", "\"exec:id\" uri" },
        { "client_migrate_info",
          "{\"protocol\":\"spice\",\"hostname\":\"h\",\"port\":1,\"tls-port\":2,"
          "\"cert-subject\":\"s\"}",
          "\"h\" host, 1 port, 2 port, \"s\" host" },
        { "block_resize", "{\"device\":\"d\",\"size\":5}", "5 cost" },
        { "closefd", "{\"fdname\":\"f\"}", "\"f\" descriptor" },
        { "change-vnc-password", "{\"password\":\"p\"}", "\"p\" secret" },
        { "qom-set", "{\"path\":\"/a\",\"property\":\"b\",\"value\":[1,{\"c\":2}]}",
          "\"/a\" property, \"b\" property, [1,{\"c\":2}] property" },
        { "query-cpu-model-expansion",
          "{\"type\":\"full\",\"model\":{\"name\":\"n\",\"props\":{\"realized\":true}}}",
          "{\"realized\":true} property" },
        { "netdev_add", "{\"type\":\"tap\",\"id\":\"n\",\"script\":\"/s\",\"ifname\":\"t0\"}",
          "\"tap\" program, \"/s\" program, \"t0\" host" },
        { "sev-inject-launch-secret", "{\"packet-header\":\"a\",\"secret\":\"b\",\"gpa\":1}",
          "\"a\" secret, \"b\" secret" },
    };
    assert_found(cases, ARRAY_SIZE(cases));
}

static void names_of_what_the_vm_has_reach_nothing(void **state)
{
    (void)state;
    static const struct found cases[] = {
        { "stop", NULL, "" },
        { "stop", "{}", "" },
        { "blockdev-add", "{\"driver\":\"raw\",\"file\":\"node\",\"node-name\":\"n\"}", "" },
        { "blockdev-add", "{\"driver\":\"qcow2\",\"file\":\"node\",\"backing\":null}", "" },
        { "blockdev-backup", "{\"device\":\"d\",\"target\":\"t\",\"sync\":\"full\"}", "" },
        { "object-add", "{\"qom-type\":\"can-bus\",\"id\":\"c\"}", "" },
        { "object-add", "{\"qom-type\":\"rng-egd\",\"id\":\"c\",\"chardev\":\"d\"}", "" },
        { "chardev-add", "{\"id\":\"c\",\"backend\":{\"type\":\"null\",\"data\":{}}}", "" },
        { "migrate-set-parameters", "{\"tls-creds\":\"t\",\"tls-hostname\":null}", "" },
        { "query-cpu-model-expansion", "{\"type\":\"full\",\"model\":{\"name\":\"n\"}}", "" },
    };
    assert_found(cases, ARRAY_SIZE(cases));
}

static void nested_nodes_are_found_at_every_depth(void **state)
{
    (void)state;
    static const struct found cases[] = {
        { "blockdev-add",
          "{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"/a\"},"
          "\"backing\":{\"driver\":\"raw\",\"file\":{\"filename\":\"/b\",\"driver\":\"file\"}}}",
          "\"/a\" path, \"/b\" path" },
        { "blockdev-add",
          "{\"driver\":\"quorum\",\"vote-threshold\":1,\"children\":[\"a\",{\"driver\":\"nbd\","
          "\"server\":{\"type\":\"inet\",\"host\":\"h\",\"port\":\"1\"},\"export\":\"e\"},"
          "{\"driver\":\"luks\",\"file\":{\"driver\":\"host_device\",\"filename\":\"/dev/x\"}}]}",
          "\"h\" host, \"1\" port, \"e\" host, \"/dev/x\" path" },
        { "blockdev-reopen",
          "{\"options\":[{\"driver\":\"file\",\"filename\":\"/a\"},"
          "{\"driver\":\"file\",\"filename\":\"/b\"}]}",
          "\"/a\" path, \"/b\" path" },
        { "blockdev-create",
          "{\"job-id\":\"j\",\"options\":{\"driver\":\"vmdk\",\"size\":1,\"file\":\"n\","
          "\"hwversion\":\"x\",\"extents\":[{\"driver\":\"vvfat\",\"dir\":\"/d\"}]}}",
          "1 cost, \"x\" uri, \"/d\" path" },
    };
    assert_found(cases, ARRAY_SIZE(cases));
}

static void each_element_of_an_array_is_found(void **state)
{
    (void)state;
    static const struct found cases[] = {
        { "object-add",
          "{\"qom-type\":\"memory-backend-ram\",\"id\":\"m\",\"size\":7,\"host-nodes\":[0,1]}",
          "7 cost, 0 cost, 1 cost" },
        { "netdev_add",
          "{\"type\":\"user\",\"id\":\"n\",\"dnssearch\":[{\"str\":\"a\"}],"
          "\"guestfwd\":[{\"str\":\"b\"},{\"str\":\"c\"}],\"hostfwd\":[]}",
          "\"user\" host, \"b\" program, \"c\" program" },
    };
    assert_found(cases, ARRAY_SIZE(cases));
}

static void words_that_reach_by_themselves_are_found(void **state)
{
    (void)state;
    static const struct found cases[] = {
        { "chardev-add", "{\"id\":\"c\",\"backend\":{\"type\":\"pty\",\"data\":{}}}",
          "\"pty\" host" },
        { "chardev-add", "{\"id\":\"c\",\"backend\":{\"data\":{},\"type\":\"stdio\"}}",
          "\"stdio\" host" },
        { "netdev_add", "{\"type\":\"bridge\",\"id\":\"n\"}", "\"bridge\" program" },
        { "blockdev-create",
          "{\"job-id\":\"j\",\"options\":{\"driver\":\"qcow2\",\"file\":\"n\",\"size\":1,"
          "\"preallocation\":\"full\"}}",
          "1 cost, \"full\" cost" },
        { "blockdev-create",
          "{\"job-id\":\"j\",\"options\":{\"driver\":\"qcow2\",\"file\":\"n\",\"size\":1,"
          "\"preallocation\":\"metadata\"}}",
          "1 cost" },
        { "object-add",
          "{\"qom-type\":\"memory-backend-ram\",\"id\":\"m\",\"size\":7,\"policy\":\"bind\","
          "\"prealloc\":false}",
          "7 cost, \"bind\" cost, false cost" },
    };
    assert_found(cases, ARRAY_SIZE(cases));
}

static void what_others_judge_is_theirs_and_unknown_to_whoever_does_not_ask(void **state)
{
    (void)state;
    static const struct found cases[] = {
        { "transaction",
          "{\"actions\":[{\"type\":\"abort\",\"data\":{}}],\"properties\":{\"completion-mode\":"
          "\"grouped\"}}",
          "[{\"type\":\"abort\",\"data\":{}}] unknown of a transaction" },
        { "transaction", "{\"actions\":[]}", "[] unknown of a transaction" },
        { "human-monitor-command", "{\"command-line\":\"info version\",\"cpu-index\":0}",
          "\"info version\" unknown of the human monitor" },
        { "device_add", "{\"driver\":\"e1000\",\"id\":\"n\",\"bus\":\"b\"}", "" },
        { "device_add", "{\"driver\":\"e1000\",\"mac\":\"m\",\"id\":\"n\",\"x\":{\"y\":[1]}}",
          "\"m\" unknown of a device, {\"y\":[1]} unknown of a device" },
        { "device_add", "{\"driver\":\"e1000\",\"id\":[\"n\"],\"bus\":null,\"romfile\":null}",
          "[\"n\"] unknown of a device, null unknown of a device, null unknown of a device" },
        { "device_add", "{\"driver\":5,\"driver\\u0000\":\"x\"}", "\"x\" unknown of a device" },
    };
    assert_found(cases, ARRAY_SIZE(cases));
}

/* --- what validation would have refused ------------------------------------------------------ */

static void what_is_not_valid_is_unknown_where_it_matters(void **state)
{
    (void)state;
    static const struct found cases[] = {
        { "screendump", "{\"filename\":[\"/a\"]}", "[\"/a\"] path" },
        { "screendump", "{\"filename\":\"/a\",\"more\":1}", "\"/a\" path, 1 unknown" },
        { "blockdev-add", "{\"filename\":\"/a\"}", "\"/a\" unknown" },
        { "blockdev-add", "{\"driver\":7,\"filename\":\"/a\"}", "\"/a\" unknown" },
        { "blockdev-add", "{\"driver\":\"new\",\"filename\":\"/a\"}", "\"/a\" unknown" },
        { "blockdev-add", "{\"driver\":\"raw\",\"file\":[{\"driver\":\"file\"}]}", "" },
        { "blockdev-reopen", "{\"options\":{\"driver\":\"file\",\"filename\":\"/a\"}}",
          "{\"driver\":\"file\",\"filename\":\"/a\"} unknown" },
        { "netdev_add", "{\"type\":[]}", "[] unknown" },
        { "netdev_add", "{\"type\":\"new\"}", "\"new\" unknown" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP_BUF struct buf b = { 0 };
        find(real_map, real, cases[i].command, cases[i].arguments, false, &b);
        assert_string_equal(buf_data(&b), cases[i].found);
    }
}

static void too_deep_is_unknown_before_the_stack_ends(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    for (int i = 0; i < 1000; i++)
        BUF_ADD_LIT(&b, "{\"driver\":\"raw\",\"file\":");
    BUF_ADD_LIT(&b, "{\"driver\":\"file\",\"filename\":\"/a\"}");
    for (int i = 0; i < 1000; i++)
        buf_add_char(&b, '}');
    buf_add_char(&b, '\0');
    CLEANUP_BUF struct buf found = { 0 };
    find(real_map, real, "blockdev-add", buf_data(&b), false, &found);
    const char *said = strstr(buf_data(&found), " unknown");
    assert_non_null(said);
    assert_string_equal(said, " unknown"); /* the end: nothing else was found */
}

/* --- other schemas --------------------------------------------------------------------------- */

static struct json_object *parse_real(void)
{
    const char *top = getenv("abs_top_srcdir");
    CLEANUP_FREE char *path = mem_printf("%s/tests/data/schema-7.2.json", top ? top : ".");
    struct json_object *all = json_object_from_file(path);
    assert_non_null(all);
    return all;
}

static struct json_object *element(struct json_object *all, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(all); i++) {
        struct json_object *e = json_object_array_get_idx(all, i);
        if (strcmp(json_object_get_string(json_object_object_get(e, "name")), name) == 0)
            return e;
    }
    fail_msg("no element %s", name);
    return NULL;
}

static const char *text_of(struct json_object *o, const char *member)
{
    return json_object_get_string(json_object_object_get(o, member));
}

static struct json_object *named(struct json_object *list, const char *key, const char *value)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *m = json_object_array_get_idx(list, i);
        if (text_of(m, key) && strcmp(text_of(m, key), value) == 0)
            return m;
    }
    fail_msg("no %s %s", key, value);
    return NULL;
}

static struct json_object *member(struct json_object *type, const char *name)
{
    return named(json_object_object_get(type, "members"), "name", name);
}

/* The type of a member, or, "(value)", of a branch; arrays and alternates are seen through. */
static struct json_object *step(struct json_object *all, struct json_object *type, const char *to)
{
    if (*to == '(') {
        CLEANUP_FREE char *value = mem_printf("%.*s", (int)strlen(to) - 2, to + 1);
        type = element(
            all, text_of(named(json_object_object_get(type, "variants"), "case", value), "type"));
    } else {
        type = element(all, text_of(member(type, to), "type"));
    }
    for (;;) {
        const char *meta = text_of(type, "meta-type");
        if (strcmp(meta, "array") == 0) {
            type = element(all, text_of(type, "element-type"));
        } else if (strcmp(meta, "alternate") == 0) {
            struct json_object *choices = json_object_object_get(type, "members"), *found = NULL;
            for (size_t i = 0; i < json_object_array_length(choices); i++) {
                struct json_object *choice =
                    element(all, text_of(json_object_array_get_idx(choices, i), "type"));
                if (strcmp(text_of(choice, "meta-type"), "object") == 0)
                    found = choice;
            }
            assert_non_null(found);
            type = found;
        } else {
            return type;
        }
    }
}

/* "blockdev-add (qcow2) file (file)": the type at the end of the way. */
static struct json_object *type_at(struct json_object *all, const char *way)
{
    CLEANUP_FREE char *copy = mem_printf("%s", way);
    char *rest = NULL, *word = strtok_r(copy, " ", &rest);
    struct json_object *type = element(all, text_of(element(all, word), "arg-type"));
    while ((word = strtok_r(NULL, " ", &rest)))
        type = step(all, type, word);
    return type;
}

static void append(struct json_object *to, const char *list, const char *json)
{
    struct json_object *o = json_tokener_parse(json);
    assert_non_null(o);
    json_object_array_add(list ? json_object_object_get(to, list) : to, o);
}

static void add_value(struct json_object *all, const char *way, const char *value)
{
    CLEANUP_FREE char *text = mem_printf("\"%s\"", value);
    CLEANUP_FREE char *object = mem_printf("{\"name\":\"%s\"}", value);
    append(type_at(all, way), "values", text);
    append(type_at(all, way), "members", object);
}

static void set_type(struct json_object *all, const char *way, const char *name, const char *type)
{
    json_object_object_add(member(type_at(all, way), name), "type", json_object_new_string(type));
}

/* The schema's only report, or "nothing", or all of them. */
static void gather(void *opaque, const char *line)
{
    struct buf *b = opaque;
    if (buf_len(b))
        BUF_ADD_LIT(b, "; ");
    buf_add_str(b, line);
}

static void assert_edited(struct json_object *all, const char *reported, const struct found *cases,
                          size_t n)
{
    const char *json = json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN);
    struct qmp_schema *s = NULL;
    struct error err;
    CLEANUP_BUF struct buf b = { 0 };
    if (qmp_schema_parse(json, strlen(json), &s, &err) < 0)
        fail_msg("%s", err.text);
    struct acl_reach_map *map = acl_reach_map_new(s);
    (void)acl_reach_map_review(map, gather, &b);
    buf_add_char(&b, '\0');
    assert_string_equal(buf_data(&b), reported);
    assert_found_by(map, s, cases, n);
    acl_reach_map_free(map);
    qmp_schema_unref(s);
    json_object_put(all);
}

static void a_member_that_is_new_is_unknown(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    append(type_at(all, "blockdev-add (file)"), "members", "{\"name\":\"new\",\"type\":\"str\"}");
    static const struct found cases[] = {
        { "blockdev-add", "{\"driver\":\"file\",\"filename\":\"/a\",\"new\":\"x\"}",
          "\"/a\" path, \"x\" unknown" },
        { "blockdev-add",
          "{\"driver\":\"raw\",\"file\":{\"new\":\"x\",\"driver\":\"file\",\"filename\":\"/a\"}}",
          "\"x\" unknown, \"/a\" path" },
    };
    assert_edited(all, "blockdev-add: (file).new", cases, ARRAY_SIZE(cases));
}

static void a_member_that_is_new_in_harmless_arguments_is_unknown(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    append(type_at(all, "send-key keys (number)"), "members",
           "{\"name\":\"new\",\"type\":\"bool\",\"default\":null}");
    static const struct found cases[] = {
        { "send-key", "{\"keys\":[{\"type\":\"number\",\"data\":1,\"new\":false}]}",
          "false unknown" },
        { "send-key", "{\"keys\":[{\"type\":\"qcode\",\"data\":\"a\"}]}", "" },
        { "input-send-event",
          "{\"events\":[{\"type\":\"key\",\"data\":{\"down\":true,\"key\":{\"type\":\"number\","
          "\"data\":1,\"new\":true}}}]}",
          "true unknown" },
    };
    assert_edited(all, "send-key: keys[](number).new", cases, ARRAY_SIZE(cases));
}

static void a_branch_that_is_new_is_unknown_by_its_word_and_its_members(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    add_value(all, "netdev_add type", "new");
    append(all, NULL,
           "{\"name\":\"N\",\"meta-type\":\"object\",\"members\":["
           "{\"name\":\"addr\",\"type\":\"str\"},{\"name\":\"x\",\"type\":\"N2\"}]}");
    append(all, NULL,
           "{\"name\":\"N2\",\"meta-type\":\"object\",\"members\":["
           "{\"name\":\"y\",\"type\":\"str\"}]}");
    append(type_at(all, "netdev_add"), "variants", "{\"case\":\"new\",\"type\":\"N\"}");
    static const struct found cases[] = {
        { "netdev_add", "{\"addr\":\"a\",\"type\":\"new\",\"id\":\"i\",\"x\":{\"y\":\"z\"}}",
          "\"a\" unknown, \"new\" unknown, {\"y\":\"z\"} unknown" },
    };
    assert_edited(all, "netdev_add: type =new; netdev_add: (new).x; netdev_add: (new).addr", cases,
                  ARRAY_SIZE(cases));
}

static void what_is_known_of_a_union_is_not_of_its_new_branch(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    json_object_object_add(member(type_at(all, "netdev_add"), "id"), "name",
                           json_object_new_string("name"));
    add_value(all, "netdev_add type", "new");
    append(all, NULL,
           "{\"name\":\"N\",\"meta-type\":\"object\",\"members\":["
           "{\"name\":\"id\",\"type\":\"str\"}]}");
    append(type_at(all, "netdev_add"), "variants", "{\"case\":\"new\",\"type\":\"N\"}");
    static const struct found cases[] = {
        { "netdev_add", "{\"type\":\"new\",\"id\":\"i\",\"name\":\"n\"}",
          "\"new\" unknown, \"i\" unknown, \"n\" unknown" },
    };
    assert_edited(all, "netdev_add: name; netdev_add: type =new; netdev_add: (new).id", cases,
                  ARRAY_SIZE(cases));
}

static void a_branch_without_members_is_unknown_by_its_word(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    add_value(all, "object-add qom-type", "new");
    static const struct found cases[] = {
        { "object-add", "{\"qom-type\":\"new\",\"id\":\"i\"}", "\"new\" unknown" },
        { "object-add", "{\"qom-type\":\"can-bus\",\"id\":\"i\"}", "" },
    };
    assert_edited(all, "object-add: qom-type =new", cases, ARRAY_SIZE(cases));
}

static void members_of_a_branch_that_had_none_are_unknown(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    append(all, NULL,
           "{\"name\":\"N\",\"meta-type\":\"object\",\"members\":["
           "{\"name\":\"host\",\"type\":\"str\"}]}");
    append(type_at(all, "object-add"), "variants", "{\"case\":\"can-bus\",\"type\":\"N\"}");
    struct json_object *variants = json_object_object_get(type_at(all, "object-add"), "variants");
    for (size_t i = 0; i + 1 < json_object_array_length(variants); i++) {
        if (strcmp(text_of(json_object_array_get_idx(variants, i), "case"), "can-bus") == 0)
            json_object_array_del_idx(variants, i, 1);
    }
    static const struct found cases[] = {
        { "object-add", "{\"qom-type\":\"can-bus\",\"id\":\"i\",\"host\":\"h\"}", "\"h\" unknown" },
    };
    assert_edited(all, "object-add: (can-bus).host", cases, ARRAY_SIZE(cases));
}

static void a_value_that_is_new_is_unknown(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    add_value(all, "screendump format", "new");
    static const struct found cases[] = {
        { "screendump", "{\"filename\":\"/a\",\"format\":\"new\"}",
          "\"/a\" path, \"new\" unknown" },
        { "screendump", "{\"filename\":\"/a\",\"format\":\"png\"}", "\"/a\" path" },
    };
    assert_edited(all, "screendump: format =new", cases, ARRAY_SIZE(cases));
}

static void a_command_that_is_new_is_unknown_in_all_its_members(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    append(all, NULL,
           "{\"name\":\"new\",\"meta-type\":\"command\",\"arg-type\":\"N\",\"ret-type\":\"N\"}");
    append(all, NULL,
           "{\"name\":\"N\",\"meta-type\":\"object\",\"members\":["
           "{\"name\":\"id\",\"type\":\"str\"},{\"name\":\"n\",\"type\":\"int\"}]}");
    static const struct found cases[] = {
        { "new", "{\"id\":\"i\",\"n\":5}", "\"i\" unknown, 5 unknown" },
    };
    assert_edited(all, "new: n; new: id", cases, ARRAY_SIZE(cases));
}

static void a_member_of_another_type_than_the_table_says_is_unknown(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    set_type(all, "screendump", "filename", "any");
    set_type(all, "eject", "force", "str");
    set_type(all, "balloon", "value", "any");
    set_type(all, "set_link", "name", text_of(type_at(all, "screendump format"), "name"));
    set_type(all, "migrate", "uri", text_of(type_at(all, "blockdev-add"), "name"));
    set_type(all, "qom-set", "value", "str");
    set_type(all, "dump-guest-memory", "format",
             text_of(type_at(all, "block-dirty-bitmap-remove"), "name"));
    static const struct found cases[] = {
        { "screendump", "{\"filename\":[1]}", "[1] unknown" },
        { "eject", "{\"force\":\"x\",\"id\":\"y\"}", "\"x\" unknown" },
        { "balloon", "{\"value\":1}", "1 unknown" },
        { "set_link", "{\"name\":\"png\",\"up\":true}", "\"png\" unknown" },
        { "migrate", "{\"uri\":{\"driver\":\"null-co\"}}", "{\"driver\":\"null-co\"} unknown" },
        { "qom-set", "{\"path\":\"a\",\"property\":\"b\",\"value\":\"c\"}",
          "\"a\" property, \"b\" property, \"c\" property" },
        { "dump-guest-memory",
          "{\"paging\":false,\"protocol\":\"p\",\"format\":{\"name\":\"a\",\"node\":\"b\"}}",
          "false cost, \"p\" uri, {\"name\":\"a\",\"node\":\"b\"} unknown" },
    };
    assert_edited(all,
                  "balloon: value; dump-guest-memory: format; eject: force; migrate: uri; "
                  "screendump: filename; "
                  "set_link: name",
                  cases, ARRAY_SIZE(cases));
}

static void an_array_in_the_place_of_one_is_judged_by_its_elements(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    append(all, NULL, "{\"name\":\"[N]\",\"meta-type\":\"array\",\"element-type\":\"str\"}");
    append(all, NULL, "{\"name\":\"[M]\",\"meta-type\":\"array\",\"element-type\":\"[N]\"}");
    set_type(all, "screendump", "filename", "[N]");
    set_type(all, "dumpdtb", "filename", "[M]");
    set_type(all, "block-job-cancel", "device", "[M]");
    set_type(all, "block-job-set-speed", "device", "[N]");
    static const struct found cases[] = {
        { "screendump", "{\"filename\":[\"a\",\"b\"]}", "\"a\" path, \"b\" path" },
        { "dumpdtb", "{\"filename\":[[\"a\"]]}", "[[\"a\"]] unknown" },
        { "block-job-cancel", "{\"device\":[[\"a\"]]}", "[[\"a\"]] unknown" },
        { "block-job-set-speed", "{\"device\":[\"a\"],\"speed\":1}", "" },
    };
    assert_edited(all, "block-job-cancel: device; dumpdtb: filename", cases, ARRAY_SIZE(cases));
}

static void what_is_opaque_is_unknown_as_a_whole(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    append(all, NULL, "{\"name\":\"N\",\"meta-type\":\"of-a-newer-qemu\"}");
    set_type(all, "eject", "id", "N");
    json_object_object_add(element(all, "balloon"), "arg-type", json_object_new_string("N"));
    add_value(all, "yank instances type", "new");
    append(type_at(all, "yank instances"), "variants", "{\"case\":\"new\",\"type\":\"N\"}");
    static const struct found cases[] = {
        { "eject", "{\"id\":{\"a\":1}}", "{\"a\":1} unknown" },
        { "balloon", "{\"value\":1}", "{\"value\":1} unknown" },
        { "balloon", NULL, "" },
        { "yank", "{\"instances\":[{\"type\":\"new\",\"a\":1,\"b\":[]},{\"type\":\"migration\"}]}",
          "\"new\" unknown, 1 unknown, [] unknown" },
    };
    assert_edited(all,
                  "balloon: all arguments; eject: id; yank: instances[](new); "
                  "yank: instances[].type =new",
                  cases, ARRAY_SIZE(cases));
}

static void a_union_that_chooses_by_another_member_is_unknown(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    append(type_at(all, "yank instances"), "members", "{\"name\":\"kind\",\"type\":\"NewEnum\"}");
    append(all, NULL,
           "{\"name\":\"NewEnum\",\"meta-type\":\"enum\",\"values\":[\"chardev\"],"
           "\"members\":[{\"name\":\"chardev\"}]}");
    json_object_object_add(type_at(all, "yank instances"), "tag", json_object_new_string("kind"));
    json_object_object_add(type_at(all, "yank instances"), "variants", json_object_new_array());
    static const struct found cases[] = {
        { "yank", "{\"instances\":[{\"type\":\"chardev\",\"kind\":\"chardev\"}]}",
          "\"chardev\" unknown, \"chardev\" unknown" },
    };
    assert_edited(all, "yank: instances[].kind; yank: instances[].type", cases, ARRAY_SIZE(cases));
}

/* As up to QEMU 4.2. */
static void members_of_an_open_command_that_no_schema_tells_are_unknown(void **state)
{
    (void)state;
    struct json_object *all = parse_real();
    append(all, NULL,
           "{\"name\":\"N\",\"meta-type\":\"object\",\"members\":["
           "{\"name\":\"id\",\"type\":\"str\"},{\"name\":\"type\",\"type\":\"str\"}]}");
    json_object_object_add(element(all, "netdev_add"), "arg-type", json_object_new_string("N"));
    static const struct found cases[] = {
        { "netdev_add", "{\"id\":\"a\",\"type\":\"tap\",\"script\":\"/s\",\"queues\":{}}",
          "\"tap\" unknown, \"/s\" unknown, {} unknown" },
    };
    assert_edited(all, "netdev_add: type", cases, ARRAY_SIZE(cases));
}

/* Each type contains the next, the last the first: nothing but work. */
static void a_schema_without_end_ends(void **state)
{
    (void)state;
    enum { N = 20000 };
    CLEANUP_BUF struct buf b = { 0 };
    BUF_ADD_LIT(&b, "[{\"name\":\"blockdev-add\",\"meta-type\":\"command\",\"arg-type\":\"0\"},");
    BUF_ADD_LIT(&b, "{\"name\":\"e\",\"meta-type\":\"enum\",\"values\":[\"raw\"]}");
    for (int i = 0; i < N; i++) {
        buf_printf(&b,
                   ",{\"name\":\"b%d\",\"meta-type\":\"object\",\"members\":["
                   "{\"name\":\"file\",\"type\":\"a%d\"}]}",
                   i, i);
        buf_printf(&b,
                   ",{\"name\":\"a%d\",\"meta-type\":\"alternate\",\"members\":["
                   "{\"type\":\"%d\"}]}",
                   i, (i + 1) % N);
        buf_printf(&b,
                   ",{\"name\":\"%d\",\"meta-type\":\"object\",\"members\":["
                   "{\"name\":\"driver\",\"type\":\"e\"}],\"tag\":\"driver\",\"variants\":["
                   "{\"case\":\"raw\",\"type\":\"b%d\"}]}",
                   i, i);
    }
    buf_add_char(&b, ']');
    struct qmp_schema *s = NULL;
    struct error err;
    if (qmp_schema_parse(buf_data(&b), buf_len(&b), &s, &err) < 0)
        fail_msg("%s", err.text);
    struct acl_reach_map *map = acl_reach_map_new(s);
    CLEANUP_BUF struct buf found = { 0 };
    find(map, s, "blockdev-add", "{\"driver\":\"raw\",\"file\":{\"driver\":\"raw\"}}", false,
         &found);
    assert_string_equal(buf_data(&found), "");
    acl_reach_map_free(map);
    qmp_schema_unref(s);
}

/* A tag of so many values that no map holds all its unions. */
static void what_is_too_large_to_be_judged_is_unknown(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    BUF_ADD_LIT(&b, "[{\"name\":\"e\",\"meta-type\":\"enum\",\"values\":[\"v\"");
    for (int i = 0; i < 100000; i++)
        buf_printf(&b, ",\"v%d\"", i);
    BUF_ADD_LIT(&b, "]}");
    for (int i = 10; i < 22; i++)
        buf_printf(&b,
                   ",{\"name\":\"c%d\",\"meta-type\":\"command\",\"arg-type\":\"%d\"},"
                   "{\"name\":\"%d\",\"meta-type\":\"object\",\"members\":["
                   "{\"name\":\"t\",\"type\":\"e\"}],\"tag\":\"t\",\"variants\":[]}",
                   i, i, i);
    BUF_ADD_LIT(&b, "]\0");
    static const struct found cases[] = {
        { "c10", "{\"t\":\"v5\"}", "\"v5\" unknown" },
        { "c21", "{\"t\":\"v5\"}", "{\"t\":\"v5\"} unknown" },
        { "c21", NULL, "" },
    };
    struct qmp_schema *s = NULL;
    struct error err;
    if (qmp_schema_parse(buf_data(&b), buf_len(&b) - 1, &s, &err) < 0)
        fail_msg("%s", err.text);
    struct acl_reach_map *map = acl_reach_map_new(s);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP_BUF struct buf found = { 0 };
        find(map, s, cases[i].command, cases[i].arguments, false, &found);
        assert_string_equal(buf_data(&found), cases[i].found);
    }
    acl_reach_map_free(map);
    qmp_schema_unref(s);
}

/* --- every place ----------------------------------------------------------------------------- */

/* Arguments with a value of its own in each place, and beside them what the table says of it, by
 * going down types and shapes together without a map. Each time a union, an enum or an
 * alternate takes another of its choices. */
struct planting {
    struct buf text;
    struct buf expected; /* as found_in writes it */
    unsigned round;
    unsigned n;       /* planted */
    unsigned *turns;  /* by type: choices that were taken */
    uint8_t *is_used; /* by word of the table */
    const struct table_word *words;
};

#define PLANT_DEPTH 7u

static void plant(struct planting *p, uint32_t type, const struct table_word *w, unsigned depth);

/* The words of all shapes stand in one array, those of the commands first. */
static const struct table_word *all_words(size_t *n)
{
    const struct table_word *first = shape_table_words(SHAPE_COMMANDS, n);
    for (uint16_t shape = SHAPE_FIRST; shape < shape_table_size(); shape++) {
        size_t more;
        (void)shape_table_words(shape, &more);
        *n += more;
    }
    return first;
}

static void use(struct planting *p, const struct table_word *w)
{
    assert_non_null(w);
    p->is_used[w - p->words] = 1;
}

static void expect(struct planting *p, const char *text, uint8_t verdict)
{
    if (verdict != ACL_REACH_NOTHING)
        add_found(&p->expected, (struct span){ text, strlen(text) }, VERDICT_REACH(verdict),
                  VERDICT_OWNER(verdict));
}

static void plant_simple(struct planting *p, enum qmp_type_kind kind, uint8_t verdict)
{
    char text[32];
    p->n++;
    if (kind == QMP_TYPE_STRING)
        snprintf(text, sizeof(text), "\"planted %u\"", p->n);
    else if (kind == QMP_TYPE_BOOL)
        snprintf(text, sizeof(text), "%s", p->round % 2 ? "true" : "false");
    else if (kind == QMP_TYPE_NULL)
        snprintf(text, sizeof(text), "null");
    else if (kind == QMP_TYPE_ANY)
        snprintf(text, sizeof(text), "{\"planted\":%u}", p->n);
    else
        snprintf(text, sizeof(text), "%u", 1000 + p->n);
    buf_add_str(&p->text, text);
    expect(p, text, verdict);
}

static void plant_word(struct planting *p, uint32_t type, uint16_t shape, uint32_t value)
{
    struct span name = qmp_type_part(real, type, value).name;
    const struct table_word *w = shape_table_value(shape, name);
    CLEANUP_FREE char *text = mem_printf("\"%s\"", name.data);
    use(p, w);
    buf_add_str(&p->text, text);
    expect(p, text, w->verdict);
}

static void plant_members(struct planting *p, uint32_t type, uint16_t shape, uint32_t tag_value,
                          unsigned depth, bool *first)
{
    for (uint32_t i = 0; i < qmp_type_n_parts(real, type); i++) {
        struct qmp_type_part part = qmp_type_part(real, type, i);
        const struct table_word *w = shape_table_member(shape, part.name);
        if (part.optional && depth >= PLANT_DEPTH)
            continue;
        buf_printf(&p->text, "%s\"%s\":", *first ? "" : ",", part.name.data);
        *first = false;
        use(p, w);
        if (i == qmp_type_tag(real, type))
            plant_word(p, part.type, shape, tag_value);
        else
            plant(p, part.type, w, depth + 1);
    }
}

/* Members of the branch before or after the others, by turns. */
static void plant_object(struct planting *p, uint32_t type, uint16_t shape, unsigned depth)
{
    uint32_t tag = qmp_type_tag(real, type), value = 0, branch = QMP_TYPE_NONE;
    uint16_t branch_shape = SHAPE_EMPTY;
    bool first = true;
    if (tag != QMP_NONE) {
        uint32_t values = qmp_type_part(real, type, tag).type;
        value = p->turns[type]++ % qmp_type_n_parts(real, values);
        if (depth >=
            PLANT_DEPTH) /* that ends: it has nothing that must be there but simple values */
            value = qmp_type_find(real, values, SPAN_LIT("null-co")) != QMP_NONE
                        ? qmp_type_find(real, values, SPAN_LIT("null-co"))
                        : value;
        branch = qmp_type_branch(real, type, value);
        branch_shape = shape_table_value(shape, qmp_type_part(real, values, value).name)->target;
    }
    buf_add_char(&p->text, '{');
    if (p->round % 2 && branch != QMP_TYPE_NONE)
        plant_members(p, branch, branch_shape, 0, depth, &first);
    plant_members(p, type, shape, value, depth, &first);
    if (p->round % 2 == 0 && branch != QMP_TYPE_NONE)
        plant_members(p, branch, branch_shape, 0, depth, &first);
    buf_add_char(&p->text, '}');
}

static void plant_alternate(struct planting *p, uint32_t type, uint16_t shape, unsigned depth)
{
    static const struct span names[] = {
        [QMP_KIND_OBJECT] = SPAN_LIT("object"), [QMP_KIND_ARRAY] = SPAN_LIT("array"),
        [QMP_KIND_STRING] = SPAN_LIT("string"), [QMP_KIND_NUMBER] = SPAN_LIT("number"),
        [QMP_KIND_TRUE] = SPAN_LIT("boolean"),  [QMP_KIND_FALSE] = SPAN_LIT("boolean"),
        [QMP_KIND_NULL] = SPAN_LIT("null"),
    };
    enum qmp_kind kind = depth >= PLANT_DEPTH
                             ? QMP_KIND_STRING
                             : (enum qmp_kind)(p->turns[type]++ % (QMP_KIND_NULL + 1));
    while (qmp_type_of_kind(real, type, kind) == QMP_TYPE_NONE)
        kind = (enum qmp_kind)((kind + 1) % (QMP_KIND_NULL + 1));
    plant(p, qmp_type_of_kind(real, type, kind), shape_table_member(shape, names[kind]), depth);
}

/* What another judges is not gone into. */
static void plant_owned(struct planting *p, uint32_t type, const struct table_word *w)
{
    if (qmp_type_kind(real, type) == QMP_TYPE_ARRAY) {
        BUF_ADD_LIT(&p->text, "[]");
        expect(p, "[]", w->verdict);
    } else {
        plant_simple(p, qmp_type_kind(real, type), w->verdict);
    }
}

static void plant(struct planting *p, uint32_t type, const struct table_word *w, unsigned depth)
{
    enum qmp_type_kind kind = qmp_type_kind(real, type);
    use(p, w);
    if (w->expected == EXPECT_OWNED) {
        plant_owned(p, type, w);
    } else if (kind == QMP_TYPE_ARRAY) {
        buf_add_char(&p->text, '[');
        for (unsigned i = 0; i < (depth >= PLANT_DEPTH ? 0 : 1 + p->round % 2); i++) {
            if (i)
                buf_add_char(&p->text, ',');
            plant(p, qmp_type_element(real, type), w, depth + 1);
        }
        buf_add_char(&p->text, ']');
    } else if (kind == QMP_TYPE_OBJECT) {
        plant_object(p, type, w->target, depth);
    } else if (kind == QMP_TYPE_ENUM) {
        plant_word(p, type, w->target, p->turns[type]++ % qmp_type_n_parts(real, type));
    } else if (kind == QMP_TYPE_ALTERNATE) {
        plant_alternate(p, type, w->target, depth);
    } else {
        plant_simple(p, kind, w->verdict);
    }
}

static void assert_planted_is_found(struct planting *p, unsigned command)
{
    const char *name = qmp_schema_command(real, command)->name;
    const struct table_word *w =
        shape_table_member(SHAPE_COMMANDS, (struct span){ name, strlen(name) });
    uint32_t type = qmp_command_arguments(real, command);
    CLEANUP_BUF struct buf found = { 0 };
    if (!w) {
        assert_int_equal(qmp_type_n_parts(real, type), 0);
        return;
    }
    use(p, w);
    plant_object(p, type, w->target, 0);
    buf_add_char(&p->text, '\0');
    buf_add_char(&p->expected, '\0');
    find(real_map, real, name, buf_data(&p->text), true, &found);
    if (strcmp(buf_data(&found), buf_data(&p->expected)) != 0)
        fail_msg("%s %s\nfound %s\nnot %s", name, buf_data(&p->text), buf_data(&found),
                 buf_data(&p->expected));
    buf_consume(&p->text, buf_len(&p->text));
    buf_consume(&p->expected, buf_len(&p->expected));
}

static const struct table_word *first_unused(const struct planting *p, size_t n_words)
{
    for (size_t i = 0; i < n_words; i++) {
        if (!p->is_used[i])
            return &p->words[i];
    }
    return NULL;
}

#define ROUNDS_MAX 5000u /* the longest enum has 148 values, some are behind a long way */

static void what_is_planted_anywhere_is_found_as_the_table_says(void **state)
{
    (void)state;
    size_t n_words;
    const struct table_word *words = all_words(&n_words), *unused = words;
    struct planting p = { .turns = MEM_NEW_N(unsigned, qmp_schema_n_types(real)),
                          .is_used = MEM_NEW_N(uint8_t, n_words),
                          .words = words };
    for (p.round = 0; unused && p.round < ROUNDS_MAX; p.round++) {
        for (unsigned i = 0; i < qmp_schema_n_commands(real); i++)
            assert_planted_is_found(&p, i);
        unused = first_unused(&p, n_words);
    }
    if (unused)
        fail_msg("%s: '%.*s' was not planted", shape_table_name(unused->shape),
                 (int)unused->text.len, unused->text.data);
    print_message("%u values in %u rounds\n", p.n, p.round);
    buf_free(&p.text);
    buf_free(&p.expected);
    free(p.turns);
    free(p.is_used);
}

/* --- what it costs --------------------------------------------------------------------------- */

static uint64_t look_at_quorum(unsigned n)
{
    CLEANUP_BUF struct buf b = { 0 };
    struct acl_reached_list list = { 0 };
    struct asked a;
    BUF_ADD_LIT(&b, "{\"driver\":\"quorum\",\"vote-threshold\":1,\"children\":[");
    for (unsigned i = 0; i < n; i++)
        buf_printf(&b, "%s{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/%u\"}}",
                   i ? "," : "", i);
    BUF_ADD_LIT(&b, "]}\0");
    ask(&a, real, "blockdev-add", buf_data(&b));
    assert_valid(&a, real);
    assert_true(acl_reach_find(real_map, a.command, a.tape, a.arguments, &list));
    assert_int_equal(list.n, n);
    uint64_t looked_at = list.n_looked_at;
    acl_reached_list_clear(&list);
    asked_clear(&a);
    return looked_at;
}

static void each_value_is_looked_at_once(void **state)
{
    (void)state;
    uint64_t base = look_at_quorum(1), one = look_at_quorum(2) - base;
    assert_int_equal(look_at_quorum(1001), base + 1000 * one);
    assert_true(one <= 9); /* a child, as a choice and as an object, three members twice */
}

static void where_nothing_reaches_nothing_is_looked_at(void **state)
{
    (void)state;
    struct acl_reached_list list = { 0 };
    struct asked a;
    ask(&a, real, "send-key", "{\"keys\":[{\"type\":\"qcode\",\"data\":\"a\"}],\"hold-time\":5}");
    assert_false(acl_reach_find(real_map, a.command, a.tape, a.arguments, &list));
    assert_int_equal(list.n_looked_at, 0);
    assert_null(list.items);
    asked_clear(&a);
}

static void a_list_is_used_again(void **state)
{
    (void)state;
    struct acl_reached_list list = { 0 };
    struct asked a, b;
    ask(&a, real, "memsave", "{\"val\":1,\"size\":2,\"filename\":\"/a\"}");
    ask(&b, real, "stop", "{}");
    assert_true(acl_reach_find(real_map, a.command, a.tape, a.arguments, &list));
    const struct acl_reached *items = list.items;
    assert_int_equal(list.n, 2);
    assert_false(acl_reach_find(real_map, b.command, b.tape, b.arguments, &list));
    assert_int_equal(list.n, 0);
    assert_true(acl_reach_find(real_map, a.command, a.tape, a.arguments, &list));
    assert_int_equal(list.n, 2);
    assert_ptr_equal(list.items, items);
    acl_reached_list_clear(&list);
    asked_clear(&a);
    asked_clear(&b);
}

/* The table has the guest agent's as well, which no VM has. */
static void print_of_a_vm(void *opaque, const char *line)
{
    if (!strstr(line, "guest-") && !strstr(line, "Guest") && !strstr(line, "QGA"))
        print_line(opaque, line);
}

/* Of another QEMU: what it has more, and what less. */
static int compare_with(const char *path)
{
    struct qmp_schema *s = schema_file_read(path);
    struct acl_reach_map *map = acl_reach_map_new(s);
    (void)acl_reach_map_review(map, print_line, NULL);
    (void)acl_reach_map_misfits(map, print_of_a_vm, NULL);
    acl_reach_map_free(map);
    qmp_schema_unref(s);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_argument_of_7_2_is_reviewed),
        cmocka_unit_test(all_of_the_table_is_in_7_2_and_there_once),
        cmocka_unit_test(a_command_reaches_the_host_if_and_only_if_its_class_says_so),
        cmocka_unit_test(a_class_of_the_host_is_borne_out_by_an_argument),
        cmocka_unit_test(a_member_that_is_new_is_unknown),
        cmocka_unit_test(a_member_that_is_new_in_harmless_arguments_is_unknown),
        cmocka_unit_test(a_branch_that_is_new_is_unknown_by_its_word_and_its_members),
        cmocka_unit_test(what_is_known_of_a_union_is_not_of_its_new_branch),
        cmocka_unit_test(a_branch_without_members_is_unknown_by_its_word),
        cmocka_unit_test(members_of_a_branch_that_had_none_are_unknown),
        cmocka_unit_test(a_value_that_is_new_is_unknown),
        cmocka_unit_test(a_command_that_is_new_is_unknown_in_all_its_members),
        cmocka_unit_test(a_member_of_another_type_than_the_table_says_is_unknown),
        cmocka_unit_test(an_array_in_the_place_of_one_is_judged_by_its_elements),
        cmocka_unit_test(what_is_opaque_is_unknown_as_a_whole),
        cmocka_unit_test(a_union_that_chooses_by_another_member_is_unknown),
        cmocka_unit_test(members_of_an_open_command_that_no_schema_tells_are_unknown),
        cmocka_unit_test(a_schema_without_end_ends),
        cmocka_unit_test(what_is_too_large_to_be_judged_is_unknown),
        cmocka_unit_test(what_is_not_valid_is_unknown_where_it_matters),
        cmocka_unit_test(too_deep_is_unknown_before_the_stack_ends),
        cmocka_unit_test(each_kind_is_found),
        cmocka_unit_test(words_that_reach_by_themselves_are_found),
        cmocka_unit_test(nested_nodes_are_found_at_every_depth),
        cmocka_unit_test(each_element_of_an_array_is_found),
        cmocka_unit_test(what_others_judge_is_theirs_and_unknown_to_whoever_does_not_ask),
        cmocka_unit_test(names_of_what_the_vm_has_reach_nothing),
        cmocka_unit_test(what_is_planted_anywhere_is_found_as_the_table_says),
        cmocka_unit_test(each_value_is_looked_at_once),
        cmocka_unit_test(where_nothing_reaches_nothing_is_looked_at),
        cmocka_unit_test(a_list_is_used_again),
    };
    if (argc > 1)
        return compare_with(argv[1]);
    real = schema_file_pinned_all();
    real_map = acl_reach_map_new(real);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    acl_reach_map_free(real_map);
    qmp_schema_unref(real);
    return failed;
}
