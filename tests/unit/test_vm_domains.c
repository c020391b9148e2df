/* Which domain of which libvirt is which VM, and how it is called: ambiguity closes, never opens.
 */
#include "config.h"
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "proxy/vm_domains.h"
#include "proxy/vms.h"

#define UUID_A "11111111-2222-3333-4444-55555555555a"
#define UUID_B "11111111-2222-3333-4444-55555555555b"
#define UUID_C "11111111-2222-3333-4444-55555555555c"

static struct vms *vms;
static char words[400]; /* what changed by the latest call */

static int set_up(void **state)
{
    (void)state;
    vms = vms_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vms_free(vms);
    return 0;
}

static void take_changed(struct vm_names *changed)
{
    words[0] = '\0';
    for (size_t i = 0; i < changed->n; i++) {
        unit_add_word(words, sizeof(words), " ", changed->items[i]);
    }
    vm_names_free(changed);
}

static void set_at(const char *connection, const char *site, const char *uuid, const char *name,
                   uint64_t incarnation, bool arriving)
{
    struct vm_names changed = { 0 };
    struct vm_domain d = {
        .connection = connection,
        .site = site,
        .uuid = uuid,
        .name = name,
        .power = incarnation ? "running" : "shut off",
        .incarnation = incarnation,
        .arriving = arriving,
    };
    vms_set_domain(vms, &d, &changed);
    take_changed(&changed);
}

/* Each connection to a place of its own. */
static void set(const char *connection, const char *uuid, const char *name, uint64_t incarnation)
{
    set_at(connection, connection, uuid, name, incarnation, false);
}

static void drop(const char *connection, const char *uuid)
{
    struct vm_names changed = { 0 };
    vms_drop_domain(vms, connection, uuid, &changed);
    take_changed(&changed);
}

static void configure(const char *name)
{
    struct conf_vm vm = { .name = (char *)name, .socket = (char *)"/x" };
    struct conf conf = { .vms = &vm, .n_vms = name != NULL };
    vms_set_configured(vms, &conf);
}

/* All names, in order. */
static const char *names(void)
{
    static char text[400];
    size_t n;
    struct vm **list = vms_list(vms, &n);
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        unit_add_word(text, sizeof(text), " ", list[i]->name);
        vm_unref(list[i]);
    }
    free(list);
    return text;
}

/* The UUID of what is found, or "". */
static const char *found(const char *asked)
{
    static char uuid[40];
    struct vm *vm = vms_find(vms, asked);
    snprintf(uuid, sizeof(uuid), "%s", vm && vm->uuid ? vm->uuid : vm ? "none" : "");
    vm_unref(vm);
    return uuid;
}

static void test_a_name_that_two_vms_have_is_nobodys(void **state)
{
    (void)state;
    set("h1", UUID_A, "web1", 1);
    assert_string_equal(found("web1"), UUID_A);
    assert_string_equal(found("h1/web1"), UUID_A);
    set("h2", UUID_B, "web1", 0);
    assert_string_equal(names(), "h1/web1 h2/web1");
    assert_string_equal(found("web1"), "");
    assert_string_equal(found("h2/web1"), UUID_B);
    assert_non_null(strstr(words, "web1")); /* who is attached by that name is told */
    struct vm *vm = vms_find(vms, "h1/web1");
    assert_string_equal(vm->acl.name, "h1/web1"); /* no grant by the plain name holds for it */
    vm_unref(vm);
    drop("h2", UUID_B);
    assert_string_equal(names(), "web1");
    assert_string_equal(found("web1"), UUID_A);
}

static void test_a_rename_gives_names_back(void **state)
{
    (void)state;
    set("h1", UUID_A, "web1", 0);
    set("h2", UUID_B, "web1", 0);
    set("h2", UUID_B, "web2", 0);
    assert_string_equal(names(), "web1 web2");
    set("h1", UUID_A, "web2", 0);
    set("h2", UUID_B, "web1", 0); /* they have changed places */
    assert_string_equal(found("web1"), UUID_B);
    assert_string_equal(found("web2"), UUID_A);
}

