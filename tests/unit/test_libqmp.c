/* libqmp's functions as a program uses them: what is refused, what belongs to whom. Every command's
 * round trip is in tests/libqmp/test_commands. */
#define QMP_USE_UNSTABLE
#define QMP_NO_DEPRECATED
#include "config.h"
#include "tests/unit/unit.h"

#include <locale.h>
#include <qmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "libqmp/limits.h"
/* Fails unless the error says this; frees it. */
static void expect_error(struct qmp_error *err, enum qmp_error_kind kind, const char *text)
{
    assert_non_null(err);
    assert_string_equal(qmp_error_text(err), text);
    assert_int_equal(qmp_error_kind(err), kind);
    qmp_error_free(err);
}

static void expect_message(struct qmp_msg *msg, const char *text)
{
    assert_string_equal(qmp_msg_json(msg), text);
    assert_int_equal(qmp_msg_length(msg), strlen(text));
}

/* --- what is not built ------------------------------------------------------------------------ */

static void test_a_missing_member_is_not_sent(void **state)
{
    struct qmp_error *err = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    struct qmp_device_del_args *args = qmp_device_del_args_new();
    assert_int_equal(qmp_device_del_build(args, msg, &err), -1);
    assert_int_equal(qmp_error_outcome(err), QMP_OUTCOME_NOT_SENT);
    expect_error(err, QMP_ERROR_KIND_ARGUMENT, "device_del.id: is missing");
    expect_message(msg, "");
    qmp_device_del_args_free(args);
    qmp_msg_free(msg);
}

static void test_arguments_that_are_needed_cannot_be_null(void **state)
{
    struct qmp_error *err = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    assert_int_equal(qmp_device_del_build(NULL, msg, &err), -1);
    expect_error(err, QMP_ERROR_KIND_ARGUMENT, "device_del needs arguments");
    qmp_msg_free(msg);
}

static void test_optional_arguments_can_be_null(void **state)
{
    struct qmp_msg *msg = qmp_msg_new();
    assert_int_equal(qmp_query_named_block_nodes_build(NULL, msg, NULL), 0);
    expect_message(msg, "{\"execute\":\"query-named-block-nodes\"}");
    qmp_msg_free(msg);
}

static void test_an_unknown_value_is_not_sent(void **state)
{
    struct qmp_error *err = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    struct qmp_watchdog_set_action_args *args = qmp_watchdog_set_action_args_new();
    assert_int_equal(qmp_watchdog_set_action_build(args, msg, &err), -1);
    expect_error(err, QMP_ERROR_KIND_ARGUMENT,
                 "watchdog-set-action.action: has no value that QEMU knows");
    args->action = (enum qmp_watchdog_action)1000;
    assert_int_equal(qmp_watchdog_set_action_build(args, msg, NULL), -1);
    qmp_watchdog_set_action_args_free(args);
    qmp_msg_free(msg);
}

static void test_what_is_not_utf8_is_not_sent(void **state)
{
    static const char *const bad[] = {
        "\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"
    };
    struct qmp_msg *msg = qmp_msg_new();
    struct qmp_device_del_args *args = qmp_device_del_args_new();
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct qmp_error *err = NULL;
        free(args->id);
        args->id = mem_strdup(bad[i]);
        assert_int_equal(qmp_device_del_build(args, msg, &err), -1);
        expect_error(err, QMP_ERROR_KIND_ARGUMENT, "device_del.id: is not UTF-8");
    }
    qmp_device_del_args_free(args);
    qmp_msg_free(msg);
}

static void test_a_branch_that_needs_members_is_not_left_out(void **state)
{
    struct qmp_error *err = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    struct qmp_blockdev_options *args = qmp_blockdev_options_new();
    args->driver = QMP_BLOCKDEV_DRIVER_FILE;
    assert_int_equal(qmp_blockdev_add_build(args, msg, &err), -1);
    expect_error(err, QMP_ERROR_KIND_ARGUMENT, "blockdev-add: the branch of the union is missing");
    qmp_blockdev_options_free(args);
    qmp_msg_free(msg);
}

