/* libqdev's functions as a program uses them: what is refused, how each form is written, and that
 * what is written reads back. */
#include "config.h"
#include "tests/unit/unit.h"

#include <qdev.h>
#include "base/mem.h"
#include "libqdev/limits.h"

/* --- tools ------------------------------------------------------------------------------------ */

static void expect_error(struct qdev_error *err, enum qdev_error_kind kind, const char *text)
{
    assert_non_null(err);
    assert_string_equal(qdev_error_text(err), text);
    assert_int_equal(qdev_error_kind(err), kind);
    qdev_error_free(err);
}

static void expect_text(char *text, const char *wanted)
{
    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
}

static struct qdev *make(enum qdev_kind kind, const char *type, const char *id)
{
    struct qdev *q = qdev_new(kind, type, id, NULL);
    assert_non_null(q);
    return q;
}

static void set(struct qdev *q, const char *name, const char *value)
{
    assert_int_equal(qdev_set_string(qdev_members(q), name, value, NULL), 0);
}

static void refuse_argv(enum qdev_kind kind, const char *text, const char *why)
{
    struct qdev_error *err = NULL;
    assert_null(qdev_from_argv(kind, text, &err));
    expect_error(err, QDEV_ERROR_SYNTAX, why);
}

static void refuse_json(enum qdev_kind kind, const char *text, const char *why)
{
    struct qdev_error *err = NULL;
    assert_null(qdev_from_json(kind, text, &err));
    expect_error(err, QDEV_ERROR_SYNTAX, why);
}

static void refuse_qmp(enum qdev_kind kind, const char *text)
{
    struct qdev_error *err = NULL;
    assert_null(qdev_from_qmp(kind, text, &err));
    assert_non_null(err);
    qdev_error_free(err);
}

static void refuse_xml(const char *text)
{
    struct qdev **items = NULL;
    struct qdev_error *err = NULL;
    size_t n = 0;
    assert_int_equal(qdev_from_libvirt(text, &items, &n, &err), -1);
    assert_null(items);
    qdev_error_free(err);
}

/* A word that is read and written again stays as it is. */
static void keep_argv(enum qdev_kind kind, const char *text)
{
    struct qdev_error *err = NULL;
    struct qdev *q = qdev_from_argv(kind, text, &err);
    if (!q)
        fail_msg("%s: %s", text, qdev_error_text(err));
    expect_text(qdev_to_argv(q, NULL), text);
    qdev_free(q);
}

static void keep_json(enum qdev_kind kind, const char *text)
{
    struct qdev *q = qdev_from_json(kind, text, NULL);
    assert_non_null(q);
    expect_text(qdev_to_json(q, NULL), text);
    qdev_free(q);
}

static void keep_qmp(enum qdev_kind kind, const char *text)
{
    struct qdev_error *err = NULL;
    struct qdev *q = qdev_from_qmp(kind, text, &err);
    if (!q)
        fail_msg("%s: %s", text, qdev_error_text(err));
    expect_text(qdev_to_qmp(q, 0, NULL), text);
    qdev_free(q);
}

#define EXPECT_FORM_ERROR(written, why)          \
    do {                                         \
        struct qdev_error *err = NULL;           \
        assert_null(written);                    \
        expect_error(err, QDEV_ERROR_FORM, why); \
    } while (0)

/* --- what is not described -------------------------------------------------------------------- */