static void test_a_configured_vm_keeps_its_name(void **state)
{
    (void)state;
    set("h1", UUID_A, "web1", 1);
    configure("web1");
    assert_string_equal(names(), "h1/web1 web1");
    assert_string_equal(found("web1"), "none");
    configure(NULL);
    assert_string_equal(names(), "web1");
    assert_string_equal(found("web1"), UUID_A);
}

static void test_names_that_a_vm_cannot_have_are_not_asked_for(void **state)
{
    static const char *const odd[] = { "a b",  "a/b",         "",   ".x",   "\xc3\xa9", "a\nb",
                                       UUID_B, "/etc/passwd", "..", "-\x01" };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
        CLEANUP_FREE char *full = mem_printf("h1/%s", odd[i]);
        set("h1", UUID_A, odd[i], 1);
        assert_string_equal(names(), UUID_A);
        assert_string_equal(found(odd[i]), "");
        assert_string_equal(found(full), "");
        assert_string_equal(found(UUID_A), UUID_A);
    }
}

static void test_two_that_run_with_one_uuid_are_believed_neither(void **state)
{
    (void)state;
    set("h1", UUID_A, "web1", 1);
    set("h2", UUID_A, "evil", 7);
    assert_string_equal(names(), "web1");
    struct vm *vm = vms_find(vms, UUID_A);
    assert_true(vm->contested);
    vm_unref(vm);
    set("h2", UUID_A, "evil", 0);
    vm = vms_find(vms, UUID_A);
    assert_false(vm->contested);
    assert_string_equal(vm->name, "web1");
    vm_unref(vm);
}

static void test_of_one_uuid_the_one_that_runs_is_the_vm(void **state)
{
    (void)state;
    set("h1", UUID_A, "web1", 0);
    set("h2", UUID_A, "web1", 3);
    assert_string_equal(names(), "web1"); /* one VM: its name is not taken twice */
    struct vm *vm = vms_find(vms, "web1");
    assert_string_equal(vm->connection, "h2");
    vm_unref(vm);
}

static void test_what_arrives_is_no_other_claimant(void **state)
{
    (void)state;
    set("h1", UUID_A, "web1", 1);
    set_at("h2", "h2", UUID_A, "web1", 1, true);
    struct vm *vm = vms_find(vms, "web1");
    assert_false(vm->contested);
    assert_string_equal(vm->connection, "h1");
    vm_unref(vm);
}

/* Each connection to a place of its own. */
static void set_moving(const char *connection, bool leaving, bool arriving, bool came)
{
    struct vm_names changed = { 0 };
    struct vm_domain d = {
        .connection = connection,
        .site = connection,
        .uuid = UUID_A,
        .name = "web1",
        .power = "running",
        .incarnation = 7,
        .leaving = leaving,
        .arriving = arriving,
        .came = came,
    };
    vms_set_domain(vms, &d, &changed);
    vm_names_free(&changed);
}

static void assert_contested(void)
{
    struct vm *vm = vms_find(vms, UUID_A);
    assert_true(vm->contested);
    vm_unref(vm);
}

static void assert_at(const char *connection)
{
    struct vm *vm = vms_find(vms, "web1");
    assert_false(vm->contested);
    assert_string_equal(vm->connection, connection);
    vm_unref(vm);
}

static void test_who_just_runs_elsewhere_is_not_the_vm_that_leaves(void **state)
{
    (void)state;
    set_moving("h1", true, false, false);
    set_moving("h2", false, false, false);
    assert_contested();
}

static void test_who_was_seen_to_start_is_not_the_vm_that_leaves(void **state)
{
    (void)state;
    set_moving("h1", true, false, false);
    set_moving("h2", false, true, false);
    assert_at("h1");
    set_moving("h2", false, false, false);
    assert_contested();
}

static void test_who_came_while_nobody_leaves_is_another_claimant(void **state)
{
    (void)state;
    set_moving("h1", false, false, false);
    set_moving("h2", false, true, true);
    set_moving("h2", false, false, false);
    assert_contested();
}