static void test_an_alternate_without_a_kind_is_not_sent(void **state)
{
    struct qmp_error *err = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    struct qmp_blockdev_options *args = qmp_blockdev_options_new();
    args->driver = QMP_BLOCKDEV_DRIVER_RAW;
    args->u.raw = qmp_blockdev_options_raw_new();
    args->u.raw->file = qmp_blockdev_ref_new();
    assert_int_equal(qmp_blockdev_add_build(args, msg, &err), -1);
    expect_error(err, QMP_ERROR_KIND_ARGUMENT, "blockdev-add.file: has no kind");
    err = NULL;
    args->u.raw->file->kind = QMP_BLOCKDEV_REF_KIND_REFERENCE;
    assert_int_equal(qmp_blockdev_add_build(args, msg, &err), -1);
    expect_error(err, QMP_ERROR_KIND_ARGUMENT, "blockdev-add.file: is missing");
    args->u.raw->file->u.reference = mem_strdup("disk");
    assert_int_equal(qmp_blockdev_add_build(args, msg, NULL), 0);
    expect_message(
        msg, "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"raw\",\"file\":\"disk\"}}");
    qmp_blockdev_options_free(args);
    qmp_msg_free(msg);
}

static void test_text_that_is_no_json_is_not_sent(void **state)
{
    static const char *const bad[] = { "", "hello", "{", "1 2", "{'a':1}", "\"\\ud800\"", "01" };
    struct qmp_msg *msg = qmp_msg_new();
    struct qmp_qom_set_args *args = qmp_qom_set_args_new();
    args->path = mem_strdup("/machine");
    args->property = mem_strdup("x");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct qmp_error *err = NULL;
        free(args->value);
        args->value = mem_strdup(bad[i]);
        assert_int_equal(qmp_qom_set_build(args, msg, &err), -1);
        expect_error(err, QMP_ERROR_KIND_ARGUMENT, "qom-set.value: is not one JSON value");
    }
    free(args->value);
    args->value = mem_strdup(" 12 ");
    assert_int_equal(qmp_qom_set_build(args, msg, NULL), 0);
    qmp_qom_set_args_free(args);
    qmp_msg_free(msg);
}

static void test_more_members_of_a_device_do_not_replace_its_own(void **state)
{
    struct qmp_error *err = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    struct qmp_device_add_args *args = qmp_device_add_args_new();
    args->driver = mem_strdup("e1000");
    args->more = mem_strdup("{\"mac\":\"52:54:00:12:34:56\",\"driver\":\"vfio-pci\"}");
    assert_int_equal(qmp_device_add_build(args, msg, &err), -1);
    expect_error(err, QMP_ERROR_KIND_ARGUMENT, "device_add.driver: is a member of its own");
    free(args->more);
    args->more = mem_strdup("[]");
    assert_int_equal(qmp_device_add_build(args, msg, NULL), -1);
    free(args->more);
    args->more = mem_strdup("{\"mac\":\"52:54:00:12:34:56\"}");
    assert_int_equal(qmp_device_add_build(args, msg, NULL), 0);
    expect_message(msg, "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"e1000\",\"mac\":"
                        "\"52:54:00:12:34:56\"}}");
    qmp_device_add_args_free(args);
    qmp_msg_free(msg);
}

static void test_out_of_band_is_for_commands_that_run_so(void **state)
{
    struct qmp_error *err = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    qmp_msg_set_oob(msg, true);
    assert_int_equal(qmp_query_status_build(NULL, msg, &err), -1);
    expect_error(err, QMP_ERROR_KIND_ARGUMENT, "query-status does not run out of band");
    qmp_msg_set_id(msg, UINT64_MAX);
    assert_int_equal(qmp_query_yank_build(NULL, msg, NULL), 0);
    expect_message(msg, "{\"exec-oob\":\"query-yank\",\"id\":18446744073709551615}");
    qmp_msg_free(msg);
}

