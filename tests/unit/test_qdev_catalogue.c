/* libqdev's catalogue: what a VM says of its devices is taken or refused, kept and read again, and
 * what is wrong with a description is named. */
#include "config.h"
#include "tests/unit/unit.h"

#include <qdev.h>
#include "base/mem.h"

/* --- a QEMU ----------------------------------------------------------------------------------- */

/* What it answers; the last that fits command and typename. */
struct answer {
    const char *command, *type; /* NULL: any */
    const char *json;           /* NULL: refused; "": nothing comes */
};

struct vm {
    struct answer own[4]; /* before the others */
};

#define MAC                                                                     \
    "{\"name\":\"mac\",\"type\":\"str\",\"description\":\"Ethernet 6-byte MAC " \
    "Address, example: 52:54:00:12:34:56\"}"
#define ADDR                                                                                 \
    "{\"name\":\"addr\",\"type\":\"int32\",\"default-value\":-1,\"description\":\"Slot and " \
    "optional function number, example: 06.0 or 06\"}"

static const struct answer answers[] = {
    { "query-version", NULL,
      "{\"qemu\":{\"micro\":1,\"minor\":2,\"major\":7},\"package\":\"Debian\"}" },
    { "qom-list-types", "device",
      "[{\"name\":\"nic\",\"parent\":\"x\"},{\"name\":\"colo-compare\"},{\"name\":\"disk\"},"
      "{\"name\":\"virtio-vga-gl\"},{\"name\":\"inner\"}]" },
    { "qom-list-types", "user-creatable", "[{\"name\":\"rng\"}]" },
    { "device-list-properties", "nic",
      "[" ADDR "," MAC ",{\"name\":\"speed\",\"type\":\"uint16\",\"default-value\":10},"
      "{\"name\":\"rom\",\"type\":\"bool\",\"description\":\"on/off\"},"
      "{\"name\":\"len-ports\",\"type\":\"uint32\"},"
      "{\"name\":\"part\",\"type\":\"child<thing>\"}]" },
    { "device-list-properties", "disk",
      "[" ADDR ",{\"name\":\"size\",\"type\":\"size\"},{\"name\":\"drive\",\"type\":\"str\"},"
      "{\"name\":\"policy\",\"type\":\"BlockdevOnError\",\"description\":\"Error handling policy, "
      "report/ignore/auto\"},{\"name\":\"tick\",\"type\":\"LostTickPolicy\"},"
      "{\"name\":\"new\",\"type\":\"SomethingNew\"}]" },
    { "device-list-properties", "inner", "[]" },
    { "qom-list-properties", "rng", "[{\"name\":\"filename\",\"type\":\"string\"}]" },
    { "human-monitor-command", NULL,
      "\"Network devices:\\r\\nname \\\"nic\\\", bus PCI, alias \\\"network\\\", desc \\\"A card, "
      "not more\\\"\\r\\nname \\\"inner\\\", bus System, no-user\\r\\nname \\\"gone\\\"\\r\\n\"" },
};

static const struct answer *find_answer(const struct answer *list, size_t n, const char *command,
                                        const char *arguments)
{
    for (size_t i = 0; i < n && list[i].command; i++) {
        char quoted[64];
        snprintf(quoted, sizeof(quoted), ":\"%s\"", list[i].type ? list[i].type : "");
        if (strcmp(list[i].command, command) == 0 &&
            (!list[i].type || (arguments && strstr(arguments, quoted))))
            return &list[i];
    }
    return NULL;
}

static int ask(void *opaque, const char *command, const char *arguments, char **result)
{
    const struct vm *vm = opaque;
    const struct answer *a = find_answer(vm->own, 4, command, arguments);
    if (!a)
        a = find_answer(answers, ARRAY_SIZE(answers), command, arguments);
    if (!a)
        fail_msg("asked for %s %s", command, arguments);
    if (!a->json)
        return 1;
    if (!*a->json)
        return -1;
    *result = mem_strdup(a->json);
    return 0;
}

static struct qdev_catalogue *make(void)
{
    struct vm vm = { 0 };
    struct qdev_error *err = NULL;
    struct qdev_catalogue *c = qdev_catalogue_ask(ask, &vm, &err);
    if (!c)
        fail_msg("%s", qdev_error_text(err));
    return c;
}

static void refuse_vm(struct answer own, enum qdev_error_kind kind)
{
    struct vm vm = { .own = { own } };
    struct qdev_error *err = NULL;
    assert_null(qdev_catalogue_ask(ask, &vm, &err));
    assert_non_null(err);
    assert_int_equal(qdev_error_kind(err), kind);
    qdev_error_free(err);
}