static void test_ids_that_qemu_refuses_are_refused(void **state)
{
    static const char *const bad[] = { "",   "1a", "a b", "a,b",      "a=b", "-a",
                                       "_a", "#a", "a/b", "\xc3\xa4", "a\n", ".a" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(qdev_new(QDEV_DEVICE, "e1000", bad[i], NULL));
    qdev_free(make(QDEV_DEVICE, "e1000", "a-1._B"));
}

static void test_a_node_name_has_31_bytes_at_most(void **state)
{
    struct qdev_error *err = NULL;
    qdev_free(make(QDEV_BLOCKDEV, "file", "a234567890123456789012345678901"));
    assert_null(qdev_new(QDEV_BLOCKDEV, "file", "a2345678901234567890123456789012", &err));
    assert_int_equal(qdev_error_kind(err), QDEV_ERROR_LIMIT);
    qdev_error_free(err);
}

static void test_types_that_print_help_are_refused(void **state)
{
    assert_null(qdev_new(QDEV_DEVICE, "help", NULL, NULL));
    assert_null(qdev_new(QDEV_DEVICE, "?", NULL, NULL));
    assert_null(qdev_new(QDEV_DEVICE, "{", NULL, NULL));
    assert_null(qdev_new(QDEV_DEVICE, "", NULL, NULL));
    assert_null(qdev_new(QDEV_DEVICE, NULL, NULL, NULL));
    assert_null(qdev_new(QDEV_DRIVE, "file", NULL, NULL));
    assert_null(qdev_new(QDEV_KIND_UNKNOWN, "file", NULL, NULL));
    assert_null(qdev_new((enum qdev_kind)99, "file", NULL, NULL));
}

static void test_the_type_and_the_id_are_no_members(void **state)
{
    struct qdev_error *err = NULL;
    struct qdev *q = make(QDEV_DEVICE, "e1000", NULL);
    assert_int_equal(qdev_set_string(qdev_members(q), "driver", "x", &err), -1);
    expect_error(err, QDEV_ERROR_ARGUMENT,
                 "'driver' is no member: it is given to qdev_new, or by qdev_set_id");
    assert_int_equal(qdev_set_string(qdev_members(q), "id", "x", NULL), -1);
    qdev_free(q);
}

static void test_an_id_that_is_refused_leaves_the_old_one(void **state)
{
    struct qdev *q = make(QDEV_DEVICE, "e1000", "a");
    assert_int_equal(qdev_set_id(q, "1", NULL), -1);
    assert_string_equal(qdev_id(q), "a");
    assert_int_equal(qdev_set_id(q, NULL, NULL), 0);
    assert_null(qdev_id(q));
    qdev_free(q);
}

static void test_text_that_is_not_utf8_is_refused(void **state)
{
    struct qdev *q = make(QDEV_DEVICE, "e1000", NULL);
    struct qdev_value *m = qdev_members(q);
    assert_int_equal(qdev_set_string(m, "a", "\xff", NULL), -1);
    assert_int_equal(qdev_set_string(m, "a", "\xc0\x80", NULL), -1);
    assert_int_equal(qdev_set_string(m, "\xff", "a", NULL), -1);
    assert_int_equal(qdev_set_string(m, "a", NULL, NULL), -1);
    assert_int_equal(qdev_set_string(m, NULL, "a", NULL), -1);
    assert_int_equal(qdev_set_string(m, "", "a", NULL), -1);
    assert_int_equal(qdev_set_enum(m, "a", "b,c", NULL), -1);
    assert_int_equal(qdev_set_enum(m, "a", "", NULL), -1);
    assert_int_equal(qdev_value_count(m), 0);
    qdev_free(q);
}

static void test_an_error_has_no_control_bytes(void **state)
{
    struct qdev_error *err = NULL;
    assert_null(qdev_new(QDEV_DEVICE, "e1000", "\033[2J\xff", &err));
    assert_string_equal(qdev_error_text(err),
                        "'?[2J?' is no id: letters, digits, '-', '.', '_', a letter first");
    qdev_error_free(err);
}

static void test_elements_have_no_names_and_scalars_no_members(void **state)
{
    struct qdev *q = make(QDEV_OBJECT, "x", "o");
    struct qdev_value *list = qdev_set_list(qdev_members(q), "l", NULL);
    assert_int_equal(qdev_set_int(list, "a", 1, NULL), -1);
    assert_int_equal(qdev_set_int(list, NULL, 1, NULL), 0);
    assert_int_equal(qdev_set_int(qdev_members(q), "n", 1, NULL), 0);
    assert_int_equal(qdev_set_int(qdev_value_edit(qdev_members(q), "n"), "a", 1, NULL), -1);
    qdev_free(q);
}

static void test_depth_has_a_limit(void **state)
{
    struct qdev_error *err = NULL;
    struct qdev *q = make(QDEV_BLOCKDEV, "x", "n");
    struct qdev_value *at = qdev_members(q);
    for (unsigned i = 0; i < LIMIT_QDEV_DEPTH; i++)
        at = qdev_set_object(at, "a", NULL);
    assert_non_null(at);
    assert_null(qdev_set_object(at, "a", &err));
    expect_error(err, QDEV_ERROR_LIMIT, "more than 512 levels");
    qdev_free(q);
}

static void test_values_have_a_limit_that_removing_gives_back(void **state)
{
    struct qdev *q = make(QDEV_BLOCKDEV, "x", "n");
    struct qdev_value *list = qdev_set_list(qdev_members(q), "l", NULL);
    size_t n = 0;
    while (qdev_set_null(list, NULL, NULL) == 0)
        n++;
    assert_int_equal(n, LIMIT_QDEV_VALUES - 2); /* the list, the members */
    assert_true(qdev_unset(qdev_members(q), "l"));
    assert_false(qdev_unset(qdev_members(q), "l"));
    assert_int_equal(qdev_set_null(qdev_members(q), "a", NULL), 0);
    qdev_free(q);
}

/* --- a command line --------------------------------------------------------------------------- */

static void test_argv_doubles_commas_and_nothing_else(void **state)
{
    struct qdev *q = make(QDEV_DEVICE, "e1000", "n");
    set(q, "a", "x,y,,z");
    set(q, "b", "x=y \"q\" 'r' \\ \xc3\xa4\xf0\x9f\x92\xa1");
    set(q, "c", "");
    set(q, "d", ",");
    expect_text(qdev_to_argv(q, NULL),
                "e1000,id=n,a=x,,y,,,,z,b=x=y \"q\" 'r' \\ \xc3\xa4\xf0\x9f\x92\xa1,c=,d=,,");
    qdev_free(q);
}

static void test_argv_has_booleans_as_on_and_off_and_sizes_in_digits(void **state)
{
    struct qdev *q = make(QDEV_DEVICE, "e1000", NULL);
    struct qdev_value *m = qdev_members(q);
    assert_int_equal(qdev_set_bool(m, "a", true, NULL), 0);
    assert_int_equal(qdev_set_bool(m, "b", false, NULL), 0);
    assert_int_equal(qdev_set_int(m, "c", INT64_MIN, NULL), 0);
    assert_int_equal(qdev_set_uint(m, "d", UINT64_MAX, NULL), 0);
    assert_int_equal(qdev_set_size(m, "e", 1u << 30, NULL), 0);
    assert_int_equal(qdev_set_enum(m, "f", "auto", NULL), 0);
    expect_text(qdev_to_argv(q, NULL),
                "e1000,a=on,b=off,c=-9223372036854775808,d=18446744073709551615,e=1073741824,"
                "f=auto");
    qdev_free(q);
}

static void test_a_type_with_a_comma_or_equals_sign_gets_its_name(void **state)
{
    keep_argv(QDEV_DEVICE, "driver=SUNW,,fdtwo,id=f");
    keep_argv(QDEV_DEVICE, "driver=a=b");
    struct qdev *q = qdev_from_argv(QDEV_DEVICE, "SUNW,,fdtwo", NULL);
    assert_string_equal(qdev_type(q), "SUNW,fdtwo");
    qdev_free(q);
}

static void test_words_read_and_written_stay_as_they_are(void **state)
{
    keep_argv(QDEV_DEVICE, "virtio-net-pci,id=n,mac=52:54:00:12:34:56,netdev=x");
    keep_argv(QDEV_DEVICE, "e1000,a=,,,b=,c==");
    keep_argv(QDEV_DEVICE, "e1000,x.y=1,z[0]=2");
    keep_argv(QDEV_OBJECT, "memory-backend-ram,id=m,size=64M,host-nodes=0,host-nodes=2-3");
    keep_argv(QDEV_NETDEV, "user,id=n,hostfwd=tcp::1-:2,hostfwd=tcp::3-:4,restrict=on");
    keep_argv(QDEV_NETDEV, "stream,id=s,addr.type=unix,addr.path=/a,,b");
    keep_argv(QDEV_BLOCKDEV, "qcow2,node-name=n,file.driver=file,file.filename=/a=b,,c");
    keep_argv(QDEV_BLOCKDEV, "quorum,node-name=n,children.0=a,children.1=b,vote-threshold=1");
    keep_argv(QDEV_CHARDEV, "socket,id=c,path=/x,server=on,wait=off");
    keep_argv(QDEV_DRIVE, "id=d,if=none,file=/x,file.locking=off");
    keep_argv(QDEV_DRIVE, "file=/x");
}

static void test_words_that_surprise_are_refused(void **state)
{
    refuse_argv(QDEV_DEVICE, "", "-device: a word must have 1 to 131071 bytes");
    refuse_argv(QDEV_DEVICE, ",", "-device: '' is no driver");
    refuse_argv(QDEV_DEVICE, "e1000,", "-device: there is nothing after the last comma");
    refuse_argv(QDEV_DEVICE, "e1000,a", "-device: 'a' has no value: write NAME=on");
    refuse_argv(QDEV_DEVICE, "e1000,=a", "-device: '' is no name");
    refuse_argv(QDEV_DEVICE, "e1000,help=on", "-device: 'help' is no name");
    refuse_argv(QDEV_DEVICE, "e1000,a=1,a=1", "-device: 'a' is there twice");
    refuse_argv(QDEV_DEVICE, "e1000,id=a,id=b", "-device: 'id' is there twice");
    refuse_argv(QDEV_DEVICE, "e1000,driver=b", "-device: 'driver' is there twice");
    refuse_argv(QDEV_NETDEV, "a,,b,id=n", "-netdev: 'a,b' is no type");
    refuse_argv(QDEV_OBJECT, "x,id=o,a=1,a=2", "-object: 'a' is there twice");
    refuse_argv(QDEV_OBJECT, "x", "-object x: it needs its id");
    refuse_argv(QDEV_DRIVE, "x", "-drive: 'x' has no value: write NAME=on");
    assert_null(qdev_from_argv(QDEV_DEVICE, "help", NULL));
    assert_null(qdev_from_argv(QDEV_DEVICE, "id=a", NULL));
    assert_null(qdev_from_argv(QDEV_DEVICE, "e1000,id=1", NULL));
    assert_null(qdev_from_argv(QDEV_DEVICE, "e1000,a=\xff", NULL));
    assert_null(qdev_from_argv(QDEV_CHARDEV, "{\"id\":\"c\"}", NULL));
}

static void test_dotted_keys_that_contradict_are_refused(void **state)
{
    refuse_argv(QDEV_BLOCKDEV, "x,node-name=n,a=1,a.b=2",
                "-blockdev: 'a.b' contradicts what is before it");
    refuse_argv(QDEV_BLOCKDEV, "x,node-name=n,a.b=1,a=2",
                "-blockdev: 'a' contradicts what is before it");
    refuse_argv(QDEV_BLOCKDEV, "x,node-name=n,a.1=x",
                "-blockdev: '1' is no number in a list without gaps");
    refuse_argv(QDEV_BLOCKDEV, "x,node-name=n,a.0=x,a.b=y",
                "-blockdev: 'b' is no number in a list without gaps");
    refuse_argv(QDEV_BLOCKDEV, "x,node-name=n,a.00=x", "-blockdev: 'a.00' is no name");
    refuse_argv(QDEV_BLOCKDEV, "x,node-name=n,0=x", "-blockdev: '0' is no name");
    refuse_argv(QDEV_BLOCKDEV, "x,node-name=n,a..b=x", "-blockdev: 'a..b' is no name");
    refuse_argv(QDEV_BLOCKDEV, "x,node-name=n,a.=x", "-blockdev: 'a.' is no name");
}

static void test_argv_says_what_it_cannot_hold(void **state)
{
    struct qdev *q = make(QDEV_DEVICE, "e1000", NULL);
    assert_non_null(qdev_set_list(qdev_members(q), "l", NULL));
    EXPECT_FORM_ERROR(qdev_to_argv(q, &err), "-device cannot hold 'l': QEMU reads no list there");
    assert_true(qdev_unset(qdev_members(q), "l"));
    assert_non_null(qdev_set_object(qdev_members(q), "o", NULL));
    EXPECT_FORM_ERROR(qdev_to_argv(q, &err),
                      "-device cannot hold 'o': it has no lists or objects there");
    assert_int_equal(qdev_set_null(qdev_members(q), "o", NULL), 0);
    EXPECT_FORM_ERROR(qdev_to_argv(q, &err), "-device cannot hold 'o': there is no null in it");
    assert_true(qdev_unset(qdev_members(q), "o"));
    set(q, "a,b", "x");
    EXPECT_FORM_ERROR(
        qdev_to_argv(q, &err),
        "-device cannot hold 'a,b': there are no commas or equals signs in its names");
    assert_true(qdev_unset(qdev_members(q), "a,b"));
    set(q, "help", "x");
    EXPECT_FORM_ERROR(qdev_to_argv(q, &err), "-device cannot hold 'help': QEMU would print help");
    qdev_free(q);
    q = make(QDEV_NETDEV, "user", "n");
    assert_non_null(qdev_set_list(qdev_members(q), "hostfwd", NULL));
    EXPECT_FORM_ERROR(qdev_to_argv(q, &err),
                      "-netdev cannot hold 'hostfwd': there is no empty list in it");
    qdev_free(q);
    q = make(QDEV_BLOCKDEV, "x", "n");
    assert_non_null(qdev_set_object(qdev_members(q), "o", NULL));
    EXPECT_FORM_ERROR(qdev_to_argv(q, &err),
                      "-blockdev cannot hold 'o': there are no empty lists or objects in it");
    assert_int_equal(qdev_set_int(qdev_value_edit(qdev_members(q), "o"), "a.b", 1, NULL), 0);
    assert_null(qdev_to_argv(q, NULL));
    qdev_free(q);
    q = make(QDEV_DRIVE, NULL, NULL);
    assert_null(qdev_to_argv(q, NULL));
    qdev_free(q);
}

static void test_a_word_that_linux_would_not_take_is_not_written(void **state)
{
    struct qdev *q = make(QDEV_DEVICE, "e", NULL);
    CLEANUP_FREE char *text = mem_zalloc(LIMIT_QDEV_WORD_BYTES);
    memset(text, 'x', LIMIT_QDEV_WORD_BYTES - 4);
    set(q, "a", text); /* "e,a=" */
    CLEANUP_FREE char *fits = qdev_to_argv(q, NULL);
    assert_non_null(fits);
    set(q, "ab", "");
    assert_null(qdev_to_argv(q, NULL));
    qdev_free(q);
}

/* --- JSON and QMP ----------------------------------------------------------------------------- */

static void test_json_read_and_written_stays_as_it_is(void **state)
{
    keep_json(QDEV_DEVICE, "{\"driver\":\"e1000\",\"id\":\"n\",\"a\":true,\"b\":[1,{\"c\":null}],"
                           "\"d\":\"x,\\\"y\\\"\",\"e\":-1,\"f\":18446744073709551615,\"g\":{},"
                           "\"h\":[],\"i\":\"\"}");
    keep_json(QDEV_BLOCKDEV, "{\"driver\":\"qcow2\",\"node-name\":\"n\",\"backing\":null,"
                             "\"file\":{\"driver\":\"file\",\"filename\":\"/x\"}}");
    keep_qmp(QDEV_NETDEV, "{\"type\":\"user\",\"id\":\"n\",\"hostfwd\":[{\"str\":\"tcp::1-:2\"}]}");
    keep_qmp(QDEV_OBJECT, "{\"qom-type\":\"memory-backend-ram\",\"id\":\"m\",\"size\":67108864}");
}

static void test_json_that_is_not_strict_is_refused(void **state)
{
    refuse_json(QDEV_DEVICE, "", "-device: not one JSON object: it begins otherwise at byte 0");
    refuse_json(QDEV_DEVICE, "[]", "-device: not one JSON object: it begins otherwise at byte 0");
    refuse_json(QDEV_DEVICE, "{\"driver\":\"a\"",
                "-device: not one JSON object: it ends too soon at byte 13");
    refuse_json(QDEV_DEVICE, "{\"driver\":\"a\"} {}",
                "-device: not one JSON object: more behind it at byte 15");
    refuse_json(QDEV_DEVICE, "{\"driver\":1}", "-device: 'driver' is no string");
    refuse_json(QDEV_DEVICE, "{\"driver\":\"a\",\"b\":1.5}",
                "-device: 'b': 1.5 is no integer of 64 bits");
    refuse_json(QDEV_DEVICE, "{\"driver\":\"a\",\"b\":18446744073709551616}",
                "-device: 'b': 18446744073709551616 is no integer of 64 bits");
    refuse_json(QDEV_OBJECT, "{\"qom-type\":\"a\"}", "-object a: it needs its id");
    assert_null(qdev_from_json(QDEV_DEVICE, "{\"driver\":\"a\",\"b\":1,\"b\":1}", NULL));
    assert_null(qdev_from_json(QDEV_DEVICE, "{'driver':'a'}", NULL));
    assert_null(qdev_from_json(QDEV_DEVICE, "{\"driver\":\"a\",\"b\":\"\\u0000\"}", NULL));
    assert_null(qdev_from_json(QDEV_DEVICE, "{\"driver\":\"a\",\"\":1}", NULL));
    assert_null(qdev_from_json(QDEV_DEVICE, "{}", NULL));
    assert_null(qdev_from_json(QDEV_CHARDEV, "{}", NULL));
    assert_null(qdev_from_json(QDEV_DRIVE, "{}", NULL));
}

static void test_device_add_refuses_what_qemu_drops(void **state)
{
    struct qdev *q = qdev_from_argv(QDEV_DEVICE, "{\"driver\":\"e\",\"l\":[1]}", NULL);
    EXPECT_FORM_ERROR(qdev_to_qmp(q, 0, &err),
                      "device_add: QEMU would drop 'l' without a word: it is no scalar");
    expect_text(qdev_to_qmp(q, QDEV_QMP_NESTED, NULL), "{\"driver\":\"e\",\"l\":[1]}");
    assert_null(qdev_to_qmp(q, 2, NULL));
    qdev_free(q);
}

static void test_what_has_no_type_is_not_written_where_one_is_needed(void **state)
{
    struct qdev *q = qdev_from_argv(QDEV_OBJECT, "x,id=o,share=on", NULL);
    EXPECT_FORM_ERROR(
        qdev_to_qmp(q, 0, &err),
        "object-add: 'share' is from a command line, which tells no types: set it again");
    bool share;
    assert_true(qdev_value_bool(qdev_value_get(qdev_members_of(q), "share"), &share));
    assert_int_equal(qdev_set_bool(qdev_members(q), "share", share, NULL), 0);
    expect_text(qdev_to_qmp(q, 0, NULL), "{\"qom-type\":\"x\",\"id\":\"o\",\"share\":true}");
    qdev_free(q);
    q = qdev_from_argv(QDEV_DEVICE, "e,a=4", NULL);
    expect_text(qdev_to_qmp(q, 0, NULL), "{\"driver\":\"e\",\"a\":\"4\"}");
    assert_null(qdev_to_json(q, NULL));
    qdev_free(q);
}

static void test_a_drive_has_no_command(void **state)
{
    struct qdev *q = qdev_from_argv(QDEV_DRIVE, "file=/x", NULL);
    EXPECT_FORM_ERROR(qdev_to_qmp(q, 0, &err),
                      "-drive has no QMP command: take a blockdev and a device");
    assert_null(qdev_to_json(q, NULL));
    qdev_free(q);
    refuse_qmp(QDEV_DRIVE, "{}");
}

/* --- chardevs --------------------------------------------------------------------------------- */

static void expect_chardev(const char *word, const char *arguments)
{
    struct qdev_error *err = NULL;
    struct qdev *q = qdev_from_argv(QDEV_CHARDEV, word, &err);
    if (!q)
        fail_msg("%s: %s", word, qdev_error_text(err));
    char *text = qdev_to_qmp(q, 0, &err);
    if (!text)
        fail_msg("%s: %s", word, qdev_error_text(err));
    expect_text(text, arguments);
    qdev_free(q);
    keep_qmp(QDEV_CHARDEV, arguments);
}

static void refuse_chardev(const char *word, const char *why)
{
    struct qdev *q = qdev_from_argv(QDEV_CHARDEV, word, NULL);
    assert_non_null(q);
    EXPECT_FORM_ERROR(qdev_to_qmp(q, 0, &err), why);
    qdev_free(q);
}

#define BACKEND(type, data) "{\"id\":\"c\",\"backend\":{\"type\":\"" type "\",\"data\":{" data "}}}"

static void test_chardevs_are_translated(void **state)
{
    expect_chardev("null,id=c", BACKEND("null", ""));
    expect_chardev("file,id=c,path=/a,,b,append=on,logfile=/l",
                   BACKEND("file", "\"out\":\"/a,b\",\"append\":true,\"logfile\":\"/l\""));
    expect_chardev("serial,id=c,path=/dev/ttyS0", BACKEND("serial", "\"device\":\"/dev/ttyS0\""));
    expect_chardev("ringbuf,id=c,size=64K", BACKEND("ringbuf", "\"size\":65536"));
    expect_chardev("socket,id=c,server=on,path=/x",
                   BACKEND("socket", "\"server\":true,\"addr\":{\"type\":\"unix\",\"data\":{"
                                     "\"path\":\"/x\"}},\"wait\":true"));
    expect_chardev("socket,id=c,host=h,port=1,ipv6=off,delay=off",
                   BACKEND("socket", "\"addr\":{\"type\":\"inet\",\"data\":{\"host\":\"h\","
                                     "\"port\":\"1\",\"ipv6\":false}},\"nodelay\":true,"
                                     "\"server\":false"));
    expect_chardev("udp,id=c,port=1,localport=2",
                   BACKEND("udp", "\"remote\":{\"type\":\"inet\",\"data\":{\"port\":\"1\","
                                  "\"host\":\"localhost\"}},\"local\":{\"type\":\"inet\",\"data\":{"
                                  "\"port\":\"2\",\"host\":\"\"}}"));
}

static void test_the_defaults_of_qmp_are_written_out(void **state)
{
    struct qdev *q = qdev_from_qmp(
        QDEV_CHARDEV, BACKEND("socket", "\"addr\":{\"type\":\"fd\",\"data\":{\"str\":\"5\"}}"),
        NULL);
    expect_text(qdev_to_argv(q, NULL), "socket,id=c,fd=5,server=on,wait=off");
    qdev_free(q);
}

static void test_chardevs_that_do_not_translate_are_refused(void **state)
{
    refuse_chardev("foo,id=c", "chardev-add: what 'foo' is there is not known");
    refuse_chardev("null,id=c,mux=on", "chardev-add: 'null' has no 'mux' that is known");
    refuse_chardev("socket,id=c,path=/x,host=h",
                   "chardev-add: 'host' does not go with an address of unix");
    refuse_chardev("file,id=c,path=/x,append=2", "chardev-add: 'append' must be on or off");
    refuse_chardev("vc,id=c,cols=x", "chardev-add: 'cols' must be an integer");
}

static void test_chardev_arguments_that_say_more_are_refused(void **state)
{
    refuse_qmp(QDEV_CHARDEV, BACKEND("file", "\"out\":\"/x\",\"in\":\"/y\""));
    refuse_qmp(QDEV_CHARDEV, BACKEND("file", "\"out\":1"));
    refuse_qmp(QDEV_CHARDEV, BACKEND("tty", "\"device\":\"/x\""));
    refuse_qmp(QDEV_CHARDEV, BACKEND("socket", "\"addr\":{\"type\":\"unix\",\"data\":{}}"));
    refuse_qmp(QDEV_CHARDEV, BACKEND("socket", "\"addr\":{\"type\":\"vsock\",\"data\":{"
                                               "\"cid\":\"1\",\"port\":\"2\"}}"));
    refuse_qmp(QDEV_CHARDEV, BACKEND("socket", "\"addr\":{\"type\":\"inet\",\"data\":{"
                                               "\"path\":\"/x\"}}"));
    refuse_qmp(QDEV_CHARDEV, BACKEND("socket", "\"addr.type\":\"unix\""));
    refuse_qmp(QDEV_CHARDEV, BACKEND("null", "\"a\":{}"));
    refuse_qmp(QDEV_CHARDEV, BACKEND("udp", "\"remote\":{\"type\":\"inet\",\"data\":{\"host\":\"\","
                                            "\"port\":\"1\"}}"));
    refuse_qmp(QDEV_CHARDEV, "{\"id\":\"c\",\"backend\":{\"type\":\"null\"}}");
    refuse_qmp(QDEV_CHARDEV, "{\"id\":\"c\",\"x\":1,\"backend\":{\"type\":\"null\",\"data\":{}}}");
    refuse_qmp(QDEV_CHARDEV, "{\"backend\":{\"type\":\"null\",\"data\":{}}}");
}

/* --- libvirt ---------------------------------------------------------------------------------- */

#define XML_BEGIN "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
#define XML_END   "</qemu:commandline>\n"

static void test_xml_is_written_and_read_back(void **state)
{
    struct qdev *items[] = { make(QDEV_DEVICE, "e1000", "n"), make(QDEV_DEVICE, "e1000", NULL) };
    struct qdev **read;
    size_t n;
    set(items[0], "a", "<&>'\"\n\t\r, \xc3\xa4");
    assert_non_null(qdev_set_list(qdev_members(items[1]), "l", NULL));
    CLEANUP_FREE char *xml = qdev_to_libvirt((const struct qdev *const *)items, 2, NULL);
    assert_string_equal(xml, XML_BEGIN
                        "  <qemu:arg value='-device'/>\n"
                        "  <qemu:arg value='e1000,id=n,a=&lt;&amp;&gt;&apos;\"&#10;&#9;&#13;,, "
                        "\xc3\xa4'/>\n"
                        "  <qemu:arg value='-device'/>\n"
                        "  <qemu:arg value='{\"driver\":\"e1000\",\"l\":[]}'/>\n" XML_END);
    assert_int_equal(qdev_from_libvirt(xml, &read, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_string_equal(qdev_value_string(qdev_value_get(qdev_members_of(read[0]), "a")),
                        "<&>'\"\n\t\r, \xc3\xa4");
    assert_true(qdev_equal(read[1], items[1]));
    qdev_array_free(read, n);
    qdev_free(items[0]);
    qdev_free(items[1]);
}

static void test_xml_as_others_write_it_is_read(void **state)
{
    struct qdev **read;
    size_t n;
    assert_int_equal(
        qdev_from_libvirt(" <!-- c --><qemu:commandline><qemu:arg value=\"-device\"\n/>"
                          "<qemu:arg value = 'e1000,a=&#x41;&#228;' ></qemu:arg>"
                          "</qemu:commandline >\n<!---->",
                          &read, &n, NULL),
        0);
    assert_int_equal(n, 1);
    expect_text(qdev_to_argv(read[0], NULL), "e1000,a=A\xc3\xa4");
    qdev_array_free(read, n);
    assert_int_equal(qdev_from_libvirt("<qemu:commandline></qemu:commandline>", &read, &n, NULL),
                     0);
    assert_int_equal(n, 0);
    qdev_array_free(read, n);
}

#define ARGS(args) "<qemu:commandline>" args "</qemu:commandline>"

static void test_xml_that_is_more_or_less_is_refused(void **state)
{
    refuse_xml("");
    refuse_xml("<qemu:commandline>");
    refuse_xml("<qemu:commandline/>");
    refuse_xml("<qemu:commandline xmlns:qemu='http://other'></qemu:commandline>");
    refuse_xml(ARGS("") "x");
    refuse_xml("<!DOCTYPE x [<!ENTITY a 'b'>]>" ARGS(""));
    refuse_xml(ARGS("<qemu:env name='a' value='b'/>"));
    refuse_xml(ARGS("<qemu:arg value='-device'/>"));
    refuse_xml(ARGS("<qemu:arg value='-vnc'/><qemu:arg value=':0'/>"));
    refuse_xml(ARGS("<qemu:arg value='-device'/><qemu:arg value='e,a=&x;'/>"));
    refuse_xml(ARGS("<qemu:arg value='-device'/><qemu:arg value='e,a=&#0;'/>"));
    refuse_xml(ARGS("<qemu:arg value='-device'/><qemu:arg value='e,a=&#xd800;'/>"));
    refuse_xml(ARGS("<qemu:arg value='-device'/><qemu:arg value='e,a=&#99999999999;'/>"));
    refuse_xml(ARGS("<qemu:arg value='-device'/><qemu:arg value='e,a=<'/>"));
    refuse_xml(ARGS("<qemu:arg value='-device'/><qemu:arg value='e,a=\x01'/>"));
    refuse_xml(ARGS("<qemu:arg value='-device'/><qemu:arg value='e' x='y'/>"));
    refuse_xml(ARGS("<qemu:arg value='-device'/><qemu:arg value=e/>"));
    refuse_xml(ARGS("<qemu:arg value='-device'/><qemu:arg value='e,'/>"));
    refuse_xml(ARGS("<!-- a -- b -->"));
    refuse_xml(ARGS("<!-- "));
}

static void test_xml_has_no_control_characters(void **state)
{
    struct qdev *q = make(QDEV_DEVICE, "e", NULL);
    set(q, "a", "\x01");
    const struct qdev *items[] = { q };
    EXPECT_FORM_ERROR(qdev_to_libvirt(items, 1, &err), "XML has no character U+0001");
    qdev_free(q);
}

/* --- values ----------------------------------------------------------------------------------- */

static void test_clones_and_orders_are_equal_and_values_differ(void **state)
{
    struct qdev *a = qdev_from_json(
        QDEV_BLOCKDEV, "{\"driver\":\"x\",\"node-name\":\"n\",\"a\":1,\"b\":{\"c\":[true,null]}}",
        NULL);
    struct qdev *b = qdev_from_json(
        QDEV_BLOCKDEV, "{\"b\":{\"c\":[true,null]},\"a\":1,\"node-name\":\"n\",\"driver\":\"x\"}",
        NULL);
    struct qdev *c = qdev_clone(a);
    assert_true(qdev_equal(a, b) && qdev_equal(a, c));
    assert_int_equal(qdev_set_uint(qdev_members(c), "a", 1, NULL), 0);
    assert_true(qdev_equal(a, c));
    assert_int_equal(qdev_set_uint(qdev_members(c), "a", 2, NULL), 0);
    assert_false(qdev_equal(a, c));
    assert_int_equal(qdev_set_int(qdev_members(c), "a", -1, NULL), 0);
    assert_int_equal(qdev_set_uint(qdev_members(a), "a", UINT64_MAX, NULL), 0);
    assert_false(qdev_equal(a, c)); /* the same bits */
    set(c, "a", "1");
    assert_false(qdev_equal(b, c));
    assert_int_equal(qdev_set_id(c, "m", NULL), 0);
    assert_false(qdev_equal(b, c));
    qdev_free(a);
    qdev_free(b);
    qdev_free(c);
}

static void test_an_enumeration_equals_its_string(void **state)
{
    struct qdev *a = make(QDEV_DEVICE, "e", NULL), *b = make(QDEV_DEVICE, "e", NULL);
    set(a, "a", "auto");
    assert_int_equal(qdev_set_enum(qdev_members(b), "a", "auto", NULL), 0);
    assert_true(qdev_equal(a, b));
    qdev_free(a);
    qdev_free(b);
}

static void test_a_value_may_be_set_from_itself(void **state)
{
    struct qdev *q = make(QDEV_DEVICE, "e", NULL);
    set(q, "a", "text");
    set(q, "a", qdev_value_string(qdev_value_get(qdev_members_of(q), "a")));
    expect_text(qdev_to_argv(q, NULL), "e,a=text");
    qdev_free(q);
}

static bool read_size(const char *text, uint64_t *size)
{
    CLEANUP_FREE char *word = mem_printf("e,a=%s", text);
    struct qdev *q = qdev_from_argv(QDEV_DEVICE, word, NULL);
    bool ok = qdev_value_size(qdev_value_get(qdev_members_of(q), "a"), size);
    qdev_free(q);
    return ok;
}

static void test_untyped_sizes_are_read_as_qemu_does(void **state)
{
    uint64_t n;
    assert_true(read_size("0", &n) && n == 0);
    assert_true(read_size("512", &n) && n == 512);
    assert_true(read_size("1b", &n) && n == 1);
    assert_true(read_size("4G", &n) && n == (uint64_t)4 << 30);
    assert_true(read_size("15E", &n) && n == (uint64_t)15 << 60);
    assert_false(read_size("16E", &n));
    assert_false(read_size("", &n) || read_size("K", &n) || read_size("-1", &n));
    assert_false(read_size("1X", &n) || read_size("1KK", &n) || read_size("010", &n));
    assert_false(read_size("18446744073709551616", &n));
}

static void test_values_are_of_their_type_only(void **state)
{
    struct qdev *q = make(QDEV_DEVICE, "e", NULL);
    struct qdev_value *m = qdev_members(q);
    bool b;
    int64_t i;
    uint64_t u;
    set(q, "s", "on");
    assert_false(qdev_value_bool(qdev_value_get(m, "s"), &b));
    assert_false(qdev_value_int(qdev_value_get(m, "s"), &i));
    assert_int_equal(qdev_set_int(m, "i", -1, NULL), 0);
    assert_false(qdev_value_uint(qdev_value_get(m, "i"), &u));
    assert_null(qdev_value_string(qdev_value_get(m, "i")));
    assert_int_equal(qdev_set_uint(m, "u", UINT64_MAX, NULL), 0);
    assert_false(qdev_value_int(qdev_value_get(m, "u"), &i));
    assert_true(qdev_value_uint(qdev_value_get(m, "u"), &u) && u == UINT64_MAX);
    assert_null(qdev_value_get(m, "x"));
    assert_null(qdev_value_at(m, 3));
    assert_string_equal(qdev_value_name(qdev_value_at(m, 2)), "u");
    qdev_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_that_qemu_refuses_are_refused),
        cmocka_unit_test(test_a_node_name_has_31_bytes_at_most),
        cmocka_unit_test(test_types_that_print_help_are_refused),
        cmocka_unit_test(test_the_type_and_the_id_are_no_members),
        cmocka_unit_test(test_an_id_that_is_refused_leaves_the_old_one),
        cmocka_unit_test(test_text_that_is_not_utf8_is_refused),
        cmocka_unit_test(test_an_error_has_no_control_bytes),
        cmocka_unit_test(test_elements_have_no_names_and_scalars_no_members),
        cmocka_unit_test(test_depth_has_a_limit),
        cmocka_unit_test(test_values_have_a_limit_that_removing_gives_back),
        cmocka_unit_test(test_argv_doubles_commas_and_nothing_else),
        cmocka_unit_test(test_argv_has_booleans_as_on_and_off_and_sizes_in_digits),
        cmocka_unit_test(test_a_type_with_a_comma_or_equals_sign_gets_its_name),
        cmocka_unit_test(test_words_read_and_written_stay_as_they_are),
        cmocka_unit_test(test_words_that_surprise_are_refused),
        cmocka_unit_test(test_dotted_keys_that_contradict_are_refused),
        cmocka_unit_test(test_argv_says_what_it_cannot_hold),
        cmocka_unit_test(test_a_word_that_linux_would_not_take_is_not_written),
        cmocka_unit_test(test_json_read_and_written_stays_as_it_is),
        cmocka_unit_test(test_json_that_is_not_strict_is_refused),
        cmocka_unit_test(test_device_add_refuses_what_qemu_drops),
        cmocka_unit_test(test_what_has_no_type_is_not_written_where_one_is_needed),
        cmocka_unit_test(test_a_drive_has_no_command),
        cmocka_unit_test(test_chardevs_are_translated),
        cmocka_unit_test(test_the_defaults_of_qmp_are_written_out),
        cmocka_unit_test(test_chardevs_that_do_not_translate_are_refused),
        cmocka_unit_test(test_chardev_arguments_that_say_more_are_refused),
        cmocka_unit_test(test_xml_is_written_and_read_back),
        cmocka_unit_test(test_xml_as_others_write_it_is_read),
        cmocka_unit_test(test_xml_that_is_more_or_less_is_refused),
        cmocka_unit_test(test_xml_has_no_control_characters),
        cmocka_unit_test(test_clones_and_orders_are_equal_and_values_differ),
        cmocka_unit_test(test_an_enumeration_equals_its_string),
        cmocka_unit_test(test_a_value_may_be_set_from_itself),
        cmocka_unit_test(test_untyped_sizes_are_read_as_qemu_does),
        cmocka_unit_test(test_values_are_of_their_type_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