static void test_a_message_that_failed_leaves_nothing_of_the_one_before(void **state)
{
    struct qmp_msg *msg = qmp_msg_new();
    expect_message(msg, "");
    assert_int_equal(qmp_stop_build(NULL, msg, NULL), 0);
    expect_message(msg, "{\"execute\":\"stop\"}");
    assert_int_equal(qmp_device_del_build(NULL, msg, NULL), -1);
    expect_message(msg, "");
    qmp_msg_free(msg);
}

static void test_arguments_that_contain_themselves_end(void **state)
{
    struct qmp_error *err = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    struct qmp_blockdev_options *args = qmp_blockdev_options_new();
    args->driver = QMP_BLOCKDEV_DRIVER_RAW;
    args->u.raw = qmp_blockdev_options_raw_new();
    args->u.raw->file = qmp_blockdev_ref_new();
    args->u.raw->file->kind = QMP_BLOCKDEV_REF_KIND_DEFINITION;
    args->u.raw->file->u.definition = args;
    assert_int_equal(qmp_blockdev_add_build(args, msg, &err), -1);
    assert_non_null(strstr(qmp_error_text(err), "is nested too deep"));
    qmp_error_free(err);
    args->u.raw->file->u.definition = NULL;
    qmp_blockdev_options_free(args);
    qmp_msg_free(msg);
}

/* --- hostile replies -------------------------------------------------------------------------- */

static void test_a_string_with_a_nul_is_no_reply(void **state)
{
    struct qmp_error *err = NULL;
    struct qmp_name_info *info = NULL;
    assert_int_equal(
        qmp_query_name_parse_reply("{\"return\":{\"name\":\"a\\u0000b\"}}", &info, &err), -1);
    assert_null(info);
    expect_error(err, QMP_ERROR_KIND_REPLY, "query-name.name: a string with a NUL in it");
}

static void test_a_reply_says_where_it_is_wrong(void **state)
{
    struct qmp_error *err = NULL;
    struct qmp_chardev_info_list *list = NULL;
    assert_int_equal(qmp_query_chardev_parse_reply(
                         "{\"return\":[{\"label\":\"a\",\"filename\":\"b\",\"frontend-open\":true},"
                         "{\"label\":\"a\",\"filename\":7,\"frontend-open\":true}]}",
                         &list, &err),
                     -1);
    assert_null(list);
    assert_int_equal(qmp_error_outcome(err), QMP_OUTCOME_UNKNOWN);
    expect_error(err, QMP_ERROR_KIND_REPLY, "query-chardev[1].filename: not a string");
}

static char *nested_image(unsigned levels)
{
    struct buf b = { 0 };
    BUF_ADD_LIT(&b, "{\"return\":[");
    for (unsigned i = 0; i < levels; i++)
        BUF_ADD_LIT(&b, "{\"backing-image\":");
    BUF_ADD_LIT(&b, "1");
    for (unsigned i = 0; i < levels; i++)
        BUF_ADD_LIT(&b, "}");
    buf_add(&b, "]}", 3);
    return buf_data(&b);
}

static void test_a_reply_that_is_too_deep_is_refused(void **state)
{
    for (unsigned levels = LIMIT_API_DEPTH - 2; levels <= 100000; levels *= 4) {
        struct qmp_error *err = NULL;
        struct qmp_block_info_list *list = NULL;
        char *json = nested_image(levels);
        assert_int_equal(qmp_query_block_parse_reply(json, &list, &err), -1);
        assert_null(list);
        qmp_error_free(err);
        free(json);
    }
}