/* --- from a VM -------------------------------------------------------------------------------- */

static void test_what_is_no_answer_of_qemu_is_refused(void **state)
{
    refuse_vm((struct answer){ "query-version", NULL, "[]" }, QDEV_ERROR_ANSWER);
    refuse_vm((struct answer){ "query-version", NULL, "" }, QDEV_ERROR_ANSWER);
    refuse_vm((struct answer){ "query-version", NULL, NULL }, QDEV_ERROR_ANSWER);
    refuse_vm((struct answer){ "qom-list-types", NULL, "{}" }, QDEV_ERROR_ANSWER);
    refuse_vm((struct answer){ "qom-list-types", NULL, "[" }, QDEV_ERROR_ANSWER);
    refuse_vm((struct answer){ "qom-list-types", "device", "[{\"name\":\"a\"},{\"name\":\"a\"}]" },
              QDEV_ERROR_ANSWER);
    refuse_vm((struct answer){ "device-list-properties", "nic", "[" MAC "," MAC "]" },
              QDEV_ERROR_ANSWER);
    refuse_vm((struct answer){ "device-list-properties", "nic", "" }, QDEV_ERROR_ANSWER);
    refuse_vm((struct answer){ "human-monitor-command", NULL, "" }, QDEV_ERROR_ANSWER);
}

static void test_types_that_end_qemu_are_not_asked_for(void **state)
{
    struct qdev_catalogue *c = make(); /* ask() fails for types that it has no answer of */
    const struct qdev_driver *d = qdev_catalogue_find(c, QDEV_DEVICE, "virtio-vga-gl");
    assert_non_null(d);
    assert_true(qdev_driver_is_opaque(d));
    assert_true(qdev_driver_is_opaque(qdev_catalogue_find(c, QDEV_DEVICE, "colo-compare")));
    assert_false(qdev_driver_is_opaque(qdev_catalogue_find(c, QDEV_DEVICE, "nic")));
    qdev_catalogue_free(c);
}

static void test_a_type_whose_module_is_there_is_asked_for(void **state)
{
    struct vm vm = { .own = {
                         { "qom-list-types", "device",
                           "[{\"name\":\"virtio-vga-gl\"},{\"name\":\"virtio-gpu-gl-device\"}]" },
                         { "device-list-properties", NULL, "[" MAC "]" } } };
    struct qdev_catalogue *c = qdev_catalogue_ask(ask, &vm, NULL);
    assert_non_null(c);
    assert_int_equal(qdev_driver_count(qdev_catalogue_find(c, QDEV_DEVICE, "virtio-vga-gl")), 1);
    qdev_catalogue_free(c);
}

static void test_what_qemu_says_is_in_it(void **state)
{
    struct qdev_catalogue *c = make();
    const struct qdev_driver *d = qdev_catalogue_find(c, QDEV_DEVICE, "network");
    assert_string_equal(qdev_catalogue_qemu(c), "7.2.1 (Debian)");
    assert_int_equal(qdev_catalogue_count(c, QDEV_DEVICE), 5);
    assert_int_equal(qdev_catalogue_count(c, QDEV_OBJECT), 1);
    assert_int_equal(qdev_catalogue_count(c, QDEV_NETDEV), 0);
    assert_null(qdev_catalogue_at(c, QDEV_DEVICE, 5));
    assert_ptr_equal(d, qdev_catalogue_find(c, QDEV_DEVICE, "nic"));
    assert_string_equal(qdev_driver_name(d), "nic");
    assert_string_equal(qdev_driver_alias(d), "network");
    assert_string_equal(qdev_driver_bus(d), "PCI");
    assert_string_equal(qdev_driver_description(d), "A card, not more");
    assert_false(qdev_driver_is_internal(d));
    assert_true(qdev_driver_is_internal(qdev_catalogue_find(c, QDEV_DEVICE, "inner")));
    assert_int_equal(qdev_driver_count(d), 6);
    assert_string_equal(qdev_property_name(qdev_driver_at(d, 0)), "addr");
    assert_null(qdev_driver_at(d, 6));
    const struct qdev_property *p = qdev_driver_get(d, "speed");
    assert_string_equal(qdev_property_type(p), "uint16");
    assert_string_equal(qdev_property_default(p), "10");
    assert_null(qdev_property_description(p));
    assert_null(qdev_property_values(p));
    d = qdev_catalogue_find(c, QDEV_DEVICE, "disk");
    assert_string_equal(qdev_property_values(qdev_driver_get(d, "policy")), "report/ignore/auto");
    assert_string_equal(qdev_property_values(qdev_driver_get(d, "tick")), "discard/delay/slew");
    qdev_catalogue_free(c);
}