static void test_that_it_came_is_of_that_start_only(void **state)
{
    (void)state;
    set_moving("h1", true, false, false);
    set_moving("h2", false, true, true);
    set_moving("h2", false, false, false);
    assert_at("h2");
    set_at("h2", "h2", UUID_A, "web1", 0, false);
    set_at("h2", "h2", UUID_A, "web1", 8, false);
    assert_contested();
}

static void test_a_vm_that_moves_is_where_it_was_until_it_has_come(void **state)
{
    (void)state;
    set_moving("h2", true, false, false);
    set_moving("h1", false, true, true);
    assert_at("h2");
    set_moving("h1", false, false, false);
    assert_at("h1");
}

static void test_who_was_not_seen_to_arrive_may_be_said_to_have_come(void **state)
{
    (void)state;
    set_moving("h1", true, false, false);
    set_moving("h2", false, false, true);
    assert_at("h2");
    set_moving("h2", false, false, false); /* a later look */
    assert_at("h2");
}

static void test_two_ways_to_one_libvirtd_are_one_vm(void **state)
{
    (void)state;
    set_at("h1", "place", UUID_A, "web1", 1, false);
    set_at("h2", "place", UUID_A, "web1", 1, false);
    assert_string_equal(names(), "web1");
    struct vm *vm = vms_find(vms, "web1");
    assert_false(vm->contested);
    assert_string_equal(vm->connection, "h1");
    vm_unref(vm);
    drop("h1", UUID_A);
    vm = vms_find(vms, "web1");
    assert_string_equal(vm->connection, "h2");
    vm_unref(vm);
}

static void test_another_start_is_another_target(void **state)
{
    (void)state;
    set("h1", UUID_A, "web1", 1);
    struct vm *before = vms_find(vms, "web1");
    set("h1", UUID_A, "web1", 2);
    struct vm *after = vms_find(vms, "web1");
    assert_false(vm_same_target(before, after));
    vm_unref(after);
    set("h1", UUID_A, "web1", 1);
    after = vms_find(vms, "web1");
    assert_true(vm_same_target(before, after));
    vm_unref(before);
    vm_unref(after);
}

static void test_what_says_nothing_new_changes_nothing(void **state)
{
    (void)state;
    set("h1", UUID_A, "web1", 1);
    assert_string_equal(words, "web1");
    set("h1", UUID_A, "web1", 1);
    assert_string_equal(words, "");
}

static bool keep_b(void *opaque, const char *uuid)
{
    (void)opaque;
    return strcmp(uuid, UUID_B) == 0;
}

static void test_what_a_connection_has_no_more_goes_and_nobody_elses(void **state)
{
    (void)state;
    struct vm_names changed = { 0 };
    set("h1", UUID_A, "a", 0);
    set("h1", UUID_B, "b", 0);
    set("h2", UUID_C, "c", 0);
    vms_keep_domains(vms, "h1", keep_b, NULL, &changed);
    take_changed(&changed);
    assert_string_equal(words, "a");
    assert_string_equal(names(), "b c");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_name_that_two_vms_have_is_nobodys),
        TEST(test_a_rename_gives_names_back),
        TEST(test_a_configured_vm_keeps_its_name),
        TEST(test_names_that_a_vm_cannot_have_are_not_asked_for),
        TEST(test_two_that_run_with_one_uuid_are_believed_neither),
        TEST(test_of_one_uuid_the_one_that_runs_is_the_vm),
        TEST(test_what_arrives_is_no_other_claimant),
        TEST(test_who_just_runs_elsewhere_is_not_the_vm_that_leaves),
        TEST(test_who_was_seen_to_start_is_not_the_vm_that_leaves),
        TEST(test_who_came_while_nobody_leaves_is_another_claimant),
        TEST(test_that_it_came_is_of_that_start_only),
        TEST(test_a_vm_that_moves_is_where_it_was_until_it_has_come),
        TEST(test_who_was_not_seen_to_arrive_may_be_said_to_have_come),
        TEST(test_two_ways_to_one_libvirtd_are_one_vm),
        TEST(test_another_start_is_another_target),
        TEST(test_what_says_nothing_new_changes_nothing),
        TEST(test_what_a_connection_has_no_more_goes_and_nobody_elses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