static void test_a_chain_of_many_backing_files_is_read(void **state)
{
    struct buf b = { 0 };
    struct qmp_image_info *image = NULL;
    for (unsigned i = 0; i < 300; i++)
        BUF_ADD_LIT(
            &b, "{\"filename\":\"f\",\"format\":\"qcow2\",\"virtual-size\":1,\"backing-image\":");
    BUF_ADD_LIT(&b, "{\"filename\":\"f\",\"format\":\"raw\",\"virtual-size\":1}");
    for (unsigned i = 0; i < 300; i++)
        BUF_ADD_LIT(&b, "}");
    buf_add_char(&b, '\0');
    assert_int_equal(qmp_image_info_from_json(buf_data(&b), &image, NULL), 0);
    char *json = qmp_image_info_to_json(image, NULL);
    assert_non_null(json);
    assert_int_equal(strlen(json), buf_len(&b) - 1);
    free(json);
    qmp_image_info_free(image);
    buf_free(&b);
}

static void test_a_reply_does_not_make_more_than_may_be_kept(void **state)
{
    struct buf b = { 0 };
    struct qmp_error *err = NULL;
    struct qmp_migration_info *info = NULL;
    /* a long list of nothing fits: no place of it is larger than its text by much */
    BUF_ADD_LIT(&b, "{\"return\":{\"blocked-reasons\":[");
    for (unsigned i = 0; i < LIMIT_API_TOKENS + 1; i++)
        BUF_ADD_LIT(&b, "\"\",");
    buf_add(&b, "\"\"]}}", 6);
    assert_int_equal(qmp_query_migrate_parse_reply(buf_data(&b), &info, &err), -1);
    assert_null(info);
    qmp_error_free(err);
    buf_free(&b);
}

static void test_errors_hold_no_control_bytes(void **state)
{
    struct qmp_error *err = NULL;
    assert_int_equal(
        qmp_stop_parse_reply(
            "{\"error\":{\"class\":\"GenericError\",\"desc\":\"a\\u001b[2Jb\\nc\"}}", NULL, &err),
        -1);
    assert_string_equal(qmp_error_class(err), "GenericError");
    assert_int_equal(qmp_error_outcome(err), QMP_OUTCOME_FAILED);
    expect_error(err, QMP_ERROR_KIND_REFUSED, "a?[2Jb?c");
}

static void test_errors_may_be_unwanted(void **state)
{
    assert_int_equal(qmp_stop_parse_reply("{", NULL, NULL), -1);
    assert_int_equal(
        qmp_stop_parse_reply("{\"error\":{\"class\":\"a\",\"desc\":\"b\"}}", NULL, NULL), -1);
    assert_int_equal(qmp_query_status_parse_reply("{\"return\":{}}", NULL, NULL), -1);
    qmp_error_free(NULL);
}

static void test_white_space_around_a_reply_is_fine(void **state)
{
    assert_int_equal(qmp_stop_parse_reply(" \t\r\n{\"return\": {}}\r\n", NULL, NULL), 0);
}

static void test_a_result_may_be_unwanted(void **state)
{
    assert_int_equal(qmp_query_name_parse_reply("{\"return\":{\"name\":\"x\"}}", NULL, NULL), 0);
}

/* --- newer QEMUs ------------------------------------------------------------------------------ */

static void test_what_a_newer_qemu_says_is_unknown(void **state)
{
    struct qmp_status_info *info = NULL;
    assert_int_equal(
        qmp_query_status_parse_reply("{\"return\":{\"running\":true,\"singlestep\":false,"
                                     "\"status\":\"bored\",\"mood\":{}}}",
                                     &info, NULL),
        0);
    assert_int_equal(info->status, QMP_RUN_STATE_UNKNOWN);
    assert_null(qmp_run_state_to_string(info->status));
    qmp_status_info_free(info);
}

static void test_a_branch_of_a_newer_qemu_has_no_pointer(void **state)
{
    struct qmp_schema_info *info = NULL;
    assert_int_equal(qmp_schema_info_from_json(
                         "{\"name\":\"x\",\"meta-type\":\"tuple\",\"arity\":2}", &info, NULL),
                     0);
    assert_int_equal(info->meta_type, QMP_SCHEMA_META_TYPE_UNKNOWN);
    assert_null(info->u.builtin);
    qmp_schema_info_free(info);
}