static void test_who_may_not_ask_the_human_monitor_does_without(void **state)
{
    struct vm vm = { .own = { { "human-monitor-command", NULL, NULL } } };
    struct qdev_catalogue *c = qdev_catalogue_ask(ask, &vm, NULL);
    assert_non_null(c);
    assert_null(qdev_driver_bus(qdev_catalogue_find(c, QDEV_DEVICE, "nic")));
    qdev_catalogue_free(c);
}

/* --- from a text ------------------------------------------------------------------------------ */

static void test_a_catalogue_that_was_written_reads_back(void **state)
{
    struct qdev_catalogue *c = make();
    CLEANUP_FREE char *text = qdev_catalogue_text(c);
    struct qdev_catalogue *again = qdev_catalogue_parse(text, NULL);
    assert_non_null(again);
    CLEANUP_FREE char *same = qdev_catalogue_text(again);
    assert_string_equal(text, same);
    assert_string_equal(qdev_property_default(qdev_driver_get(
                            qdev_catalogue_find(again, QDEV_DEVICE, "nic"), "addr")),
                        "-1");
    assert_true(qdev_driver_is_opaque(qdev_catalogue_find(again, QDEV_DEVICE, "colo-compare")));
    assert_true(qdev_driver_is_internal(qdev_catalogue_find(again, QDEV_DEVICE, "inner")));
    qdev_catalogue_free(again);
    qdev_catalogue_free(c);
}

static void test_a_text_that_is_no_catalogue_is_refused(void **state)
{
#define HEAD "{\"qdev-catalogue\":1,\"qemu\":\"7\","
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"qdev-catalogue\":2,\"qemu\":\"7\",\"properties\":[],\"devices\":[],\"objects\":[]}",
        "{\"qdev-catalogue\":1,\"properties\":[],\"devices\":[],\"objects\":[]}",
        HEAD "\"properties\":[],\"devices\":[]}",
        HEAD "\"properties\":[],\"devices\":{},\"objects\":[]}",
        HEAD "\"properties\":[1],\"devices\":[],\"objects\":[]}",
        HEAD "\"properties\":[[\"a\"]],\"devices\":[],\"objects\":[]}",
        HEAD "\"properties\":[[\"a\",\"\"]],\"devices\":[],\"objects\":[]}",
        HEAD "\"properties\":[[\"a\",\"b\",null,1,2]],\"devices\":[],\"objects\":[]}",
        HEAD "\"properties\":[[\"a\",\"b\",\"x\\u0000y\"]],\"devices\":[],\"objects\":[]}",
        HEAD "\"properties\":[],\"devices\":[{}],\"objects\":[]}",
        HEAD "\"properties\":[],\"devices\":[{\"name\":\"a\"}],\"objects\":[]}",
        HEAD "\"properties\":[],\"devices\":[{\"name\":\"a\\u0000b\",\"properties\":[]}],"
             "\"objects\":[]}",
        HEAD "\"properties\":[],\"devices\":[{\"name\":\"a\",\"properties\":[0]}],\"objects\":[]}",
        HEAD "\"properties\":[],\"devices\":[{\"name\":\"a\",\"properties\":[-1]}],\"objects\":[]}",
        HEAD "\"properties\":[[\"p\",\"str\"]],\"devices\":[{\"name\":\"a\",\"properties\":[0,0]}],"
             "\"objects\":[]}",
        HEAD "\"properties\":[],\"devices\":[{\"name\":\"a\",\"properties\":[]},{\"name\":\"a\","
             "\"properties\":[]}],\"objects\":[]}",
        HEAD "\"properties\":[],\"devices\":[],\"objects\":[]} x",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct qdev_error *err = NULL;
        struct qdev_catalogue *c = qdev_catalogue_parse(bad[i], &err);
        if (c || !err)
            fail_msg("taken: %s", bad[i]);
        qdev_error_free(err);
    }
    struct qdev_catalogue *good =
        qdev_catalogue_parse(HEAD "\"properties\":[],\"devices\":[],\"objects\":[]}", NULL);
    assert_non_null(good);
    qdev_catalogue_free(good);
}

/* --- what is wrong ---------------------------------------------------------------------------- */

