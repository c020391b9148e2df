/* How each VM is doing: what was said last, and nothing of those that are forgotten. */
#include "config.h"
#include "tests/unit/unit.h"

#include "proxy/vm_board.h"

static void test_nobody_asked_for_it_yet(void **state)
{
    struct vm_board *board = vm_board_new();
    struct vm_status status;
    (void)state;
    vm_board_get(board, "a", &status);
    assert_string_equal(status.state, "idle");
    assert_string_equal(status.reason, "");
    vm_board_forget(board, "a");
    assert_int_equal(vm_board_count(board), 0);
    vm_board_free(board);
}

static void test_what_was_said_last_counts(void **state)
{
    struct vm_board *board = vm_board_new();
    struct vm_status status;
    (void)state;
    vm_board_set(board, "a", &(struct vm_status){ .state = "unreachable", .reason = "why" });
    vm_board_set(board, "a", &(struct vm_status){ .state = "connected", .uuid = "1" });
    vm_board_get(board, "a", &status);
    assert_string_equal(status.state, "connected");
    assert_string_equal(status.reason, "");
    assert_string_equal(status.uuid, "1");
    assert_int_equal(vm_board_count(board), 1);
    vm_board_free(board);
}

static void test_thousands_that_are_forgotten_leave_nothing(void **state)
{
    struct vm_board *board = vm_board_new();
    struct vm_status status = { .state = "connected" };
    char name[16];
    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "vm%u", i);
        vm_board_set(board, name, &status);
        assert_int_equal(vm_board_count(board), 1);
        vm_board_forget(board, name);
    }
    assert_int_equal(vm_board_count(board), 0);
    vm_board_free(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_asked_for_it_yet),
        cmocka_unit_test(test_what_was_said_last_counts),
        cmocka_unit_test(test_thousands_that_are_forgotten_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