static void test_qemu_s_own_unknown_is_another(void **state)
{
    assert_int_not_equal(QMP_NETWORK_ADDRESS_FAMILY_UNKNOWN_, QMP_NETWORK_ADDRESS_FAMILY_UNKNOWN);
    assert_string_equal(qmp_network_address_family_to_string(QMP_NETWORK_ADDRESS_FAMILY_UNKNOWN_),
                        "unknown");
    assert_int_equal(qmp_network_address_family_from_string("unknown"),
                     QMP_NETWORK_ADDRESS_FAMILY_UNKNOWN_);
    assert_int_equal(qmp_network_address_family_from_string("no-such"),
                     QMP_NETWORK_ADDRESS_FAMILY_UNKNOWN);
    assert_int_equal(qmp_network_address_family_from_string(NULL),
                     QMP_NETWORK_ADDRESS_FAMILY_UNKNOWN);
    assert_null(qmp_network_address_family_to_string((enum qmp_network_address_family)99));
}

/* --- events ----------------------------------------------------------------------------------- */

static void test_an_event_of_a_newer_qemu_keeps_what_it_says(void **state)
{
    struct qmp_event *event = NULL;
    assert_int_equal(qmp_event_parse("{\"event\":\"BORED\",\"data\":{\"a\": [1, 2]},\"timestamp\":"
                                     "{\"seconds\":7,\"microseconds\":8}}",
                                     &event, NULL),
                     0);
    assert_int_equal(event->kind, QMP_EVENT_KIND_UNKNOWN);
    assert_string_equal(event->name, "BORED");
    assert_string_equal(event->data, "{\"a\":[1,2]}");
    assert_int_equal(event->seconds, 7);
    assert_null(event->u.any);
    qmp_event_free(event);
    qmp_event_free(NULL);
}

static void test_an_event_comes_in_parts_too(void **state)
{
    struct qmp_error *err = NULL;
    struct qmp_event *event = NULL;
    assert_int_equal(qmp_event_parse_parts("RTC_CHANGE", 1, 2,
                                           "{\"offset\":78,\"qom-path\":\"/x\"}", &event, NULL),
                     0);
    assert_int_equal(event->kind, QMP_EVENT_KIND_RTC_CHANGE);
    assert_int_equal(event->u.rtc_change->offset, 78);
    qmp_event_free(event);
    assert_int_equal(qmp_event_parse_parts("STOP", 1, 2, NULL, &event, NULL), 0);
    assert_int_equal(event->kind, QMP_EVENT_KIND_STOP);
    qmp_event_free(event);
    assert_int_equal(qmp_event_parse_parts("RTC_CHANGE", 1, 2, NULL, &event, &err), -1);
    assert_null(event);
    expect_error(err, QMP_ERROR_KIND_REPLY, "RTC_CHANGE.offset: is missing");
    assert_int_equal(qmp_event_parse_parts("STOP", 1, 2, "[]", &event, NULL), -1);
    assert_int_equal(qmp_event_parse_parts("STOP", 1, 2, "{", &event, NULL), -1);
}

/* --- values ----------------------------------------------------------------------------------- */

static void test_lists_grow_and_own(void **state)
{
    struct qmp_str_list *list = qmp_str_list_new();
    for (unsigned i = 0; i < 100; i++)
        qmp_str_list_append(list, mem_printf("item %u", i));
    assert_int_equal(list->n, 100);
    assert_string_equal(list->items[99], "item 99");
    struct qmp_str_list *copy = qmp_str_list_copy(list);
    assert_true(qmp_str_list_equal(list, copy));
    copy->items[50][0] = 'I';
    assert_false(qmp_str_list_equal(list, copy));
    qmp_str_list_free(list);
    qmp_str_list_free(copy);
    qmp_str_list_free(NULL);
    assert_null(qmp_str_list_copy(NULL));
    assert_true(qmp_str_list_equal(NULL, NULL));
}