static void check(const struct qdev_catalogue *c, enum qdev_kind kind, const char *text,
                  const char *why)
{
    struct qdev_error *err = NULL;
    struct qdev *q = qdev_from_argv(kind, text, &err);
    if (!q)
        fail_msg("%s: %s", text, qdev_error_text(err));
    int rc = qdev_validate(c, q, &err);
    qdev_free(q);
    if (!why && rc < 0)
        fail_msg("%s: %s", text, qdev_error_text(err));
    if (why) {
        assert_int_equal(rc, -1);
        assert_int_equal(qdev_error_kind(err), QDEV_ERROR_MEANING);
        assert_string_equal(qdev_error_text(err), why);
    }
    qdev_error_free(err);
}

static void test_what_is_wrong_is_named_and_what_was_meant(void **state)
{
    struct qdev_catalogue *c = make();
    static const char *const wrong[][2] = {
        { "nix", "QEMU 7.2.1 (Debian) has no device 'nix'; did you mean 'nic'?" },
        { "something", "QEMU 7.2.1 (Debian) has no device 'something'" },
        { "nic,mca=1", "nic has no property 'mca'; did you mean 'mac'?" },
        { "nic,sped=1", "nic has no property 'sped'; did you mean 'speed'?" },
        { "nic,x=1", "nic has no property 'x'" },
        { "network,entirely=1", "nic has no property 'entirely'" },
        { "nic,speed=65536", "nic: the value of 'speed' is no uint16" },
        { "nic,speed=-1", "nic: the value of 'speed' is no uint16" },
        { "nic,speed=fast", "nic: the value of 'speed' is no uint16" },
        { "nic,speed=1K", "nic: the value of 'speed' is no uint16" },
        { "nic,speed=0xzz", "nic: the value of 'speed' is no uint16" },
        { "{\"driver\":\"nic\",\"speed\":true}", "nic: the value of 'speed' is no uint16" },
        { "nic,rom=maybe", "nic: the value of 'rom' is no boolean, on or off (on/off)" },
        { "{\"driver\":\"nic\",\"mac\":1}",
          "nic: the value of 'mac' is no text (Ethernet 6-byte MAC Address, example: "
          "52:54:00:12:34:56)" },
        { "nic,part=x", "nic: 'part' is a part of it, which cannot be set" },
        { "disk,policy=stop", "disk: 'policy' cannot be 'stop': it is one of report/ignore/auto" },
        { "disk,policy=auto/",
          "disk: 'policy' cannot be 'auto/': it is one of report/ignore/auto" },
        { "disk,size=1Q", "disk: the value of 'size' is no size" },
        { "disk,ports[0]=1", "disk has no property 'ports[0]'" },
        { "inner", "inner is made by machines only" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        check(c, QDEV_DEVICE, wrong[i][0], wrong[i][1]);
    check(c, QDEV_OBJECT, "rgn,id=a",
          "QEMU 7.2.1 (Debian) has no object 'rgn'; did you mean 'rng'?");
    check(c, QDEV_OBJECT, "rng,id=a,file=x", "rng has no property 'file'");
    qdev_catalogue_free(c);
}

static void test_what_qemu_would_take_is_good(void **state)
{
    static const char *const good[] = {
        "nic",
        "network,id=n",
        "nic,bus=pci.0,addr=06.0",
        "nic,addr=6",
        "nic,mac=52:54:00:12:34:56",
        "nic,speed=65535,rom=off",
        "nic,speed=0x10",
        "nic,ports[0]=1",
        "colo-compare,anything=1",
        "disk,size=1M,policy=auto,tick=slew,new=whatever",
        "{\"driver\":\"disk\",\"size\":0}",
        "{\"driver\":\"nic\",\"rom\":true,\"addr\":\"06.0\"}",
    };
    struct qdev_catalogue *c = make();
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        check(c, QDEV_DEVICE, good[i], NULL);
    check(c, QDEV_OBJECT, "rng,id=a,filename=/dev/random", NULL);
    check(c, QDEV_NETDEV, "nothing,id=n,a=b", NULL);
    qdev_catalogue_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_answer_of_qemu_is_refused),
        cmocka_unit_test(test_types_that_end_qemu_are_not_asked_for),
        cmocka_unit_test(test_a_type_whose_module_is_there_is_asked_for),
        cmocka_unit_test(test_what_qemu_says_is_in_it),
        cmocka_unit_test(test_who_may_not_ask_the_human_monitor_does_without),
        cmocka_unit_test(test_a_catalogue_that_was_written_reads_back),
        cmocka_unit_test(test_a_text_that_is_no_catalogue_is_refused),
        cmocka_unit_test(test_what_is_wrong_is_named_and_what_was_meant),
        cmocka_unit_test(test_what_qemu_would_take_is_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