static void test_a_list_copied_or_read_grows_too(void **state)
{
    struct qmp_uint64_list *list = NULL, *copy;
    assert_int_equal(qmp_uint64_list_from_json("[1,2,18446744073709551615]", &list, NULL), 0);
    copy = qmp_uint64_list_copy(list);
    qmp_uint64_list_append(list, 4);
    qmp_uint64_list_append(copy, 4);
    assert_int_equal(list->n, 4);
    assert_true(list->items[2] == UINT64_MAX);
    assert_true(qmp_uint64_list_equal(list, copy));
    qmp_uint64_list_free(list);
    qmp_uint64_list_free(copy);
}

static void test_absent_members_do_not_count(void **state)
{
    struct qmp_block_resize_args *a = qmp_block_resize_args_new(), *b = qmp_block_resize_args_new();
    assert_true(qmp_block_resize_args_equal(a, b));
    a->node_name = mem_strdup("");
    assert_false(qmp_block_resize_args_equal(a, b));
    b->node_name = mem_strdup("");
    assert_true(qmp_block_resize_args_equal(a, b));
    struct qmp_job_info *x = qmp_job_info_new(), *y = qmp_job_info_new();
    x->current_progress = 1;
    assert_false(qmp_job_info_equal(x, y));
    qmp_job_info_free(x);
    qmp_job_info_free(y);
    qmp_block_resize_args_free(a);
    qmp_block_resize_args_free(b);

    struct qmp_blockdev_options *o = qmp_blockdev_options_new(), *p = qmp_blockdev_options_new();
    o->read_only = true; /* has_read_only is not set */
    assert_true(qmp_blockdev_options_equal(o, p));
    o->has_read_only = p->has_read_only = true;
    assert_false(qmp_blockdev_options_equal(o, p));
    qmp_blockdev_options_free(o);
    qmp_blockdev_options_free(p);
}

static void test_numbers_do_not_depend_on_the_locale(void **state)
{
    struct qmp_double_list *list = NULL;
    (void)setlocale(LC_NUMERIC, "de_DE.UTF-8"); /* where it is not installed, nothing changes */
    assert_int_equal(qmp_double_list_from_json("[0.5,-1e300,3,0.1]", &list, NULL), 0);
    char *json = qmp_double_list_to_json(list, NULL);
    assert_string_equal(json, "[0.5,-1e+300,3,0.1]");
    free(json);
    qmp_double_list_free(list);
    setlocale(LC_NUMERIC, "C");
}

static void test_a_number_that_is_none_is_not_sent(void **state)
{
    struct qmp_double_list *list = qmp_double_list_new();
    qmp_double_list_append(list, 1.0 / 0.0);
    assert_null(qmp_double_list_to_json(list, NULL));
    qmp_double_list_free(list);
}

/* --- commands of any name --------------------------------------------------------------------- */

static void test_a_name_that_no_command_has_is_not_sent(void **state)
{
    static const char *const names[] = { "", "a b", "a\"b", "a\n", "{}" };
    struct qmp_msg *msg = qmp_msg_new();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct qmp_error *err = NULL;
        assert_int_equal(qmp_execute_build(names[i], NULL, msg, &err), -1);
        assert_int_equal(qmp_error_kind(err), QMP_ERROR_KIND_ARGUMENT);
        assert_string_equal(qmp_msg_json(msg), "");
        qmp_error_free(err);
    }
    qmp_msg_free(msg);
}

static void test_arguments_of_any_command_are_one_object(void **state)
{
    static const char *const texts[] = { "", "[]", "7", "{},{}", "{\"a\":1,\"a\":2}", "{\"a\":}" };
    struct qmp_msg *msg = qmp_msg_new();
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_int_equal(qmp_execute_build("x-new", texts[i], msg, NULL), -1);
        assert_string_equal(qmp_msg_json(msg), "");
    }
    qmp_msg_free(msg);
}

static void test_any_command_is_built_and_its_reply_taken_apart(void **state)
{
    char *result = NULL;
    struct qmp_error *err = NULL;
    struct qmp_msg *msg = qmp_msg_new();
    qmp_msg_set_oob(msg, true);
    assert_int_equal(qmp_execute_build("x-new", " { \"a\" : [1e3] } ", msg, NULL), 0);
    assert_string_equal(qmp_msg_json(msg), "{\"exec-oob\":\"x-new\",\"arguments\":{\"a\":[1e3]}}");
    qmp_msg_free(msg);
    assert_int_equal(qmp_execute_parse_reply("{\"return\": [1, {}]}", &result, NULL), 0);
    assert_string_equal(result, "[1,{}]");
    free(result);
    assert_int_equal(qmp_execute_parse_reply("{\"return\":1,\"error\":{}}", &result, NULL), -1);
    assert_null(result);
    assert_int_equal(qmp_execute_parse_reply("{\"error\":{\"class\":\"GenericError\",\"desc\":"
                                             "\"permission denied: no\"}}",
                                             &result, &err),
                     -1);
    assert_int_equal(qmp_error_kind(err), QMP_ERROR_KIND_REFUSED);
    assert_true(qmp_error_is_denied(err));
    qmp_error_free(err);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_missing_member_is_not_sent),
        cmocka_unit_test(test_arguments_that_are_needed_cannot_be_null),
        cmocka_unit_test(test_optional_arguments_can_be_null),
        cmocka_unit_test(test_an_unknown_value_is_not_sent),
        cmocka_unit_test(test_what_is_not_utf8_is_not_sent),
        cmocka_unit_test(test_a_branch_that_needs_members_is_not_left_out),
        cmocka_unit_test(test_an_alternate_without_a_kind_is_not_sent),
        cmocka_unit_test(test_text_that_is_no_json_is_not_sent),
        cmocka_unit_test(test_more_members_of_a_device_do_not_replace_its_own),
        cmocka_unit_test(test_out_of_band_is_for_commands_that_run_so),
        cmocka_unit_test(test_a_message_that_failed_leaves_nothing_of_the_one_before),
        cmocka_unit_test(test_arguments_that_contain_themselves_end),
        cmocka_unit_test(test_a_string_with_a_nul_is_no_reply),
        cmocka_unit_test(test_a_reply_says_where_it_is_wrong),
        cmocka_unit_test(test_a_reply_that_is_too_deep_is_refused),
        cmocka_unit_test(test_a_chain_of_many_backing_files_is_read),
        cmocka_unit_test(test_a_reply_does_not_make_more_than_may_be_kept),
        cmocka_unit_test(test_errors_hold_no_control_bytes),
        cmocka_unit_test(test_errors_may_be_unwanted),
        cmocka_unit_test(test_white_space_around_a_reply_is_fine),
        cmocka_unit_test(test_a_result_may_be_unwanted),
        cmocka_unit_test(test_what_a_newer_qemu_says_is_unknown),
        cmocka_unit_test(test_a_branch_of_a_newer_qemu_has_no_pointer),
        cmocka_unit_test(test_qemu_s_own_unknown_is_another),
        cmocka_unit_test(test_an_event_of_a_newer_qemu_keeps_what_it_says),
        cmocka_unit_test(test_an_event_comes_in_parts_too),
        cmocka_unit_test(test_lists_grow_and_own),
        cmocka_unit_test(test_a_list_copied_or_read_grows_too),
        cmocka_unit_test(test_absent_members_do_not_count),
        cmocka_unit_test(test_numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(test_a_number_that_is_none_is_not_sent),
        cmocka_unit_test(test_a_name_that_no_command_has_is_not_sent),
        cmocka_unit_test(test_arguments_of_any_command_are_one_object),
        cmocka_unit_test(test_any_command_is_built_and_its_reply_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
